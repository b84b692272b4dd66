"""The game that coalition methods play: the model's output when some features are present and the others absent."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model import Tensor
from tfx_explain.attribution.problem import Problem, near_equal_slices


class CoalitionGame:
    """Evaluates coalitions of any rows, in large batches, with one baseline's values for absent features.

    A tensor that is a feature as a whole, of any dtype, dense or ragged, is taken from the row or from the baseline by
    one gather; columns that are features are chosen by a mask. Tensors without a player come from the row.
    """

    def __init__(self, problem: Problem, baseline: int, batch_size: int) -> None:
        """Prepares the game against the baseline of that index; the model gets batches of at most `batch_size`."""
        self._problem = problem
        self.batch_size = problem.batch_rows(batch_size)
        self._absent: dict[str, Tensor] = {}
        self._either: dict[str, Tensor] = {}
        for key, owner in problem.owners.items():
            absent = problem.baselines[key][baseline : baseline + 1]
            if isinstance(owner, np.ndarray):
                self._absent[key] = absent
            else:
                self._either[key] = tf.concat([problem.inputs[key], absent], axis=0)

    def __call__(self, rows: np.ndarray, present: np.ndarray) -> np.ndarray:
        """Evaluates `coalitions` coalitions.

        Args:
            rows: int `[coalitions]`, the row each is about.
            present: bool `[coalitions, features]`.

        Returns:
            float64 `[coalitions]` outputs.
        """
        outputs = np.empty(len(rows))
        for part in near_equal_slices(len(rows), self.batch_size):
            outputs[part] = self._batch(rows[part], present[part])
        return outputs

    def _batch(self, rows: np.ndarray, present: np.ndarray) -> np.ndarray:
        problem = self._problem
        index = tf.convert_to_tensor(rows, tf.int32)
        tensors = {}
        for key, tensor in problem.inputs.items():
            if key in self._either:
                taken = np.where(present[:, problem.owners[key]], rows, problem.rows)
                tensors[key] = tf.gather(self._either[key], tf.convert_to_tensor(taken, tf.int32))
            elif key in self._absent:
                mask = _column_mask(present, np.asarray(problem.owners[key]), tensor.shape.rank)
                tensors[key] = tf.where(mask, tf.gather(tensor, index), self._absent[key])
            else:
                tensors[key] = tf.gather(tensor, index)
        outputs = problem.model.predict(tensors, tf.gather(problem.targets, index))
        return tf.reshape(outputs, [-1]).numpy()


def _column_mask(present: np.ndarray, owners: np.ndarray, rank: int) -> np.ndarray:
    """Returns bool `[coalitions, 1..., columns]`; columns without a player are always present."""
    if not np.array_equal(owners, np.arange(present.shape[1])):
        held = np.ones((len(present), 1), bool)
        present = np.concatenate([present, held], axis=1)[:, owners]
    return present.reshape(len(present), *[1] * (rank - 2), -1)
