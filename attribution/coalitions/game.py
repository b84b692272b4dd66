"""The game that coalition methods play: the model's output when some features are present and the others absent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.coalitions.mixing import Chosen, Coalitions, Columns, Mixed, Whole, seats_of
from tfx_explain.attribution.model.blocks import call_size, near_equal_slices
from tfx_explain.attribution.model.interface import Tensor
from tfx_explain.attribution.model.matrices import NARROW, layouts
from tfx_explain.attribution.model.traced import run_each
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
        self._model = problem.model
        self._batch_size = problem.batch_rows(batch_size)
        self.rounding = 0.0
        columns: dict[str, Columns] = {}
        wholes: dict[str, Whole] = {}
        absent = {key: problem.absent(key, baseline) for key in problem.owners}
        narrow: dict[str, Tensor] = {}
        for key, owner in problem.owners.items():
            tensor = problem.inputs[key]
            if _is_narrow(tensor, absent[key], len(problem.features)):
                narrow[key] = tensor
            elif isinstance(owner, np.ndarray):
                columns[key] = Columns(tensor, absent[key], seats_of(owner))
            else:
                away = problem.rows + (key in problem.own) * np.arange(problem.rows)
                either = tf.concat([tensor, absent[key]], axis=0)
                wholes[key] = Whole(either, tf.constant(away, tf.int32), seats_of(owner))
        self._program = Chosen(layouts(narrow))
        matrices = [Mixed.of(layout, narrow, absent, problem.owners) for layout in self._program.layouts]
        held = {key: tensor for key, tensor in problem.inputs.items() if key not in problem.owners}
        self._chosen_from = matrices, columns, wholes, held, tf.constant(problem.targets)

    def __call__(self, rows: np.ndarray, present: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Evaluates the same coalitions of places for several rows, each of which seats its features in its own way.

        Args:
            rows: int `[rows]`.
            present: bool `[coalitions, places]`.
            places: int `[rows, features]`, the place that each feature has; the number of places: always present.

        Returns:
            float64 `[rows, coalitions]` outputs.
        """
        outputs, always = np.empty((len(rows), len(present))), present.shape[1]
        present = np.concatenate([present, np.ones((len(present), 1), bool)], axis=1)
        places = np.insert(places, 0, always, axis=1)
        given = rows.astype(np.int32), places.astype(np.int32), present.reshape(-1)
        parts = list(self._parts(*outputs.shape))
        sizes = [self._sizes(*part, always + 1) for part in parts]
        calls = run_each(self._model, self._program, [*self._chosen_from, Coalitions(*map(tf.constant, given))], sizes)
        for (which, these), found in zip(parts, map(np.asarray, calls), strict=True):
            self.rounding = float(np.finfo(found.dtype).epsneg)
            part = outputs[which, these]
            part[:] = found[: part.size].reshape(part.T.shape).T
        return outputs

    def _parts(self, rows: int, coalitions: int) -> Iterator[tuple[slice, slice]]:
        """Yields the rows and the coalitions of each batch."""
        for these in near_equal_slices(coalitions, self._batch_size):
            count = these.stop - these.start
            for which in near_equal_slices(rows, max(1, self._batch_size // count), count):
                yield which, these

    def _sizes(self, which: slice, these: slice, places: int) -> tf.Tensor:
        """Returns what `Chosen` takes as `sizes`."""
        count = (which.stop - which.start) * (these.stop - these.start)
        size = call_size(count, self._batch_size)
        return tf.constant([which.start, which.stop, these.start, these.stop, size, places])


def _is_narrow(tensor: Tensor, absent: Tensor, features: int) -> bool:
    """Tells whether the numbers of a tensor are chosen by a product."""
    return (
        isinstance(tensor, tf.Tensor)
        and tensor.dtype.is_floating
        and tensor.shape[1:].num_elements() <= NARROW
        and features <= _PRODUCT_FEATURES
        and bool(np.isfinite(absent.numpy()).all())
    )
