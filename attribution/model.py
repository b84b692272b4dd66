"""What the methods ask of a model, and plain functions as models."""

from __future__ import annotations

import functools
import threading
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


@runtime_checkable
class OutputModel(Protocol):
    """A model that can give all its outputs at once; `from_function`'s and `savedmodel`'s can."""

    def outputs(self, inputs: Tensors) -> tf.Tensor:
        """Returns float `[rows, outputs]`."""
        ...


def from_function(function: Callable[..., tf.Tensor]) -> _FunctionModel:
    """Makes a model of a TensorFlow function.

    Args:
        function: maps what `attribute` is given as inputs (one tensor `[rows, ...]`, or a dictionary of them) to
            `[rows]`, `[rows, 1]` or `[rows, classes]` floats.

    Returns:
        A model whose gradients come from a `tf.GradientTape`; of `[rows, classes]` it explains the target's column.
    """
    return _FunctionModel(function)


def as_model(model: Model | Callable[..., tf.Tensor]) -> Model:
    """Returns a model as it is, and a function as a model.

    A `tf.function` is traced once. Plain functions and other objects may read what changes unseen between two calls, so
    they are traced again.
    """
    if isinstance(model, Model):
        return model
    return _remembered(model) if hasattr(model, "get_concrete_function") else from_function(model)


# The key of the only tensor of a function that takes no dictionary.
ONLY_KEY = "x"


@functools.lru_cache(maxsize=4)
def _remembered(function: Callable[..., tf.Tensor]) -> _FunctionModel:
    return from_function(function)


class _FunctionModel:
    """Traces the function once for each set of dtypes and row shapes, for any number of rows.

    A trace for one number of rows may be optimised in another way, and round in another.
    """

    def __init__(self, function: Callable[..., tf.Tensor]) -> None:
        self._function = function
        self._traced: dict[Any, Callable[..., Any]] = {}
        self._tracing = threading.Lock()

    def outputs(self, inputs: Tensors) -> tf.Tensor:
        """See `OutputModel`."""
        no_targets = tf.zeros([0], tf.int32)
        return self._call(self._outputs, inputs, no_targets)

    def predict(self, inputs: Tensors, targets: tf.Tensor) -> tf.Tensor:
        """See `Model`."""
        return self._call(self._predict, inputs, targets)

    def gradients(self, inputs: Tensors, targets: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """See `Model`."""
        return self._call(self._gradients, inputs, targets)

    def _call(self, function: Callable[..., Any], inputs: Tensors, targets: tf.Tensor) -> Any:
        if tf.config.functions_run_eagerly():
            return function(dict(inputs), targets)
        form = function.__name__, *((key, _form(tensor)) for key, tensor in sorted(inputs.items()))
        with self._tracing:
            if form not in self._traced:
                self._traced[form] = _of_any_rows(function, inputs)
        return self._traced[form](*tf.nest.flatten((dict(inputs), targets), expand_composites=True))

    def _outputs(self, inputs: Tensors, targets: tf.Tensor) -> tf.Tensor:
        outputs = tf.convert_to_tensor(self._function(inputs[ONLY_KEY] if set(inputs) == {ONLY_KEY} else dict(inputs)))
        if outputs.shape.rank not in (1, 2):
            raise ValueError(
                f"the function returned a tensor of shape {outputs.shape}; it must return [rows] or [rows, classes]."
            )
        return outputs[:, None] if outputs.shape.rank == 1 else outputs

    def _predict(self, inputs: Tensors, targets: tf.Tensor) -> tf.Tensor:
        outputs = self._outputs(inputs, targets)
        return outputs[:, 0] if outputs.shape[1] == 1 else tf.gather(outputs, targets, axis=1, batch_dims=1)

    def _gradients(self, inputs: Tensors, targets: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        floats = {key: tensor for key, tensor in inputs.items() if tensor.dtype.is_floating}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(floats)
            outputs = self._predict(inputs, targets)
        gradients: dict[str, Any] = tape.gradient(outputs, floats, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return outputs, gradients


def _differentiates_python(traced: Any) -> bool:
    """Tells whether a trace has a `tf.py_function`, whose tape, kept for its gradient, all calls of a trace share."""
    graph = traced.graph.as_graph_def()
    bodies = [graph.node, *(function.node_def for function in graph.library.function)]
    return any(node.op == "EagerPyFunc" for nodes in bodies for node in nodes)


def _one_at_a_time(function: Callable[..., Any]) -> Callable[..., Any]:
    calling = threading.Lock()

    def call(*args: Any) -> Any:
        with calling:
            return function(*args)

    return call


def _of_any_rows(function: Callable[..., Any], inputs: Tensors) -> Callable[..., Any]:
    """Traces a function of inputs and targets to one of their flat tensors."""
    specs = {key: _any_rows(tensor) for key, tensor in inputs.items()}, tf.TensorSpec([None], tf.int32)
    # Only `tf.function` translates Python's branches and loops; calls of what wraps it take a fourth less time with few
    # rows.
    traced = tf.function(function).get_concrete_function(*specs)

    def flat(*tensors: tf.Tensor) -> Any:
        return traced(*tf.nest.pack_sequence_as(specs, tensors, expand_composites=True))

    wrapped = tf.compat.v1.wrap_function(flat, tf.nest.flatten(specs, expand_composites=True))
    return _one_at_a_time(wrapped) if _differentiates_python(traced) else wrapped


def _form(tensor: Tensor) -> Any:
    """Returns what makes a trace fit a tensor, in less time than `_any_rows` takes."""
    return (tensor.dtype, *tensor.shape[1:]) if isinstance(tensor, tf.Tensor) else _any_rows(tensor)


def _any_rows(tensor: Tensor) -> Any:
    if isinstance(tensor, tf.RaggedTensor):
        shape = [None, *tensor.shape[1:]]
        return tf.RaggedTensorSpec(shape, tensor.dtype, tensor.ragged_rank, tensor.row_splits.dtype)
    return tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)
