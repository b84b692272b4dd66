"""How workers call a model: never with a ragged number of rows, and with the time written down."""

from __future__ import annotations

import functools
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


class SteadyModel(TracedModel):
    """A model as `attribution.Model` that gives a row the same bits in batches of any size.

    Attributes:
      players: The keys of each feature's tensors.
      baselines: Of each key that has a player, `[baselines, ...]`.
    """

    def __init__(self, model: CutModel | TokenModel) -> None:
        """Wraps a model."""
        super().__init__(model)
        self.players, self.baselines = model.players, model.baselines
        self._encode = model.encode
        self._seconds = 0.0
        self._lock = threading.Lock()

    def encode(self, rows: tf.Tensor | Mapping[str, tf.Tensor]) -> dict[str, Any]:
        """As `CutModel.encode`."""
        given = rows if isinstance(rows, Mapping) else {"rows": rows}

        def encoded(padded: Mapping[str, tf.Tensor]) -> dict[str, Any]:
            return _one_of_each(self._encode(padded if isinstance(rows, Mapping) else padded["rows"]), padded)

        return _padded(functools.partial(self._called, encoded), given)

    def outputs(self, inputs: Tensors) -> tf.Tensor:
        """As `CutModel.outputs`."""
        return _padded(super().outputs, inputs)

    def predict(self, inputs: Tensors, targets: tf.Tensor) -> tf.Tensor:
        """As `CutModel.predict`."""
        return _padded(super().predict, inputs, targets)

    def gradients(self, inputs: Tensors, targets: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """As `CutModel.gradients`."""
        return _padded(super().gradients, inputs, targets)

    def take_seconds(self) -> float:
        """Returns the time spent in the model since this was asked last, the sum over threads."""
        with self._lock:
            seconds, self._seconds = self._seconds, 0.0
        return seconds

    def _called(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        started = time.perf_counter()
        try:
            result = function(*arguments)
        except UnicodeDecodeError:  # of a row that TensorFlow repeats, and that is no text
            raise
        except ValueError as error:
            # What TensorFlow finds of shapes before it begins, as of a picture of another size than the weights take.
            raise tf.errors.InvalidArgumentError(None, None, str(error).partition(" for '{{node")[0]) from error
        with self._lock:
            self._seconds += time.perf_counter() - started
        return result


def _padded(function: Callable[..., _Result], inputs: Tensors, *others: Any) -> _Result:
    """Calls a function with whole vectors of rows, and returns what it finds of those that were given."""
    rows = int(next(iter(inputs.values())).shape[0])
    if rows == filled(rows):
        return function(inputs, *others)
    index = extended(np.arange(rows), filled(rows))
    padded = {key: tf.gather(tensor, index) for key, tensor in inputs.items()}
    found = function(padded, *(tf.gather(other, index) for other in others))
    return tf.nest.map_structure(lambda tensor: tensor[:rows], found)


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
