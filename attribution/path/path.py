"""The straight path from a baseline to each row, and the gradients along it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.blocks import call_size, extended, lengthened, near_equal_slices
from tfx_explain.attribution.path.sums import SlopeSums, add_by_path, add_weighted
from tfx_explain.attribution.problem.problem import Problem

Arrays = dict[str, np.ndarray]

# From so many numbers a row on, TensorFlow's products of small matrices are faster than NumPy's and a copy.
_WIDE = 64


class Path:
    """Evaluates, at any points of the paths from baselines to rows, the output and its derivative by feature."""

    def __init__(self, problem: Problem, batch_size: int) -> None:
        """Prepares the paths; gradients are asked in batches of at most `batch_size`.

        Raises:
            ValueError: if a feature's tensor is ragged or not float, so that there is no straight path.
        """
        self._problem = problem
        self.batch_size = problem.batch_rows(batch_size)
        # Narrower sums, of half precision, would lose what the mesh is refined by.
        dtypes = [problem.inputs[key].dtype.as_numpy_dtype for key in problem.owners]
        self.dtype = np.float64 if np.float64 in dtypes else np.float32
        for key in problem.owners:
            tensor = problem.inputs[key]
            if isinstance(tensor, tf.RaggedTensor) or not tensor.dtype.is_floating:
                raise ValueError(
                    f"tensor {key!r} is {'ragged' if isinstance(tensor, tf.RaggedTensor) else tensor.dtype.name}; path "
                    "methods need dense float tensors. Explain it with SampledShapley, or at its encoded tensor."
                )
        self._ends = {key: problem.inputs[key].numpy() for key in problem.owners}
        self._starts = {key: problem.baselines[key].numpy() for key in problem.owners}

    def slopes(
        self, baselines: int | np.ndarray, rows: np.ndarray, alphas: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Evaluates points on paths.

        Args:
            baselines: where paths start, one baseline for all or int `[paths]`.
            rows: int `[paths]`, where they end.
            alphas: float `[paths, points]`, where on them, from 0 at the baseline to 1 at the row.

        Returns:
            Outputs `[paths, points]`, float64, and derivatives by alpha `[paths, points, features]`, float32 or the
            gradients' own wider type: the gradient times the step from baseline to row, summed over each feature's
            tensors. The sum over features is the output's own derivative.
        """
        outputs = np.empty(alphas.shape)
        slopes = np.empty((*alphas.shape, len(self._problem.features)), self.dtype)
        for part in near_equal_slices(len(rows), max(1, self.batch_size // max(1, alphas.shape[1]))):
            starts, steps = self._steps(_part(baselines, part), rows[part])
            for points in near_equal_slices(alphas.shape[1], self.batch_size):
                some = alphas[part, points]
                inputs, targets = self._points(rows[part], some, starts, steps)
                found, gradients = self._problem.model.gradients(inputs, targets)
                outputs[part, points] = np.asarray(found).reshape(-1)[: some.size].reshape(some.shape)
                by_path = {
                    key: np.asarray(gradients[key])[: some.size].reshape(*some.shape, *step.shape[1:])
                    for key, step in steps.items()
                }
                self._sum_by_feature(by_path, steps, slopes[part, points])
        return outputs, slopes

    def weighted_slopes(
        self,
        baseline: int,
        rows: np.ndarray,
        rule: tuple[np.ndarray, np.ndarray],
        maps: Arrays,
        by_secants: bool = False,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sums slopes at the same points of all paths; takes less time than `slopes`, which keeps each.

        Args:
            baseline: where paths start.
            rows: int `[paths]`, where they end.
            rule: alphas, float64 `[points]`, and weights of several sums, float64 `[sums, points]`; where the weight is
                0, no slope is read.
            maps: of the keys of some features, float64 `[paths, ...]`; the first sum of each of their numbers' slopes
                is written there.
            by_secants: whether another sum follows, in which intervals' ends weigh what `secant_share` says.

        Returns:
            Outputs, float64 `[paths, points]`, their own derivatives, float64 of the same shape, and the sums of
            slopes, float64 `[paths, sums, features]`.
        """
        alphas, weights = rule
        outputs, rises = np.empty((len(rows), len(alphas))), np.zeros((len(rows), len(alphas)))
        values = np.empty((len(rows), len(weights) + by_secants, len(self._problem.features)))
        for part in near_equal_slices(len(rows), max(1, self.batch_size // len(alphas)), len(alphas)):
            starts, steps = self._steps(baseline, rows[part])
            shapes = {key: step.shape if self._has_columns(key) else (len(step),) for key, step in steps.items()}
            sums = SlopeSums(alphas, weights, shapes, by_secants)
            numbers = {key: np.zeros((1, *steps[key].shape)) for key in maps}
            for points in near_equal_slices(len(alphas), self.batch_size):
                outputs[part, points], gradients = self._gradients_first(rows[part], alphas[points], starts, steps)
                slopes = {}
                for key, step in steps.items():
                    along = self._along(_where_moved(gradients[key], step[None]), step[None])
                    rises[part, points] += along.T
                    slopes[key] = gradients[key] if self._has_columns(key) else along
                    if key in maps:
                        add_weighted(gradients[key], weights[:1, points], numbers[key])
                sums.add(points, slopes, outputs[part], rises[part])
            self._totals_by_feature(sums.totals, steps, values[part])
            for key, (total,) in numbers.items():
                maps[key][part] = _where_moved(total, steps[key]) * steps[key]
        return outputs, rises, values

    def maps(self, baseline: int, rows: np.ndarray, rule: np.ndarray, keys: Collection[str]) -> Arrays:
        """Sums the slopes of each number of some features by each path's own rule, in a gradient for each point.

        Args:
            baseline: where paths start.
            rows: int `[paths]`, where they end.
            rule: float64 `[paths, points, 2]`, alphas and weights; the last ones, of weight 0, cost nothing.
            keys: of tensors that are features as a whole.

        Returns:
            By key, float64 `[paths, ...]`. A slope that is not finite counts 0: where one is, its weight is next to 0,
            or the row's integral is not finite either.
        """
        sums = self.empty_maps(rows, keys)
        counts = rule.shape[1] - (rule[:, ::-1, 1] != 0).argmax(axis=1)
        for count in np.unique(counts):
            alike = np.flatnonzero(counts == count)
            for part in near_equal_slices(len(alike), max(1, self.batch_size // count)):
                which = alike[part]
                starts, steps = self._steps(baseline, rows[which])
                totals = {key: np.zeros(steps[key].shape) for key in keys}
                for points in near_equal_slices(count, self.batch_size):
                    alphas, weights = np.moveaxis(rule[which, points], 2, 0)
                    inputs, targets = self._points(rows[which], alphas, starts, steps)
                    _, gradients = self._problem.model.gradients(inputs, targets)
                    for key, total in totals.items():
                        found = np.asarray(gradients[key])[: alphas.size].reshape(*alphas.shape, *total.shape[1:])
                        add_by_path(found, weights, total)
                for key, total in totals.items():
                    sums[key][which] = total * steps[key]
        return sums

    def empty_maps(self, rows: np.ndarray, keys: Collection[str]) -> Arrays:
        """Returns room for maps of some rows, float64 `[rows, ...]` by key."""
        return {key: np.zeros((len(rows), *self._ends[key].shape[1:])) for key in keys}

    def outputs(self, baselines: int | np.ndarray, rows: np.ndarray, alpha: float) -> np.ndarray:
        """Returns float64 `[paths]` outputs at one alpha, without gradients; other arguments are those of `slopes`."""
        outputs = np.empty(len(rows))
        for part in near_equal_slices(len(rows), self.batch_size):
            starts, steps = self._steps(_part(baselines, part), rows[part])
            alphas = np.full((part.stop - part.start, 1), alpha)
            predicted = self._problem.model.predict(*self._points(rows[part], alphas, starts, steps))
            outputs[part] = np.asarray(predicted).reshape(-1)[: len(alphas)]
        return outputs

    def gradient_sizes(self, rows: np.ndarray) -> np.ndarray:
        """Returns float `[rows, features]`, the absolute gradients at the rows, summed over each feature's tensors."""
        sizes = np.empty((len(rows), 1, len(self._problem.features)), self.dtype)
        for part in near_equal_slices(len(rows), self.batch_size):
            starts, steps = self._steps(0, rows[part])
            inputs, targets = self._points(rows[part], np.ones((part.stop - part.start, 1)), starts, steps)
            _, gradients = self._problem.model.gradients(inputs, targets)
            absolute = {key: np.abs(np.asarray(gradients[key])[: len(step), None]) for key, step in steps.items()}
            self._sum_by_feature(absolute, {key: np.ones_like(step) for key, step in steps.items()}, sizes[part])
        return sizes[:, 0]

    def _steps(self, baselines: int | np.ndarray, rows: np.ndarray) -> tuple[Arrays, Arrays]:
        """Returns the starts `[paths or 1, ...]` of paths, and the steps `[paths, ...]` to their ends."""
        starts, steps = {}, {}
        for key, owner in self._problem.owners.items():
            ends = self._ends[key][rows]
            at = np.minimum(np.atleast_1d(baselines), len(self._starts[key]) - 1)
            starts[key] = self._starts[key][(at, rows) if key in self._problem.own else at]
            if isinstance(owner, np.ndarray) and (owner < 0).any():
                starts[key] = np.where(owner >= 0, starts[key], ends)
            steps[key] = ends - starts[key]
        return starts, steps

    def _points(
        self, rows: np.ndarray, alphas: np.ndarray, starts: Arrays, steps: Arrays
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Returns the model's inputs `[call size, ...]` at `alphas` `[paths, points]`, and targets `[call size]`."""
        weights = np.ones((*alphas.shape, 2), self.dtype)
        weights[:, :, 0] = alphas
        points = {}
        for key, step in steps.items():
            ends = np.empty((len(step), 2, *step.shape[1:]), step.dtype)
            ends[:, 0], ends[:, 1] = step, starts[key]
            ends = ends.reshape(len(step), 2, math.prod(step.shape[1:]))
            shares = weights.astype(step.dtype, copy=False)
            # A product of small matrices writes the points once; a product and a sum would go over them twice.
            if ends.shape[2] < _WIDE:
                points[key] = tf.constant(np.matmul(shares, ends).reshape(-1, *step.shape[1:]))
            else:
                along = tf.raw_ops.BatchMatMulV2(x=tf.constant(shares), y=tf.constant(ends))
                points[key] = tf.raw_ops.Reshape(tensor=along, shape=tf.constant((-1, *step.shape[1:])))
        return self._inputs(points, rows, functools.partial(np.repeat, repeats=alphas.shape[1]))

    def _points_first(
        self, rows: np.ndarray, alphas: np.ndarray, starts: Arrays, steps: Arrays
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Returns the same for `alphas` `[points]` of all paths; the paths at the first point come first."""
        weights = np.stack([alphas, np.ones_like(alphas)], axis=1)
        points = {}
        for key, step in steps.items():
            # One long row for each point, of which a matrix product writes each number once.
            ends = np.stack([step, np.broadcast_to(starts[key], step.shape)]).reshape(2, -1)
            moved = tf.raw_ops.MatMul(a=tf.constant(weights.astype(step.dtype)), b=tf.constant(ends))
            points[key] = tf.raw_ops.Reshape(tensor=moved, shape=tf.constant((-1, *step.shape[1:])))
        return self._inputs(points, rows, functools.partial(np.tile, reps=len(alphas)))

    def _gradients_first(
        self, rows: np.ndarray, alphas: np.ndarray, starts: Arrays, steps: Arrays
    ) -> tuple[np.ndarray, Arrays]:
        """Returns outputs `[paths, points]` at `alphas` `[points]`, and gradients by key, `[points, paths, ...]`.

        By point first: long operations on all the paths, and no sum whose order depends on their number.
        """
        found, gradients = self._problem.model.gradients(*self._points_first(rows, alphas, starts, steps))
        shape = len(alphas), len(rows)
        size = math.prod(shape)
        by_point = {
            key: np.asarray(gradients[key])[:size].reshape(*shape, *step.shape[1:]) for key, step in steps.items()
        }
        return np.asarray(found).reshape(-1)[:size].reshape(shape).T, by_point

    def _inputs(
        self, points: dict[str, tf.Tensor], rows: np.ndarray, spread: Callable[[np.ndarray], np.ndarray]
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Adds to `points` what the model takes besides, of `rows`; `spread` repeats it for each of their points."""
        targets = spread(self._problem.targets[rows])
        size = call_size(len(targets), self.batch_size)
        inputs = {key: lengthened(tensor, size) for key, tensor in points.items()}
        held = self._problem.inputs.keys() - points.keys()
        if held:
            each = extended(spread(rows), size)
            inputs |= {key: tf.gather(self._problem.inputs[key], each) for key in held}
        return inputs, tf.constant(extended(targets, size))

    def _sum_by_feature(self, gradients: Arrays, steps: Arrays, sums: np.ndarray) -> None:
        """Writes gradients `[paths, points, ...]` times steps `[paths, ...]`, summed by feature, into `sums`."""
        features, only = sums.shape[2], len(gradients) == 1
        if not only:
            sums[:] = 0
        for key, gradient in gradients.items():
            owner, step = self._problem.owners[key], steps[key]
            gradient = _where_moved(gradient, step[:, None])
            if isinstance(owner, np.ndarray):
                if only and step.ndim == 2 and np.array_equal(owner, np.arange(features)):
                    np.multiply(gradient, step[:, None], out=sums)
                    continue
                products = (gradient * step[:, None]).reshape(*sums.shape[:2], -1, len(owner))
                products = products.sum(axis=2, dtype=sums.dtype)
                # Not a matrix product: 0 times a gradient that is not finite would spoil the other features.
                sums[:] = 0 if only else sums
                for column in np.flatnonzero(owner >= 0):
                    sums[:, :, owner[column]] += products[:, :, column]
            else:
                along = self._along(gradient, step[:, None])
                sums[:, :, owner] = along if only else sums[:, :, owner] + along

    def _totals_by_feature(self, totals: Arrays, steps: Arrays, values: np.ndarray) -> None:
        """Writes what `SlopeSums` adds up to into `values` `[paths, sums, features]`."""
        columns = {key: np.moveaxis(total, 0, 1) for key, total in totals.items() if self._has_columns(key)}
        self._sum_by_feature(columns, steps, values)
        for key, total in totals.items():
            if not self._has_columns(key):
                values[:, :, self._problem.owners[key]] += total.T

    def _has_columns(self, key: str) -> bool:
        """Whether the tensor's columns are features."""
        return isinstance(self._problem.owners[key], np.ndarray)

    def _along(self, gradients: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Multiplies gradients `[n, m, ...]` by steps `[1 or n, 1 or m, ...]`, and sums to `[n, m]`."""
        width = math.prod(gradients.shape[2:])
        gradients, steps = (
            array.reshape(*array.shape[:2], width).astype(self.dtype, copy=False) for array in (gradients, steps)
        )
        # A matrix product may begin threads of its own, which take the processors from the model's.
        return np.einsum("nmi,nmi->nm", gradients, steps)


def _where_moved(gradients: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Returns gradients `[n, m, ...]`, 0 where they are not finite and what they are by stays as it is.

    Of a number whose step `[1 or n, 1 or m, ...]` is 0 nothing is asked: 0 times an infinite gradient is 0.
    """
    if np.isfinite(gradients.sum()):
        return gradients
    return np.where((steps == 0) & ~np.isfinite(gradients), 0, gradients)


def _part(baselines: int | np.ndarray, part: slice) -> int | np.ndarray:
    return baselines[part] if isinstance(baselines, np.ndarray) else baselines
