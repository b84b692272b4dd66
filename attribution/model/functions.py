"""Plain functions as models."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfx_explain.attribution.model.interface import Model, Tensors, TraceableModel
from tfx_explain.attribution.model.traced import TracedModel


def from_function(function: Callable[..., tf.Tensor]) -> TracedModel:
    """Makes a model of a TensorFlow function.

    Args:
        function: maps what `attribute` is given as inputs (one tensor `[rows, ...]`, or a dictionary of them) to
            `[rows]`, `[rows, 1]` or `[rows, classes]` floats.

    Returns:
        A model whose gradients come from a `tf.GradientTape`; of `[rows, classes]` it explains the target's column.
    """
    return TracedModel(_FunctionModel(function))


def as_model(model: Model | Callable[..., tf.Tensor]) -> Model:
    """Returns a model as it is or, where it can be traced, with its traces; and a function as a model.

    A `tf.function` is traced once. Plain functions and other objects may read what changes unseen between two calls, so
    they are traced again.
    """
    if isinstance(model, Model):
        return TracedModel(model) if isinstance(model, TraceableModel) else model
    return _remembered(model) if hasattr(model, "get_concrete_function") else from_function(model)


# The key of the only tensor of a function that takes no dictionary.
ONLY_KEY = "x"


@functools.lru_cache(maxsize=4)
def _remembered(function: Callable[..., tf.Tensor]) -> TracedModel:
    return from_function(function)


class _FunctionModel:
    """A TensorFlow function as a `TraceableModel`."""

    def __init__(self, function: Callable[..., tf.Tensor]) -> None:
        self.traces: dict[Any, Callable[..., Any]] = {}
        self._function = function

    def outputs(self, inputs: Tensors) -> tf.Tensor:
        """See `OutputModel`."""
        outputs = self._returned(inputs)
        return outputs[:, None] if outputs.shape.rank == 1 else outputs

    def predict(self, inputs: Tensors, targets: tf.Tensor) -> tf.Tensor:
        """See `Model`."""
        outputs = self._returned(inputs)
        if outputs.shape.rank == 1:
            return outputs
        return outputs[:, 0] if outputs.shape[1] == 1 else tf.gather(outputs, targets, axis=1, batch_dims=1)

    def gradients(self, inputs: Tensors, targets: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """See `Model`."""
        floats = {key: tensor for key, tensor in inputs.items() if tensor.dtype.is_floating}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(floats)
            outputs = self.predict(inputs, targets)
        gradients: dict[str, Any] = tape.gradient(outputs, floats, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return outputs, gradients

    def _returned(self, inputs: Tensors) -> tf.Tensor:
        outputs = tf.convert_to_tensor(self._function(inputs[ONLY_KEY] if set(inputs) == {ONLY_KEY} else dict(inputs)))
        if outputs.shape.rank not in (1, 2):
            raise ValueError(
                f"the function returned a tensor of shape {outputs.shape}; it must return [rows] or [rows, classes]."
            )
        return outputs
