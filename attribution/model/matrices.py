"""Many tensors as few matrices: side by side as columns outside of a traced model, apart again inside.

What Python and NumPy do once for a matrix, they would do for each tensor; and an operation that a trace calls begins in
a hundredth of the time that one called by itself takes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.interface import Tensor

# Wider tensors are matrices by themselves, without a copy.
NARROW = 64


class Columns(NamedTuple):
    """A tensor as columns of a matrix: its key, and the shape of a row of it."""

    key: str
    shape: tuple[int, ...]

    @property
    def width(self) -> int:
        """How many columns there are."""
        return math.prod(self.shape)


# The tensors of one matrix, in the order of its columns.
Layout: TypeAlias = tuple[Columns, ...]


def layouts(tensors: Mapping[str, Tensor], apart: Iterable[str] = ()) -> tuple[Layout, ...]:
    """Lays out dense tensors `[rows, ...]`: those of one dtype in one matrix, wide ones and `apart` alone."""
    together: dict[object, list[Columns]] = {}
    for key, tensor in tensors.items():
        columns = Columns(key, tuple(tensor.shape[1:]))
        alone = columns.width > NARROW or key in apart
        together.setdefault(key if alone else tensor.dtype, []).append(columns)
    return tuple(map(tuple, together.values()))


def side_by_side(layout: Layout, tensors: Mapping[str, Any]) -> np.ndarray:
    """Returns tensors `[..., *shape of a row]` as one matrix `[..., columns]`; a single one is not copied."""
    arrays = [np.asarray(tensors[columns.key]) for columns in layout]
    flat = [
        array.reshape(*array.shape[: array.ndim - len(columns.shape)], columns.width)
        for columns, array in zip(layout, arrays, strict=True)
    ]
    return flat[0] if len(flat) == 1 else np.concatenate(flat, axis=-1)


def owners_of(layout: Layout, owners: Mapping[str, int | np.ndarray]) -> np.ndarray:
    """Returns int `[columns]`, the feature of each column, from that of a tensor or of each column of its last axis."""
    return side_by_side(layout, {key: np.broadcast_to(owners[key], shape) for key, shape in layout})


def apart(matrix: tf.Tensor, layout: Layout) -> dict[str, tf.Tensor]:
    """Returns the tensors `[rows, ...]` of a matrix, by key: `[rows, columns]` of one, `[columns, rows]` of several.

    What is taken from rows of a few numbers is copied number by number, and what is taken from long ones as a whole.
    """
    if len(layout) == 1:
        ((key, shape),) = layout
        return {key: matrix if len(shape) == 1 else tf.reshape(matrix, [-1, *shape])}
    own = tf.split(matrix, [columns.width for columns in layout], axis=0)
    return {key: _as_rows(columns, shape) for (key, shape), columns in zip(layout, own, strict=True)}


def joined(tensors: Mapping[str, Any], layout: Layout) -> tf.Tensor:
    """Returns the matrix of tensors `[rows, ...]`, in the form that `apart` takes."""
    if len(layout) == 1:
        ((key, _),) = layout
        return tf.reshape(tensors[key], [-1, layout[0].width])
    return tf.concat([_as_columns(tf.convert_to_tensor(tensors[one.key]), one.width) for one in layout], axis=0)


def _as_rows(columns: tf.Tensor, shape: tuple[int, ...]) -> tf.Tensor:
    # Each operation counts where there are hundreds of tensors.
    if columns.shape[0] == 1:
        return tf.reshape(columns, [-1, *shape])
    rows = tf.transpose(columns)
    return rows if len(shape) == 1 else tf.reshape(rows, [-1, *shape])


def _as_columns(rows: tf.Tensor, width: int) -> tf.Tensor:
    if width == 1:
        return tf.reshape(rows, [1, -1])
    return tf.transpose(rows if rows.shape.rank == 2 else tf.reshape(rows, [-1, width]))


def places(layout: Layout) -> Iterator[slice]:
    """Yields which columns each tensor has."""
    ends = np.cumsum([0, *(columns.width for columns in layout)])
    return (slice(first, last) for first, last in itertools.pairwise(ends.tolist()))
