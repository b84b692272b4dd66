"""How workers call a model: never with a ragged number of rows, and with the time written down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from tfx_explain.attribution import Tensors
from tfx_explain.attribution.model.blocks import extended, filled
from tfx_explain.attribution.model.traced import TracedModel
from tfx_explain.savedmodel import CutModel, TokenModel

_Result = TypeVar("_Result")


class SteadyModel:
    """A model as `attribution.Model` that gives a row the same bits in batches of any size.

    Attributes:
      players: The keys of each feature's tensors.
      baselines: Of each key that has a player, `[baselines, ...]`.
    """

    def __init__(self, model: CutModel | TokenModel) -> None:
        """Wraps a model."""
        self.players, self.baselines = model.players, model.baselines
        self._encode, self._model = model.encode, TracedModel(model)
        self._seconds = 0.0
        self._lock = threading.Lock()

    def encode(self, rows: tf.Tensor | Mapping[str, tf.Tensor]) -> dict[str, Any]:
        """As `CutModel.encode`."""
        if isinstance(rows, Mapping):
            return self._call(lambda padded: _one_of_each(self._encode(padded), padded), rows)
        return self._call(lambda padded: _one_of_each(self._encode(padded["rows"]), padded), {"rows": rows})

    def outputs(self, inputs: Tensors) -> tf.Tensor:
        """As `CutModel.outputs`."""
        return self._call(self._model.outputs, inputs)

    def predict(self, inputs: Tensors, targets: tf.Tensor) -> tf.Tensor:
        """As `CutModel.predict`."""
        return self._call(self._model.predict, inputs, targets)

    def gradients(self, inputs: Tensors, targets: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """As `CutModel.gradients`."""
        return self._call(self._model.gradients, inputs, targets)

    def take_seconds(self) -> float:
        """Returns the time spent in the model since this was asked last, the sum over threads."""
        with self._lock:
            seconds, self._seconds = self._seconds, 0.0
        return seconds

    def _call(self, function: Callable[..., _Result], inputs: Tensors, *others: Any) -> _Result:
        rows = int(next(iter(inputs.values())).shape[0])
        started = time.perf_counter()
        try:
            if rows == filled(rows):
                result = function(inputs, *others)
            else:
                index = extended(np.arange(rows), filled(rows))
                padded = {key: tf.gather(tensor, index) for key, tensor in inputs.items()}
                result = tf.nest.map_structure(
                    lambda tensor: tensor[:rows], function(padded, *(tf.gather(other, index) for other in others))
                )
        except UnicodeDecodeError:  # of a row that TensorFlow repeats, and that is no text
            raise
        except ValueError as error:
            # What TensorFlow finds of shapes before it begins, as of a picture of another size than the weights take.
            raise tf.errors.InvalidArgumentError(None, None, str(error).partition(" for '{{node")[0]) from error
        with self._lock:
            self._seconds += time.perf_counter() - started
        return result


def _one_of_each(encoded: dict[str, Any], rows: Mapping[str, tf.Tensor]) -> dict[str, Any]:
    """Checks that each row makes one: where bytes are reshaped, half a picture may make none, and two pictures two.

    Raises:
      tf.errors.InvalidArgumentError: It does not.
    """
    given = len(next(iter(rows.values())))
    for key, tensor in encoded.items():
        found = int(tensor.nrows()) if isinstance(tensor, tf.RaggedTensor) else len(tensor)
        if found != given:
            raise tf.errors.InvalidArgumentError(
                None,
                None,
                f"A row makes {found / given:g} rows of tensor {key!r}: it has not as many values as one has.",
            )
    return encoded
