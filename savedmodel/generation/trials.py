"""Many trials of a model in few calls: in each, some tensors of the rows have other values."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.matrices import Layout, layout_of, places, side_by_side
from tfx_explain.savedmodel.analysis.cut import CutModel
from tfx_explain.savedmodel.analysis.slots import Tensor, Tensors

# Of one call: trials are put behind one another. What the model makes of its inputs takes a multiple of them. Of many
# features, each of which is tried, a call takes a time for each.
_MOST_ROWS, _MOST_VALUES = 4096, 2**22


class Trials:
    """A model, and rows of which some tensors are replaced.

    Attributes:
        inputs: what the model is fed for the rows, `[rows, ...]` by key.
        outputs: what it makes of them, `[rows, outputs]`.
    """

    def __init__(self, model: CutModel, rows: Any) -> None:
        """Tries the model on `rows` as they are."""
        self.inputs = model.encode(rows)
        self.outputs = model.outputs(self.inputs).numpy()
        self._model, self._rows = model, len(self.outputs)
        values = sum(map(_size, self.inputs.values()))
        self._at_once = max(1, min(_MOST_ROWS // self._rows, _MOST_VALUES // max(1, values)))
        self._repeated = functools.lru_cache(maxsize=1)(self._repeat)

    def outputs_of(self, changes: Iterable[Tensors]) -> list[np.ndarray | Exception]:
        """Of each trial the outputs `[rows, outputs]`, or the error where the model fails on it.

        Args:
            changes: of each trial, the tensors `[rows, ...]` that take the place of the inputs', by key.
        """
        return [found for trials in self._parts(changes) for found in self._halved(trials)]

    def gradients(self, target: int) -> Tensors:
        """Of the rows as they are the derivatives of output number `target` by each of the players' tensors, by key."""
        return self._derivatives(self.inputs, tf.fill([self._rows], target))

    def gradients_of(self, changes: Iterable[Tensors], target: int) -> list[dict[str, np.ndarray]]:
        """Of each trial the derivatives of output number `target` by the tensors that are replaced, by key."""
        found = []
        for trials in self._parts(changes):
            inputs = self._batch(trials)
            gradients = self._derivatives(inputs, tf.fill([self._rows * len(trials)], target))
            for i, changed in enumerate(trials):
                found.append({key: gradients[key][self._part(inputs[key], i)].numpy() for key in changed})
        return found

    def _derivatives(self, inputs: Tensors, targets: tf.Tensor) -> dict[str, Any]:
        """Those by each tensor, found by way of what the model takes joined: then it has far fewer gradients."""
        rest: dict[str, Any] = dict(inputs)
        layouts: dict[str, Layout] = {}
        for key, members in self._model.joins.items():
            layouts[key] = layout_of(members, rest)
            rest[key] = tf.constant(side_by_side(layouts[key], rest))
            for member in members:
                del rest[member]
        found = dict(self._model.gradients(rest, targets)[1])
        for key, layout in layouts.items():
            matrix = found.pop(key)
            for columns, place in zip(layout, places(layout), strict=True):
                found[columns.key] = tf.reshape(matrix[:, place], inputs[columns.key].shape)
        return found

    def _parts(self, changes: Iterable[Tensors]) -> Iterator[list[Tensors]]:
        left = iter(changes)
        while trials := list(itertools.islice(left, self._at_once)):
            yield trials

    def _halved(self, trials: Sequence[Tensors]) -> list[np.ndarray | Exception]:
        try:
            return [*np.split(self._model.outputs(self._batch(trials)).numpy(), len(trials))]
        except tf.errors.OpError as error:
            if len(trials) == 1:
                return [error]
        middle = len(trials) // 2
        return self._halved(trials[:middle]) + self._halved(trials[middle:])

    def _batch(self, trials: Sequence[Tensors]) -> dict[str, Tensor]:
        """The rows once for each trial, with what it replaces."""
        inputs = dict(self._repeated(len(trials)))
        places: dict[str, list[int]] = {}
        for i, changed in enumerate(trials):
            for key in changed:
                places.setdefault(key, []).append(i)
        for key, having in places.items():
            index = np.tile(np.arange(self._rows), (len(trials), 1))
            index[having] += self._rows * np.arange(1, len(having) + 1)[:, np.newaxis]
            every = [self.inputs[key], *(trials[i][key] for i in having)]
            inputs[key] = _taken(every, index.reshape(-1))
        return inputs

    def _repeat(self, times: int) -> dict[str, Tensor]:
        index = np.tile(np.arange(self._rows), times)
        return {key: _taken([tensor], index) for key, tensor in self.inputs.items()}

    def _part(self, whole: Tensor, trial: int) -> slice:
        """Where the values of a trial are, of a ragged tensor in the flat values."""
        first, last = trial * self._rows, (trial + 1) * self._rows
        if isinstance(whole, tf.RaggedTensor):
            return slice(int(whole.row_splits[first]), int(whole.row_splits[last]))
        return slice(first, last)


def _taken(tensors: Sequence[Any], index: np.ndarray) -> Tensor:
    """Rows of tensors that are put behind one another; in NumPy, which takes a tenth of TensorFlow's time for few."""
    if isinstance(tensors[0], tf.RaggedTensor):
        return tf.gather(tf.concat([tensor.with_row_splits_dtype(tf.int64) for tensor in tensors], 0), index)
    return tf.constant(np.concatenate([np.asarray(tensor) for tensor in tensors])[index], tensors[0].dtype)


def _size(tensor: Tensor) -> int:
    return int(tf.size(tensor.flat_values if isinstance(tensor, tf.RaggedTensor) else tensor))
