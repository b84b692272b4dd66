"""Batches that NumPy writes and TensorFlow reads in place; copies of wide rows would take as long as small models."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import tensorflow as tf

# TensorFlow's kernels load whole vector registers.
_ALIGNMENT = 64


def empty_batch(shape: tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
    """Returns an array of a float dtype, without values yet, that `as_tensor` takes."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.__array_interface__["data"][0] % _ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


def as_tensor(batch: np.ndarray) -> tf.Tensor:
    """Returns a tensor that shares the memory of an array of `empty_batch`, which is not to be written to any more."""
    return tf.experimental.dlpack.from_dlpack(batch.__dlpack__())
