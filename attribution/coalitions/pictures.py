"""Pictures of which some parts are absent, for the game that coalition methods play."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.interface import Tensor


@dataclasses.dataclass(frozen=True)
class CutPictures:
    """Pictures of several rows, and the parts that they are cut into.

    Attributes:
        images: `[rows, height, width, ...]`.
        labels: int32 `[rows, height, width]`, the part of each pixel.
        absent: of each baseline, what stands for absent pixels, `[rows, height, width, ...]`.
    """

    images: Tensor
    labels: np.ndarray
    absent: Sequence[Tensor]

    @property
    def parts(self) -> int:
        """The most parts of a picture."""
        return int(self.labels.max(initial=0)) + 1

    def presence(self) -> np.ndarray:
        """Returns float32 `[rows, parts]`: 1, or 0 of a part that is the same where it is absent."""
        rows = len(self.labels)
        differing = np.zeros((rows, self.parts), bool)
        images = np.asarray(self.images).reshape(*self.labels.shape, -1)
        for absent in self.absent:
            unequal = (images != np.asarray(absent).reshape(images.shape)).any(axis=-1)
            differing[np.nonzero(unequal)[0], self.labels[unequal]] = True
        return differing.astype(np.float32) if len(self.absent) == 1 else np.ones((rows, self.parts), np.float32)

    def shown(self, rows: Tensor, presence: Tensor) -> Tensor:
        """Returns pictures with some parts absent.

        Args:
            rows: int `[pictures]`.
            presence: float `[pictures, parts]`, 1 of what is present, else the number of the baseline, times -1.
        """
        by_pixel = tf.gather(presence, tf.gather(self.labels, rows), axis=1, batch_dims=1)
        by_pixel = tf.reshape(by_pixel, [*by_pixel.shape, *[1] * (self.images.shape.rank - 3)])
        shown = tf.gather(self.images, rows)
        for number, absent in enumerate(self.absent):
            shown = tf.where(by_pixel == -number, tf.gather(absent, rows), shown)
        return shown
