"""Traces of models, of which attribution methods make many calls at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfx_explain.attribution.model.interface import Tensor, Tensors, TraceableModel
from tfx_explain.attribution.model.steady import steady


class TracedModel:
    """A model that traces another once for each set of dtypes and row shapes, for any number of rows.

    A trace for one number of rows may be optimised in another way, and round in another. Where TensorFlow runs
    functions eagerly, the other model is called as it is.
    """

    _tracing = threading.Lock()

    def __init__(self, model: TraceableModel) -> None:
        """Keeps the traces in `model.traces`."""
        self._model = model

    def outputs(self, inputs: Tensors) -> tf.Tensor:
        """See `OutputModel`."""
        return self._call("outputs", dict(inputs))

    def predict(self, inputs: Tensors, targets: tf.Tensor) -> tf.Tensor:
        """See `Model`."""
        return self._call("predict", dict(inputs), targets)

    def gradients(self, inputs: Tensors, targets: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """See `Model`."""
        return self._call("gradients", dict(inputs), targets)

    def _call(self, method: str, inputs: dict[str, Tensor], *targets: tf.Tensor) -> Any:
        function, traces = getattr(self._model, method), self._model.traces
        if tf.config.functions_run_eagerly():
            return function(inputs, *targets)
        form = method, *((key, _form(tensor)) for key, tensor in sorted(inputs.items()))
        with self._tracing:
            if form not in traces:
                traces[form] = _of_any_rows(function, inputs, *targets)
        return traces[form](*tf.nest.flatten((inputs, targets), expand_composites=True))


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


def _of_any_rows(function: Callable[..., Any], inputs: Tensors, *targets: tf.Tensor) -> Callable[..., Any]:
    """Traces a function of inputs and targets to one of their flat tensors."""
    specs = {key: _any_rows(tensor) for key, tensor in inputs.items()}, *(_any_rows(target) for target in targets)
    # Only `tf.function` translates Python's branches and loops.
    traced = tf.function(function).get_concrete_function(*specs)

    def flat(*tensors: tf.Tensor) -> Any:
        return traced(*tf.nest.pack_sequence_as(specs, tensors, expand_composites=True))

    called = steady(flat, tf.nest.flatten(specs, expand_composites=True))
    return _one_at_a_time(called) if _differentiates_python(traced) else called


def _form(tensor: Tensor) -> Any:
    """Returns what makes a trace fit a tensor, in less time than `_any_rows` takes."""
    return (tensor.dtype, *tensor.shape[1:]) if isinstance(tensor, tf.Tensor) else _any_rows(tensor)


def _any_rows(tensor: Tensor) -> Any:
    if isinstance(tensor, tf.RaggedTensor):
        shape = [None, *tensor.shape[1:]]
        return tf.RaggedTensorSpec(shape, tensor.dtype, tensor.ragged_rank, tensor.row_splits.dtype)
    return tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)
