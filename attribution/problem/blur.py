"""Blurred images as baselines: Xu, Venugopalan, Sundararajan, "Attribution in Scale and Space", CVPR 2020."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Blurred:
    """The baseline of an image feature is the row's own image, blurred: give it in place of a baseline tensor.

    Attributes:
        sigma: standard deviation of the Gaussian blur in pixels, along height and width (Vertex's `max_blur_sigma`).
            0: a black image, as in Vertex.
    """

    sigma: float

    def __post_init__(self) -> None:
        if not 0 <= self.sigma < np.inf:
            raise ValueError(f"sigma is {self.sigma}; give a standard deviation in pixels, or 0 for black baselines.")

    def __call__(self, key: str, images: Any) -> tf.Tensor:
        """Blurs float images `[rows, height, width]` or `[rows, height, width, channels]`; edges count what there is.

        Raises:
            ValueError: if the tensor `key` holds no such images.
        """
        ranks = (3, 4)
        if isinstance(images, tf.RaggedTensor) or not images.dtype.is_floating or images.shape.rank not in ranks:
            raise ValueError(
                f"tensor {key!r} cannot be blurred: it is {images.dtype.name} of shape {images.shape}; images are "
                "dense floats [rows, height, width] or [rows, height, width, channels]. Give another baseline."
            )
        if self.sigma == 0:
            return tf.zeros_like(images)
        down, across = (tf.constant(self._weights(size), images.dtype) for size in images.shape[1:3])
        return tf.einsum("hi,ri...->rh...", down, tf.einsum("wj,rij...->riw...", across, images))

    def _weights(self, size: int) -> np.ndarray:
        """Returns `[to, from]`, what each pixel of a line adds to each."""
        distances = np.arange(size)[:, None] - np.arange(size)
        weights = np.exp(-(distances**2) / (2 * self.sigma**2))
        return weights / weights.sum(axis=1, keepdims=True)
