"""The game that coalition methods play: the model's output when some features are present and the others absent."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.blocks import call_size, extended, near_equal_slices
from tfx_explain.attribution.model import Tensor
from tfx_explain.attribution.problem import Problem


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
        by_place = np.concatenate([present.T, np.ones((1, len(present)), bool)])
        for these in near_equal_slices(len(present), self._batch_size):
            block = np.ascontiguousarray(by_place[:, these])
            for part in near_equal_slices(len(rows), max(1, self._batch_size // max(1, block.shape[1]))):
                outputs[part, these] = self._batch(rows[part], block[places[part]])
        return outputs

    def _batch(self, rows: np.ndarray, present: np.ndarray) -> np.ndarray:
        """Evaluates bool `present` `[rows, features, coalitions]`; returns `[rows, coalitions]`."""
        problem, coalitions = self._problem, present.shape[2]
        count = len(rows) * coalitions
        size = call_size(count, self._batch_size)
        each = extended(np.repeat(rows, coalitions), size)
        tensors = {}
        for key, tensor in problem.inputs.items():
            owner = problem.owners.get(key)
            if owner is None:
                tensors[key] = tf.gather(tensor, each)
            elif isinstance(owner, np.ndarray):
                tensors[key] = tf.constant(extended(self._chosen(key, rows, _by_column(present, owner)), size))
            else:
                away = problem.rows + (rows[:, None] if key in problem.own else 0)
                taken = np.where(present[:, owner], rows[:, None], away)
                tensors[key] = tf.gather(self._either[key], extended(taken.reshape(-1), size))
        outputs = tf.reshape(problem.model.predict(tensors, tf.constant(problem.targets[each])), [-1]).numpy()
        self.rounding = float(np.finfo(outputs.dtype).epsneg)
        return outputs[:count].reshape(len(rows), coalitions)

    def _chosen(self, key: str, rows: np.ndarray, present: np.ndarray) -> np.ndarray:
        """Returns `[rows * coalitions, ..., columns]` by bool `present` `[rows, columns, coalitions]`."""
        values, absent = self._columns[key]
        inner = values.shape[1:-1]
        mask = np.swapaxes(present, 1, 2).reshape(len(rows), -1, *[1] * len(inner), values.shape[-1])
        away = absent[rows] if key in self._problem.own else absent
        return np.where(mask, values[rows][:, None], away[:, None]).reshape(-1, *values.shape[1:])


def _by_column(present: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Returns bool `[rows, columns, coalitions]`; columns without a player are always present."""
    if np.array_equal(owners, np.arange(present.shape[1])):
        return present
    return np.where(owners[:, None] < 0, True, present[:, owners])
