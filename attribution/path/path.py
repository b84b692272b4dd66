"""The straight path from a baseline to each row, and the gradients along it."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.blocks import call_size, extended, near_equal_slices
from tfx_explain.attribution.model.matrices import Layout, layouts, places, side_by_side
from tfx_explain.attribution.model.traced import run
from tfx_explain.attribution.path.along import Along, Outputs, Points, Slopes
from tfx_explain.attribution.path.sums import add_by_path, add_weighted, secant_sums, weighted_sums
from tfx_explain.attribution.problem.problem import Problem

Arrays = dict[str, np.ndarray]


class Path:
    """Evaluates, at any points of the paths from baselines to rows, the output and its derivative by feature."""

    def __init__(self, problem: Problem, batch_size: int) -> None:
        """Prepares the paths; gradients are asked in batches of at most `batch_size`.

        Raises:
            ValueError: if a feature's tensor is ragged or not float, so that there is no straight path.
        """
        self._problem = problem
        self.batch_size = problem.batch_rows(batch_size)
        tensors = {key: problem.inputs[key] for key in problem.owners}
        for key, tensor in tensors.items():
            if isinstance(tensor, tf.RaggedTensor) or not tensor.dtype.is_floating:
                raise ValueError(
                    f"tensor {key!r} is {'ragged' if isinstance(tensor, tf.RaggedTensor) else tensor.dtype.name}; path "
                    "methods need dense float tensors. Explain it with SampledShapley, or at its encoded tensor."
                )
        # Narrower sums, of half precision, would lose what the mesh is refined by.
        self.dtype = np.float64 if any(tensor.dtype == tf.float64 for tensor in tensors.values()) else np.float32
        self._layouts = layouts(tensors, problem.own)
        keys = [[columns.key for columns in layout] for layout in self._layouts]
        self._ends = [side_by_side([tensors[key].numpy() for key in of_one]) for of_one in keys]
        self._starts = [side_by_side([problem.baselines[key].numpy() for key in of_one]) for of_one in keys]
        self._held = [_held(layout, problem) for layout in self._layouts]

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
        program = self._program(alike=False)
        for part in near_equal_slices(len(rows), max(1, self.batch_size // max(1, alphas.shape[1]))):
            for points in near_equal_slices(alphas.shape[1], self.batch_size):
                some = alphas[part, points]
                found = run(self._problem.model, program, self._points(_part(baselines, part), rows[part], some))
                outputs[part, points] = _first(found[0], some.shape)
                slopes[part, points] = _of_points(program, found[1], some.shape)
        return outputs, slopes

    def weighted_slopes(
        self,
        baseline: int,
        rows: np.ndarray,
        rule: tuple[np.ndarray, np.ndarray],
        maps: Arrays,
        by_secants: bool = False,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sums slopes at the same points of all paths; takes less time than `slopes`.

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
        outputs, rises = np.empty((len(rows), len(alphas))), np.empty((len(rows), len(alphas)))
        values = np.empty((len(rows), len(weights) + by_secants, len(self._problem.features)))
        program = self._program(alike=True, kept=tuple(maps))
        for part in near_equal_slices(len(rows), max(1, self.batch_size // len(alphas)), len(alphas)):
            shape = len(alphas), part.stop - part.start
            slopes = np.empty((*shape, len(self._problem.features)), self.dtype)
            totals = {key: np.zeros((1, shape[1], *maps[key].shape[1:])) for key in maps}
            for points in near_equal_slices(len(alphas), self.batch_size):
                some = points.stop - points.start, shape[1]
                found = run(self._problem.model, program, self._points_alike(baseline, rows[part], alphas[points]))
                outputs[part, points] = _first(found[0], some).T
                slopes[points] = _of_points(program, found[1], some)
                for key, total in totals.items():
                    add_weighted(_first(found[2][key], some), weights[:1, points], total)
            rises[part] = np.einsum("npf->pn", slopes, dtype=np.float64)
            values[part, : len(weights)] = weighted_sums(slopes, weights)
            if by_secants:
                values[part, -1] = secant_sums(alphas, outputs[part], rises[part], slopes)
            for key, (total,) in totals.items():
                step = self._step(baseline, rows[part], key)
                maps[key][part] = _where_moved(total, step) * step
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
        program = self._program(alike=False, kept=tuple(keys))
        counts = rule.shape[1] - (rule[:, ::-1, 1] != 0).argmax(axis=1)
        for count in np.unique(counts):
            alike = np.flatnonzero(counts == count)
            for part in near_equal_slices(len(alike), max(1, self.batch_size // count)):
                which = alike[part]
                totals = {key: np.zeros((len(which), *sums[key].shape[1:])) for key in keys}
                for points in near_equal_slices(count, self.batch_size):
                    alphas, weights = np.moveaxis(rule[which, points], 2, 0)
                    found = run(self._problem.model, program, self._points(baseline, rows[which], alphas))
                    for key, total in totals.items():
                        add_by_path(_first(found[2][key], alphas.shape), weights, total)
                for key, total in totals.items():
                    sums[key][which] = total * self._step(baseline, rows[which], key)
        return sums

    def empty_maps(self, rows: np.ndarray, keys: Collection[str]) -> Arrays:
        """Returns room for maps of some rows, float64 `[rows, ...]` by key."""
        return {key: np.zeros((len(rows), *self._problem.inputs[key].shape[1:])) for key in keys}

    def outputs(self, baselines: int | np.ndarray, rows: np.ndarray, alpha: float) -> np.ndarray:
        """Returns float64 `[paths]` outputs at one alpha, without gradients; other arguments are those of `slopes`."""
        outputs = np.empty(len(rows))
        program = Outputs(Along(self._layouts, alike=False))
        for part in near_equal_slices(len(rows), self.batch_size):
            alphas = np.full((part.stop - part.start, 1), alpha)
            found = run(self._problem.model, program, self._points(_part(baselines, part), rows[part], alphas))
            outputs[part] = _first(found, alphas.shape[:1])
        return outputs

    def gradient_sizes(self, rows: np.ndarray) -> np.ndarray:
        """Returns float `[rows, features]`, the absolute gradients at the rows, summed over each feature's tensors."""
        sizes = np.empty((len(rows), len(self._problem.features)), self.dtype)
        program = self._program(alike=False, sizes=True)
        for part in near_equal_slices(len(rows), self.batch_size):
            shape = part.stop - part.start, 1
            _, found, _ = run(self._problem.model, program, self._points(0, rows[part], np.ones(shape)))
            sizes[part] = _of_points(program, found, shape)[:, 0]
        return sizes

    def _program(self, alike: bool, kept: tuple[str, ...] = (), sizes: bool = False) -> Slopes:
        found = [self._problem.owners[columns.key] for layout in self._layouts for columns in layout]
        owners = tuple(tuple(owner.tolist()) if isinstance(owner, np.ndarray) else owner for owner in found)
        dtype = tf.as_dtype(self.dtype)
        return Slopes(Along(self._layouts, alike), owners, len(self._problem.features), dtype, kept, sizes)

    def _points(self, baselines: int | np.ndarray, rows: np.ndarray, alphas: np.ndarray) -> Points:
        """Returns points at `alphas` `[paths, points]`, and what makes a whole call of them."""
        size, each = call_size(alphas.size, self.batch_size), alphas.shape[1]
        rows, alphas = (extended(array, -(-size // each)) for array in (rows, alphas))
        baselines = extended(baselines, len(rows)) if isinstance(baselines, np.ndarray) else baselines
        return self._call(baselines, rows, alphas, np.repeat(rows, each)[:size])

    def _points_alike(self, baseline: int, rows: np.ndarray, alphas: np.ndarray) -> Points:
        """Returns points at `alphas` `[points]` of all paths, and what makes a whole call of them."""
        size = call_size(len(rows) * len(alphas), self.batch_size)
        alphas = extended(alphas, -(-size // len(rows)))
        return self._call(baseline, rows, alphas, np.tile(rows, len(alphas))[:size])

    def _call(self, baselines: int | np.ndarray, rows: np.ndarray, alphas: np.ndarray, each: np.ndarray) -> Points:
        """Returns what the model is called with; `each` of its rows is of one of the problem's."""
        starts, steps = self._steps(baselines, rows)
        inputs, owners = self._problem.inputs, self._problem.owners
        held = {key: tf.gather(tensor, each) for key, tensor in inputs.items() if key not in owners}
        targets = tf.constant(self._problem.targets[each])
        alphas = alphas.astype(self.dtype, copy=False).reshape(-1)
        return Points([*map(tf.constant, starts)], [*map(tf.constant, steps)], tf.constant(alphas), held, targets)

    def _steps(self, baselines: int | np.ndarray, rows: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Returns the starts of paths, by matrix `[paths, columns]`, and the steps to their ends."""
        starts, steps = [], []
        for layout, every_end, every_start, held in zip(
            self._layouts, self._ends, self._starts, self._held, strict=True
        ):
            ends = every_end[rows]
            at = np.minimum(np.atleast_1d(baselines), len(every_start) - 1)
            start = every_start[(at, rows) if layout[0].key in self._problem.own else at]
            start = np.where(held, ends, start) if held.any() else np.broadcast_to(start, ends.shape)
            starts.append(start)
            steps.append(ends - start)
        return starts, steps

    def _step(self, baseline: int, rows: np.ndarray, key: str) -> np.ndarray:
        """Returns the steps `[paths, ...]` of a tensor that is a feature as a whole."""
        _, steps = self._steps(baseline, rows)
        for layout, step in zip(self._layouts, steps, strict=True):
            for columns, which in zip(layout, places(layout), strict=True):
                if columns.key == key:
                    return step[:, which].reshape(len(rows), *columns.shape)
        raise KeyError(key)


def _held(layout: Layout, problem: Problem) -> np.ndarray:
    """Returns bool `[columns]`, which numbers of a matrix stay as they are in the row."""
    owners = [np.broadcast_to(problem.owners[columns.key], columns.shape) for columns in layout]
    return np.concatenate([owner.reshape(-1) for owner in owners]) < 0


def _first(found: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Returns the first of `[rows, ...]`, `[*shape, ...]`: what a call was extended by is left out."""
    values = np.asarray(found)
    return values[: math.prod(shape)].reshape(*shape, *values.shape[1:])


def _of_points(program: Slopes, found: tf.Tensor, shape: tuple[int, int]) -> np.ndarray:
    """Returns slopes that a program found of `shape` paths and points, or points and paths: `[*shape, features]`."""
    slopes = np.asarray(found)
    if program.is_by_row:
        return _first(slopes, shape)
    return np.moveaxis(slopes[:, : math.prod(shape)].reshape(len(slopes), *shape), 0, 2)


def _where_moved(gradients: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Returns sums of gradients, 0 where they are not finite and what they are by stays as it is."""
    return np.where((steps == 0) & ~np.isfinite(gradients), 0, gradients)


def _part(baselines: int | np.ndarray, part: slice) -> int | np.ndarray:
    return baselines[part] if isinstance(baselines, np.ndarray) else baselines
