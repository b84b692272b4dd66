"""Black and white as an image's baselines, as XRAI has them: Kapishnikov et al., ICCV 2019."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Extremes:
    """Two baselines of an image feature: one of its own least value, one of its own greatest; give it for a tensor.

    Where the least and greatest values that images can have are known, give these, `[2, 1, 1, 1]`, instead.
    """

    def __call__(self, key: str, images: Any) -> tf.Tensor:
        """Returns `[2, rows, ...]` for floats `[rows, ...]`, at least one number a row.

        Raises:
            ValueError: if the tensor `key` is ragged or holds no floats.
        """
        if isinstance(images, tf.RaggedTensor) or not images.dtype.is_floating:
            raise ValueError(
                f"tensor {key!r} is {images.dtype.name}, not dense floats, so that it has no black and "
                "white; give another baseline."
            )
        axes = list(range(1, images.shape.rank))
        ends = [reduce(images, axis=axes, keepdims=True) for reduce in (tf.reduce_min, tf.reduce_max)]
        return tf.stack([tf.broadcast_to(end, tf.shape(images)) for end in ends])
