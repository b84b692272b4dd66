"""What the methods ask of a model, and plain functions as models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

import tensorflow as tf

# A tf.Tensor or tf.RaggedTensor. Not spelled out: the type stubs of TensorFlow accept the union almost nowhere.
Tensor: TypeAlias = Any
Tensors: TypeAlias = Mapping[str, Tensor]


@runtime_checkable
class Model(Protocol):
    """A batched model over tensors keyed by name, whose first axis is rows.

    Rows must not influence each other. Two threads may call at once.
    """

    def predict(self, inputs: Tensors, targets: tf.Tensor) -> tf.Tensor:
        """Returns the `[rows]` float outputs explained; `targets` is int32 `[rows]`, the class index of each row."""
        ...

    def gradients(self, inputs: Tensors, targets: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Returns the `[rows]` outputs and, per float key that has players, d output / d `inputs[key]`."""
        ...


def from_function(function: Callable[..., tf.Tensor]) -> Model:
    """Makes a model of a TensorFlow function.

    Args:
        function: maps what `attribute` is given as inputs (one tensor `[rows, ...]`, or a dictionary of them) to
            `[rows]`, `[rows, 1]` or `[rows, classes]` floats.

    Returns:
        A model whose gradients come from a `tf.GradientTape`; of `[rows, classes]` it explains the target's column.
    """
    return _FunctionModel(function)


# The key of the only tensor of a function that takes no dictionary.
ONLY_KEY = "x"


class _FunctionModel:
    def __init__(self, function: Callable[..., tf.Tensor]) -> None:
        self._function = function
        self.predict = tf.function(self._predict, reduce_retracing=True)
        self.gradients = tf.function(self._gradients, reduce_retracing=True)

    def _predict(self, inputs: Tensors, targets: tf.Tensor) -> tf.Tensor:
        outputs = tf.convert_to_tensor(self._function(inputs[ONLY_KEY] if set(inputs) == {ONLY_KEY} else dict(inputs)))
        if outputs.shape.rank == 1:
            return outputs
        if outputs.shape.rank != 2:
            raise ValueError(
                f"the function returned a tensor of shape {outputs.shape}; it must return [rows] or [rows, classes]."
            )
        return outputs[:, 0] if outputs.shape[1] == 1 else tf.gather(outputs, targets, axis=1, batch_dims=1)

    def _gradients(self, inputs: Tensors, targets: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        floats = {key: tensor for key, tensor in inputs.items() if tensor.dtype.is_floating}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(floats)
            outputs = self._predict(inputs, targets)
        gradients: dict[str, Any] = tape.gradient(outputs, floats, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return outputs, gradients
