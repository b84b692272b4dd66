"""What the methods ask of a model."""

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

    Rows must not influence each other. Several threads may call at once.
    """

    def predict(self, inputs: Tensors, targets: tf.Tensor) -> tf.Tensor:
        """Returns the `[rows]` float outputs explained; `targets` is int32 `[rows]`, the class index of each row."""
        ...

    def gradients(self, inputs: Tensors, targets: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Returns the `[rows]` outputs and, per float key that has players, d output / d `inputs[key]`."""
        ...


@runtime_checkable
class OutputModel(Protocol):
    """A model that can give all its outputs at once; `from_function`'s and `savedmodel`'s can."""

    def outputs(self, inputs: Tensors) -> tf.Tensor:
        """Returns float `[rows, outputs]`."""
        ...


@runtime_checkable
class TraceableModel(Model, OutputModel, Protocol):
    """A model whose methods TensorFlow can trace; attribution methods call traces of them instead (`TracedModel`).

    Attributes:
        traces: where those are kept, empty at first.

    A model whose Python neither branches nor loops by tensors may say so by an attribute `autograph`, which is False:
    to translate what runs takes longer than to trace it. One that concatenates tensors may say so by an attribute
    `joins`: by keys of their own, the keys of tensors that `predict` and `gradients` take as well as one matrix
    `[rows, columns]` under that key, in that order.
    """

    traces: dict[Any, Callable[..., Any]]
