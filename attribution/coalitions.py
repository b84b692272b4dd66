"""The game that coalition methods play: the model's output when some features are present and the others absent."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.blocks import call_size, extended, lengthened, near_equal_slices
from tfx_explain.attribution.model import Tensor
from tfx_explain.attribution.problem import Problem

# A product with more places takes longer than choosing.
_MATMUL_PLACES = 32


class _Block:
    """Coalitions that are evaluated together for several rows, bool `[coalitions, places + 1]`."""

    def __init__(self, present: np.ndarray) -> None:
        self.present = present
        self._members: dict[np.dtype, tf.Tensor] = {}

    def product(self, seats: np.ndarray, values: np.ndarray, absent: np.ndarray) -> tf.Tensor:
        """Chooses by a matrix product whose sums have one term that is not zero, so that they are exact.

        Args:
            seats: int `[rows, columns]`.
            values: finite `[rows, ..., columns]`.
            absent: finite `[rows or 1, ..., columns]`.

        Returns:
            `[coalitions * rows, ..., columns]`.
        """
        count, places = values.size, self.present.shape[1]
        seats = np.broadcast_to(seats.reshape(len(seats), *[1] * (values.ndim - 2), -1), values.shape).reshape(-1)
        ends = np.zeros((2 * places, count), values.dtype)
        ends[seats, np.arange(count)] = values.reshape(-1)
        ends[places + seats, np.arange(count)] = np.broadcast_to(absent, values.shape).reshape(-1)
        if values.dtype not in self._members:
            members = np.concatenate([self.present, ~self.present], axis=1)
            self._members[values.dtype] = tf.constant(members.astype(values.dtype))
        # Raw operations on tensors take a third of the time that others take to begin.
        product = tf.raw_ops.MatMul(a=self._members[values.dtype], b=tf.constant(ends))
        return tf.raw_ops.Reshape(tensor=product, shape=tf.constant((-1, *values.shape[1:])))


class CoalitionGame:
    """Evaluates coalitions of any rows, in large batches, with one baseline's values for absent features.

    A tensor that is a feature as a whole, of any dtype, dense or ragged, is taken from the row or from the baseline by
    one gather; columns that are features are chosen by a mask. Tensors without a player come from the row.

    Attributes:
        rounding: how far a finite output may be off, relative to its size, because of its dtype alone.
    """

    def __init__(self, problem: Problem, baseline: int, batch_size: int) -> None:
        """Prepares the game against the baseline of that index; the model gets batches of at most `batch_size`."""
        self._problem = problem
        self._batch_size = problem.batch_rows(batch_size)
        self.rounding = 0.0
        self._columns: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._either: dict[str, Tensor] = {}
        for key, owner in problem.owners.items():
            tensor, absent = problem.inputs[key], problem.absent(key, baseline)
            if isinstance(owner, np.ndarray):
                self._columns[key] = tensor.numpy(), absent.numpy()
            else:
                self._either[key] = tf.concat([tensor, absent], axis=0)

    def __call__(self, rows: np.ndarray, present: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Evaluates the same coalitions of places for several rows, each of which seats its features in its own way.

        Args:
            rows: int `[rows]`.
            present: bool `[coalitions, places]`.
            places: int `[rows, features]`, the place that each feature has; the number of places: always present.

        Returns:
            float64 `[rows, coalitions]` outputs.
        """
        outputs = np.empty((len(rows), len(present)))
        present = np.concatenate([present, np.ones((len(present), 1), bool)], axis=1)
        for these in near_equal_slices(len(present), self._batch_size):
            block, count = _Block(present[these]), max(1, these.stop - these.start)
            for part in near_equal_slices(len(rows), max(1, self._batch_size // count), count):
                outputs[part, these] = self._batch(rows[part], block, places[part]).T
        return outputs

    def _batch(self, rows: np.ndarray, block: _Block, places: np.ndarray) -> np.ndarray:
        """Evaluates each coalition of the block for each row; returns `[coalitions, rows]`."""
        problem, present = self._problem, block.present
        count = len(present) * len(rows)
        size = call_size(count, self._batch_size)
        each = extended(np.tile(rows, len(present)), size)
        tensors = {}
        for key, tensor in problem.inputs.items():
            owner = problem.owners.get(key)
            if owner is None:
                tensors[key] = tf.gather(tensor, each)
            elif isinstance(owner, np.ndarray):
                seats = np.where(owner < 0, present.shape[1] - 1, places[:, owner])
                tensors[key] = lengthened(self._chosen(key, rows, block, seats), size)
            else:
                away = problem.rows + (rows if key in problem.own else 0)
                taken = np.where(present[:, places[:, owner]], rows, away)
                tensors[key] = tf.gather(self._either[key], extended(taken.reshape(-1), size))
        outputs = np.asarray(problem.model.predict(tensors, tf.constant(problem.targets[each]))).reshape(-1)
        self.rounding = float(np.finfo(outputs.dtype).epsneg)
        return outputs[:count].reshape(len(present), len(rows))

    def _chosen(self, key: str, rows: np.ndarray, block: _Block, seats: np.ndarray) -> Tensor:
        """Returns `[coalitions * rows, ..., columns]`; `seats` `[rows, columns]` are the columns' places."""
        values, absent = self._columns[key]
        shape, present = values.shape[1:], block.present
        values, absent = values[rows], absent[rows] if key in self._problem.own else absent
        if values.dtype.kind == "f" and present.shape[1] <= _MATMUL_PLACES and np.isfinite(absent).all():
            return block.product(seats, values, absent)
        mask = present[:, seats].reshape(len(present), len(rows), *[1] * (len(shape) - 1), shape[-1])
        return tf.constant(np.where(mask, values, absent).reshape(-1, *shape))
