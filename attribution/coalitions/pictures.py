"""Models of which parts of pictures are there, for the game that coalition methods play."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.blocks import near_equal_slices
from tfx_explain.attribution.model.interface import Model, Tensor, Tensors

# The input that says of which row the pictures are.
ROW = "superpixels/row"


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


class ModelOfParts:
    """A model that takes which parts of pictures are present in place of the pictures; it has no gradients."""

    def __init__(self, model: Model, pictures: Mapping[str, CutPictures], batch_rows: int) -> None:
        """Shows the model at most so many pictures at once; `pictures` are by tensor key."""
        self._model, self._pictures, self._batch_rows = model, pictures, batch_rows

    def predict(self, inputs: Tensors, targets: tf.Tensor) -> tf.Tensor:
        """See `Model`; inputs are `presence_key`s, `ROW`, and what else the model takes."""
        outputs = [
            self._shown({key: tensor[part] for key, tensor in inputs.items()}, targets[part])
            for part in near_equal_slices(len(targets), self._batch_rows)
        ]
        return tf.concat(outputs, axis=0)

    def gradients(self, inputs: Tensors, targets: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Is there for `Model`'s sake; coalition methods ask for no gradients."""
        raise NotImplementedError

    def _shown(self, inputs: dict[str, Tensor], targets: tf.Tensor) -> tf.Tensor:
        rows = inputs.pop(ROW)
        for key, pictures in self._pictures.items():
            inputs[key] = pictures.shown(rows, inputs.pop(presence_key(key)))
        return tf.reshape(self._model.predict(inputs, targets), [-1])


def presence_key(key: str) -> str:
    """Returns the input that says which parts of a tensor's pictures are present."""
    return f"superpixels/of/{key}"
