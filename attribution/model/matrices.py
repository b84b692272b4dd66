"""Many tensors as few matrices: side by side as columns outside of a traced model, apart again inside.

What Python and NumPy do once for a matrix, they would do for each tensor; and an operation that a trace calls begins in
a hundredth of the time that one called by itself takes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    """Lays out dense tensors `[rows, ...]`: those of one dtype in one matrix, wide ones and `apart` alone.

    In a matrix, tensors of one shape follow each other: what is done for them together is one operation, of which a
    trace of thousands takes many seconds to begin.
    """
    together: dict[object, list[Columns]] = {}
    for columns in layout_of(tensors, tensors):
        alone = columns.width > NARROW or columns.key in apart
        together.setdefault(columns.key if alone else tensors[columns.key].dtype, []).append(columns)
    return tuple(tuple(sorted(layout, key=lambda columns: columns.shape)) for layout in together.values())


def layout_of(keys: Iterable[str], tensors: Mapping[str, Tensor]) -> Layout:
    """Lays out some dense tensors `[rows, ...]` in their order."""
    return tuple(Columns(key, tuple(tensors[key].shape[1:])) for key in keys)


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
    groups = _groups(layout)
    parts = tf.split(matrix, [len(group) * group[0].width for group in groups], axis=0)
    return {key: rows for group, part in zip(groups, parts, strict=True) for key, rows in _unstacked(group, part)}


def joined(tensors: Mapping[str, Any], layout: Layout) -> tf.Tensor:
    """Returns the matrix of tensors `[rows, ...]`, in the form that `apart` takes."""
    if len(layout) == 1:
        ((key, _),) = layout
        return tf.reshape(tensors[key], [-1, layout[0].width])
    parts = [_stacked([tensors[columns.key] for columns in group], group[0]) for group in _groups(layout)]
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis=0)


def _groups(layout: Layout) -> list[Layout]:
    """Returns the tensors that follow each other and have one shape, which operations take together."""
    return [tuple(group) for _, group in itertools.groupby(layout, lambda columns: columns.shape)]


def _unstacked(group: Layout, columns: tf.Tensor) -> Iterator[tuple[str, tf.Tensor]]:
    """Yields the keys and tensors `[rows, ...]` of the columns `[tensors * width, rows]` of some of one shape."""
    shape, width = group[0].shape, group[0].width
    if shape:
        count = tf.shape(columns)[1]
        rows = tf.transpose(tf.reshape(columns, [len(group), width, count]), [0, 2, 1])
        columns = rows if len(shape) == 1 else tf.reshape(rows, [len(group), count, *shape])
    return zip((one.key for one in group), tf.unstack(columns, num=len(group)), strict=True)


def _stacked(tensors: Sequence[Any], each: Columns) -> tf.Tensor:
    """Returns tensors `[rows, ...]` of one shape as columns `[tensors * width, rows]`."""
    stacked = tf.stack(tensors)
    if not each.shape:
        return stacked
    count = tf.shape(stacked)[1]
    rows = tf.reshape(stacked, [len(tensors), count, each.width])
    return tf.reshape(tf.transpose(rows, [0, 2, 1]), [len(tensors) * each.width, count])


def places(layout: Layout) -> Iterator[slice]:
    """Yields which columns each tensor has."""
    ends = np.cumsum([0, *(columns.width for columns in layout)])
    return (slice(first, last) for first, last in itertools.pairwise(ends.tolist()))
