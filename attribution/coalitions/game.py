"""The game that coalition methods play: the model's output when some features are present and the others absent."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.coalitions.mixing import Chosen, Mixed
from tfx_explain.attribution.model.blocks import call_size, extended, lengthened, near_equal_slices
from tfx_explain.attribution.model.interface import Tensor
from tfx_explain.attribution.model.matrices import NARROW, layouts
from tfx_explain.attribution.model.traced import run
from tfx_explain.attribution.problem.problem import Problem

# Products with more features take longer than choosing, and of wide tensors longer than copying.
_PRODUCT_FEATURES = 32


class CoalitionGame:
    """Evaluates coalitions of any rows, in large batches, with one baseline's values for absent features.

    Numbers of narrow dense tensors are chosen all at once (`Mixed`). Of the others, a tensor that is a feature as a
    whole, of any dtype, dense or ragged, is taken from the row or from the baseline by one gather, and columns that are
    features are chosen by a mask. Tensors without a player come from the row.

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
        absent = {key: problem.absent(key, baseline) for key in problem.owners}
        narrow: dict[str, Tensor] = {}
        for key, owner in problem.owners.items():
            tensor = problem.inputs[key]
            if _is_narrow(tensor, absent[key], len(problem.features)):
                narrow[key] = tensor
            elif isinstance(owner, np.ndarray):
                self._columns[key] = tensor.numpy(), absent[key].numpy()
            else:
                self._either[key] = tf.concat([tensor, absent[key]], axis=0)
        self._program = Chosen(layouts(narrow))
        self._mixed = [Mixed(layout, narrow, absent, problem.owners) for layout in self._program.layouts]

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
            count = max(1, these.stop - these.start)
            for part in near_equal_slices(len(rows), max(1, self._batch_size // count), count):
                outputs[part, these] = self._batch(rows[part], present[these], places[part]).T
        return outputs

    def _batch(self, rows: np.ndarray, present: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Evaluates each coalition of `present` for each row; returns `[coalitions, rows]`."""
        problem = self._problem
        count = len(present) * len(rows)
        size = call_size(count, self._batch_size)
        tensors = self._held(rows, len(present), size)
        for key in self._columns:
            tensors[key] = lengthened(self._chosen(key, rows, present, places), size)
        for key, either in self._either.items():
            away = problem.rows + (rows if key in problem.own else 0)
            taken = np.where(present[:, places[:, problem.owners[key]]], rows, away)
            tensors[key] = tf.gather(either, extended(taken.reshape(-1), size))
        mixtures = [mixed.choose(rows, present, places, -(-size // len(rows))) for mixed in self._mixed]
        targets = tf.constant(problem.targets[rows])
        outputs = np.asarray(run(problem.model, self._program, mixtures, tensors, targets, tf.constant([size])))
        self.rounding = float(np.finfo(outputs.dtype).epsneg)
        return outputs[:count].reshape(len(present), len(rows))

    def _held(self, rows: np.ndarray, coalitions: int, size: int) -> dict[str, Tensor]:
        """Returns the tensors `[size, ...]` without a player."""
        keys = [key for key in self._problem.inputs if key not in self._problem.owners]
        # To say of which row each is takes longer than to choose.
        each = extended(np.tile(rows, coalitions), size) if keys else rows
        return {key: tf.gather(self._problem.inputs[key], each) for key in keys}

    def _chosen(self, key: str, rows: np.ndarray, present: np.ndarray, places: np.ndarray) -> Tensor:
        """Returns `[coalitions * rows, ..., columns]`."""
        values, absent = self._columns[key]
        owner, shape = self._problem.owners[key], values.shape[1:]
        values, absent = values[rows], absent[rows] if key in self._problem.own else absent
        seats = np.where(owner < 0, present.shape[1] - 1, places[:, owner])
        mask = present[:, seats].reshape(len(present), len(rows), *[1] * (len(shape) - 1), shape[-1])
        return tf.constant(np.where(mask, values, absent).reshape(-1, *shape))


def _is_narrow(tensor: Tensor, absent: Tensor, features: int) -> bool:
    """Tells whether the numbers of a tensor are chosen by a product."""
    return (
        isinstance(tensor, tf.Tensor)
        and tensor.dtype.is_floating
        and tensor.shape[1:].num_elements() <= NARROW
        and features <= _PRODUCT_FEATURES
        and bool(np.isfinite(absent.numpy()).all())
    )
