"""The straight path from a baseline to each row, and the gradients along it."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model import Tensors
from tfx_explain.attribution.problem import Problem, near_equal_slices


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
            steps = self._steps(_part(baselines, part), rows[part])
            for points in near_equal_slices(alphas.shape[1], self.batch_size):
                outputs[part, points], slopes[part, points] = self._slopes(rows[part], alphas[part, points], *steps)
        return outputs, slopes

    def outputs(self, baselines: int | np.ndarray, rows: np.ndarray, alpha: float) -> np.ndarray:
        """Returns float64 `[paths]` outputs at one alpha, without gradients; other arguments are those of `slopes`."""
        outputs = np.empty(len(rows))
        for part in near_equal_slices(len(rows), self.batch_size):
            starts, steps = self._steps(_part(baselines, part), rows[part])
            points = self._points(rows[part], np.full((part.stop - part.start, 1), alpha), starts, steps)
            predicted = self._problem.model.predict(points, self._targets(rows[part]))
            outputs[part] = tf.reshape(predicted, [-1]).numpy()
        return outputs

    def gradient_sizes(self, rows: np.ndarray) -> np.ndarray:
        """Returns float `[rows, features]`, the absolute gradients at the rows, summed over each feature's tensors."""
        sizes = np.empty((len(rows), len(self._problem.features)), self._dtype)
        for part in near_equal_slices(len(rows), self.batch_size):
            inputs = {key: tf.gather(tensor, rows[part]) for key, tensor in self._problem.inputs.items()}
            _, gradients = self._problem.model.gradients(inputs, self._targets(rows[part]))
            sizes[part] = self._sum_by_feature({key: tf.abs(gradients[key]) for key in self._problem.owners}, 1)
        return sizes

    def _steps(self, baselines: int | np.ndarray, rows: np.ndarray) -> tuple[Tensors, Tensors]:
        """Returns the starts `[paths or 1, ...]` of paths, and the steps `[paths, ...]` to their ends."""
        starts, steps = {}, {}
        for key, owner in self._problem.owners.items():
            instances = tf.gather(self._problem.inputs[key], rows)
            starts[key] = tf.gather(self._problem.baselines[key], np.atleast_1d(baselines))
            if isinstance(owner, np.ndarray) and (owner < 0).any():
                starts[key] = tf.where(owner < 0, instances, starts[key])
            steps[key] = instances - starts[key]
        return starts, steps

    def _points(self, rows: np.ndarray, alphas: np.ndarray, starts: Tensors, steps: Tensors) -> Tensors:
        """Returns the model's inputs `[paths * points, ...]` at `alphas` `[paths, points]`."""
        inputs = {}
        for key, tensor in self._problem.inputs.items():
            if key not in starts:
                inputs[key] = tf.gather(tensor, np.repeat(rows, alphas.shape[1]))
                continue
            along = alphas.astype(tensor.dtype.as_numpy_dtype).reshape(*alphas.shape, *[1] * (tensor.shape.rank - 1))
            points = along * tf.expand_dims(steps[key], 1) + tf.expand_dims(starts[key], 1)
            inputs[key] = tf.reshape(points, [-1, *tensor.shape[1:]])
        return inputs

    def _slopes(
        self, rows: np.ndarray, alphas: np.ndarray, starts: Tensors, steps: Tensors
    ) -> tuple[np.ndarray, np.ndarray]:
        inputs = self._points(rows, alphas, starts, steps)
        outputs, gradients = self._problem.model.gradients(inputs, self._targets(np.repeat(rows, alphas.shape[1])))
        products = {
            key: tf.reshape(gradients[key], [*alphas.shape, *step.shape[1:]]) * tf.expand_dims(step, 1)
            for key, step in steps.items()
        }
        return tf.reshape(outputs, alphas.shape).numpy(), self._sum_by_feature(products, 2)

    def _sum_by_feature(self, products: Tensors, batch_axes: int) -> np.ndarray:
        """Sums products by key, `[..., elements ...]` after `batch_axes` axes, to `[..., features]`."""
        features = len(self._problem.features)
        sums: np.ndarray | None = None
        for key, product in products.items():
            owner = self._problem.owners[key]
            inner = product.shape.rank - (1 if isinstance(owner, np.ndarray) else 0)
            summed = tf.reduce_sum(product, axis=list(range(batch_axes, inner))).numpy()
            if isinstance(owner, np.ndarray) and len(products) == 1 and np.array_equal(owner, np.arange(features)):
                return summed
            summed = summed if isinstance(owner, np.ndarray) else summed[..., None]
            sums = np.zeros((*summed.shape[:-1], features), self._dtype) if sums is None else sums
            owners = np.broadcast_to(owner, summed.shape[-1])
            for column in np.flatnonzero(owners >= 0):
                sums[..., owners[column]] += summed[..., column]
        return np.zeros((0, features), self._dtype) if sums is None else sums

    def _targets(self, rows: np.ndarray) -> tf.Tensor:
        return tf.gather(self._problem.targets, rows)


def _part(baselines: int | np.ndarray, part: slice) -> int | np.ndarray:
    return baselines[part] if isinstance(baselines, np.ndarray) else baselines
