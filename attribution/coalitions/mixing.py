"""Choosing each number of many narrow tensors from a row or from a baseline, for a whole batch in one call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.interface import Tensor

# Keys, and the shape of a row of each.
_Parts: TypeAlias = tuple[tuple[str, tuple[int, ...]], ...]


class Narrow(NamedTuple):
    """A dense tensor of few numbers a row."""

    key: str
    values: np.ndarray  # finite [rows, ...]
    absent: np.ndarray  # finite [rows or 1, ...], what stands for absent values
    owners: np.ndarray  # int, of the shape of a row: the feature of each number, -1 for those that are always present


class Mixed:
    """Dense tensors of one dtype, side by side as columns of one matrix, some of whose values can be absent."""

    def __init__(self, tensors: Sequence[Narrow]) -> None:
        """Puts tensors of one dtype side by side."""
        rows = max(len(tensor.absent) for tensor in tensors)
        self._values = _side_by_side(tensor.values for tensor in tensors)
        self._absent = _side_by_side(np.broadcast_to(one.absent, (rows, *one.absent.shape[1:])) for one in tensors)
        # Where absent values are 0, only the present ones need a term.
        self._has_absent = bool(self._absent.any())
        self._owners = _side_by_side(tensor.owners[None] for tensor in tensors)[0]
        self._parts: _Parts = tuple((tensor.key, tensor.values.shape[1:]) for tensor in tensors)

    def choose(self, rows: np.ndarray, present: np.ndarray, places: np.ndarray, size: int) -> dict[str, Tensor]:
        """Chooses by a matrix product whose sums have one term that is not zero, so that they are exact.

        Args:
            rows: int `[rows]`.
            present: bool `[coalitions, places]`, the last of which is always present.
            places: int `[rows, features]`, the place of each feature.
            size: at least coalitions * rows.

        Returns:
            `[size, ...]` by key: all rows for the first coalition, for the second, and then any.
        """
        count, last = len(rows), present.shape[1] - 1
        seats = np.where(self._owners < 0, last, places[:, self._owners])
        row, column = np.ogrid[:count, : len(self._owners)]
        ends = np.zeros((2 if self._has_absent else 1, last + 1, *seats.shape), self._values.dtype)
        ends[0, seats, row, column] = self._values[rows]
        if self._has_absent:
            ends[1, seats, row, column] = self._absent[rows] if len(self._absent) > 1 else self._absent
            present = np.concatenate([present, ~present], axis=1)
        padded = np.minimum(np.arange(-(-size // count)), len(present) - 1)
        members = tf.constant(present[padded].astype(ends.dtype))
        ends = ends.reshape(-1, *seats.shape)
        (key, shape), *others = self._parts
        if others:
            return _mixer(self._parts, self._values.dtype)(members, tf.constant(ends), tf.constant(size))
        # A traced function takes as long to begin as a few of these.
        product = tf.raw_ops.MatMul(a=members, b=tf.constant(ends.reshape(len(ends), -1)))
        mixed = tf.raw_ops.Reshape(tensor=product, shape=tf.constant((-1, *shape)))
        return {key: mixed if len(mixed) == size else mixed[:size]}


def _side_by_side(tensors: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate([one.reshape(len(one), int(np.prod(one.shape[1:]))) for one in tensors], axis=1)


@functools.lru_cache(maxsize=64)
def _mixer(parts: _Parts, dtype: np.dtype) -> Callable[..., dict[str, Tensor]]:
    """Returns a traced function from `[mixtures, n]`, `[n, rows, columns]` and a size to `[size, ...]` by key.

    Operations called one by one take longer to begin than they last.
    """

    def mix(members: tf.Tensor, ends: tf.Tensor, size: tf.Tensor) -> dict[str, tf.Tensor]:
        mixed, start = {}, 0
        for key, shape in parts:
            stop = start + int(np.prod(shape))
            own = tf.reshape(ends[:, :, start:stop], [tf.shape(ends)[0], -1])
            mixed[key] = tf.reshape(members @ own, [-1, *shape])[:size]
            start = stop
        return mixed

    specs = [tf.TensorSpec([None] * rank, dtype) for rank in (2, 3)]
    return tf.function(mix).get_concrete_function(*specs, tf.TensorSpec([], tf.int32))
