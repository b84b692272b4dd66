"""What a graph makes of each row by itself, and where that is in what it makes of a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.problem.tokens import splits_of
from tfx_explain.savedmodel.analysis.slots import Slot, Tensors, parts


class NotTogetherError(tf.errors.InvalidArgumentError):
    """What a graph makes of a batch is not, row by row, what it makes of the rows by themselves."""

    def __init__(self, what: str) -> None:
        """Says what it is that can't be told apart."""
        super().__init__(None, None, what)


def shapes_alone(function: Callable[..., Any], slots: Sequence[Slot]) -> Callable[[Tensors], list[np.ndarray]]:
    """Makes one call of what is asked of each row.

    Args:
        function: a concrete function from what is fed at `slots` to shapes, int64 `[axes]`.
        slots: of raw tensors.

    Returns:
        A function from their values, by key, to the shapes of each row fed alone, int64 `[rows, axes]`.
    """
    specs = [spec for slot in slots for spec in _flat_specs(slot)]
    shapes = tf.nest.map_structure(lambda _: tf.int64, function.structured_outputs)

    def of_rows(*flat: tf.Tensor) -> Any:
        def alone(row: tf.Tensor) -> Any:
            given, arguments = iter(flat), []
            for slot in slots:
                values = next(given)
                if slot.is_ragged:
                    first, last = tf.unstack(next(given)[row : row + 2], 2)
                    one = tf.RaggedTensor.from_row_lengths(values[first:last], [last - first], validate=False)
                else:
                    one = values[row : row + 1]
                arguments += parts(slot, one)
            return function(*arguments)

        rows = tf.shape(flat[0])[0] if not slots[0].is_ragged else tf.shape(flat[1])[0] - 1
        return tf.map_fn(alone, tf.range(rows), fn_output_signature=shapes)

    @functools.cache
    def traced() -> Callable[..., Any]:  # a concrete function, as others make TensorFlow warn of many traces
        return tf.function(of_rows, input_signature=specs, autograph=False).get_concrete_function()

    def call(raw: Tensors) -> list[np.ndarray]:
        flat: list[Any] = []
        for slot in slots:
            value: Any = raw[slot.key]
            flat += [value.flat_values, tf.cast(value.row_splits, tf.int64)] if slot.is_ragged else [value]
        return [shape.numpy() for shape in traced()(*flat)]

    return call


def _flat_specs(slot: Slot) -> list[tf.TensorSpec]:
    if slot.is_ragged:
        return [tf.TensorSpec([None], slot.specs[0].dtype), tf.TensorSpec([None], tf.int64)]
    return [slot.specs[0]]


@dataclass(frozen=True)
class Layout:
    """Where the elements of each row are in a tensor of a batch: side by side, padded, or one row behind the other.

    Attributes:
        alone: int64 `[rows, axes]`, the shape of each row's own tensor.
        is_there: bool, of the tensor's shape; the elements of all rows, in order.
    """

    alone: np.ndarray
    is_there: np.ndarray

    @classmethod
    def of(cls, alone: np.ndarray, together: tuple[int, ...]) -> Layout:
        """Finds them.

        Args:
            alone: int64 `[rows, axes]`, the shape of the tensor for each row alone.
            together: its shape for all rows.

        Raises:
            NotTogetherError: if rows lie there in neither way.
        """
        shape = np.array(together, np.int64)
        if len(shape) == alone.shape[1] > 0:
            is_axis = len(shape) > 1 and shape[0] == len(alone) and (alone[:, 0] == 1).all()
            if is_axis and (alone[:, 1:].max(axis=0) == shape[1:]).all():
                is_there = np.ones(together, bool)
                for axis, size in enumerate(shape[1:], 1):
                    places = np.arange(size).reshape([-1 if at == axis else 1 for at in range(len(shape))])
                    is_there &= places < alone[:, axis].reshape([-1, *[1] * (len(shape) - 1)])
                return cls(alone, is_there)
            if alone[:, 0].sum() == shape[0] and (alone[:, 1:] == shape[1:]).all():
                return cls(alone, np.ones(together, bool))
        raise NotTogetherError("a batch is not, row by row, what the model makes of its rows alone")

    @functools.cached_property
    def counts(self) -> np.ndarray:
        """Int64 `[rows]`, how many elements each row has."""
        return self.alone.prod(axis=1)

    @functools.cached_property
    def row_of(self) -> np.ndarray:
        """Int64 `[elements]`, the row of each."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @functools.cached_property
    def positions(self) -> np.ndarray:
        """Int64 `[elements]`, how many of its row's come before each."""
        return np.arange(len(self.row_of)) - splits_of(self.counts)[:-1][self.row_of]

    def has(self, flags: np.ndarray) -> np.ndarray:
        """Bool `[rows]`, whether a row has any element with a flag, bool `[elements]`."""
        return np.bincount(self.row_of[flags], minlength=len(self.counts)) > 0
