"""The straight path from a baseline to each row, and the gradients along it."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.blocks import call_size, extended, near_equal_slices
from tfx_explain.attribution.problem import Problem

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
        # Narrower sums, of half precision, would lose what the mesh is refined by.
        dtypes = [problem.inputs[key].dtype.as_numpy_dtype for key in problem.owners]
        self._dtype = np.float64 if np.float64 in dtypes else np.float32
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
        slopes = np.empty((*alphas.shape, len(self._problem.features)), self._dtype)
        for part in near_equal_slices(len(rows), max(1, self.batch_size // max(1, alphas.shape[1]))):
            starts, steps = self._steps(_part(baselines, part), rows[part])
            for points in near_equal_slices(alphas.shape[1], self.batch_size):
                some = alphas[part, points]
                inputs, targets = self._points(rows[part], some, starts, steps)
                found, gradients = self._problem.model.gradients(inputs, targets)
                outputs[part, points] = tf.reshape(found, [-1]).numpy()[: some.size].reshape(some.shape)
                by_path = {
                    key: gradients[key].numpy()[: some.size].reshape(*some.shape, *step.shape[1:])
                    for key, step in steps.items()
                }
                self._sum_by_feature(by_path, steps, slopes[part, points])
        return outputs, slopes

    def outputs(self, baselines: int | np.ndarray, rows: np.ndarray, alpha: float) -> np.ndarray:
        """Returns float64 `[paths]` outputs at one alpha, without gradients; other arguments are those of `slopes`."""
        outputs = np.empty(len(rows))
        for part in near_equal_slices(len(rows), self.batch_size):
            starts, steps = self._steps(_part(baselines, part), rows[part])
            alphas = np.full((part.stop - part.start, 1), alpha)
            predicted = self._problem.model.predict(*self._points(rows[part], alphas, starts, steps))
            outputs[part] = tf.reshape(predicted, [-1]).numpy()[: len(alphas)]
        return outputs

    def gradient_sizes(self, rows: np.ndarray) -> np.ndarray:
        """Returns float `[rows, features]`, the absolute gradients at the rows, summed over each feature's tensors."""
        sizes = np.empty((len(rows), 1, len(self._problem.features)), self._dtype)
        for part in near_equal_slices(len(rows), self.batch_size):
            starts, steps = self._steps(0, rows[part])
            inputs, targets = self._points(rows[part], np.ones((part.stop - part.start, 1)), starts, steps)
            _, gradients = self._problem.model.gradients(inputs, targets)
            absolute = {key: np.abs(gradients[key].numpy()[: len(step), None]) for key, step in steps.items()}
            self._sum_by_feature(absolute, {key: np.ones_like(step) for key, step in steps.items()}, sizes[part])
        return sizes[:, 0]

    def _steps(self, baselines: int | np.ndarray, rows: np.ndarray) -> tuple[Arrays, Arrays]:
        """Returns the starts `[paths or 1, ...]` of paths, and the steps `[paths, ...]` to their ends."""
        starts, steps = {}, {}
        for key, owner in self._problem.owners.items():
            ends = self._ends[key][rows]
            starts[key] = self._starts[key][rows if key in self._problem.own else np.atleast_1d(baselines)]
            if isinstance(owner, np.ndarray) and (owner < 0).any():
                starts[key] = np.where(owner >= 0, starts[key], ends)
            steps[key] = ends - starts[key]
        return starts, steps

    def _points(
        self, rows: np.ndarray, alphas: np.ndarray, starts: Arrays, steps: Arrays
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Returns the model's inputs `[call size, ...]` at `alphas` `[paths, points]`, and targets `[call size]`."""
        size = call_size(alphas.size, self.batch_size)
        each = extended(np.repeat(rows, alphas.shape[1]), size)
        inputs = {}
        for key, tensor in self._problem.inputs.items():
            if key not in starts:
                inputs[key] = tf.gather(tensor, each)
                continue
            step, start = steps[key], starts[key]
            along = alphas.astype(step.dtype).reshape(*alphas.shape, *[1] * (step.ndim - 1))
            points = along * step[:, None]
            points += start[:, None]
            inputs[key] = tf.constant(extended(points.reshape(-1, *step.shape[1:]), size))
        return inputs, tf.constant(self._problem.targets[each])

    def _sum_by_feature(self, gradients: Arrays, steps: Arrays, sums: np.ndarray) -> None:
        """Writes gradients `[paths, points, ...]` times steps `[paths, ...]`, summed by feature, into `sums`."""
        features, only = sums.shape[2], len(gradients) == 1
        if not only:
            sums[:] = 0
        for key, gradient in gradients.items():
            owner, step = self._problem.owners[key], steps[key]
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
                flat = gradient.reshape(*sums.shape[:2], -1).astype(sums.dtype, copy=False)
                along = np.matmul(flat, step.reshape(len(step), -1, 1).astype(sums.dtype, copy=False))[:, :, 0]
                sums[:, :, owner] = along if only else sums[:, :, owner] + along


def _part(baselines: int | np.ndarray, part: slice) -> int | np.ndarray:
    return baselines[part] if isinstance(baselines, np.ndarray) else baselines
