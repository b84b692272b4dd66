"""Models of which parts of pictures or texts are there, for the game that coalition methods play."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import tensorflow as tf

from tfx_explain.attribution.model.blocks import near_equal_slices
from tfx_explain.attribution.model.interface import Model, Tensor, Tensors

# The input that says of which row the parts are.
ROW = "parts/row"


class Parted(Protocol):
    """A tensor of several rows, in parts."""

    def shown(self, rows: Tensor, presence: Tensor) -> Tensor:
        """Returns the tensor with some parts absent.

        Args:
            rows: int `[calls]`.
            presence: float `[calls, parts]`, 1 of what is present, else the number of the baseline, times -1.
        """
        ...


class ModelOfParts:
    """A model that takes which parts of tensors are present in place of the tensors; it has no gradients."""

    def __init__(self, model: Model, parted: Mapping[str, Parted], batch_rows: int) -> None:
        """Shows the model at most so many rows at once; `parted` is by tensor key."""
        self._model, self._parted, self._batch_rows = model, parted, batch_rows

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
        for key, parted in self._parted.items():
            inputs[key] = parted.shown(rows, inputs.pop(presence_key(key)))
        return tf.reshape(self._model.predict(inputs, targets), [-1])


def presence_key(key: str) -> str:
    """Returns the input that says which parts of a tensor are present."""
    return f"parts/of/{key}"
