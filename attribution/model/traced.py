"""Traces of models, of which attribution methods make many calls at once."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfx_explain.attribution.model.interface import Model, Tensor, Tensors, TraceableModel
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

    @property
    def joins(self) -> Mapping[str, Sequence[str]]:
        """See `TraceableModel`."""
        return getattr(self._model, "joins", {})

    def outputs(self, inputs: Tensors) -> tf.Tensor:
        """See `OutputModel`."""
        return self.run(_outputs, dict(inputs))

    def predict(self, inputs: Tensors, targets: tf.Tensor) -> tf.Tensor:
        """See `Model`."""
        return self.run(_predict, dict(inputs), targets)

    def gradients(self, inputs: Tensors, targets: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """See `Model`."""
        return self.run(_gradients, dict(inputs), targets)

    def run(self, program: Callable[..., Any], *arguments: Any) -> Any:
        """Calls a program with the other model and `arguments`, in one trace.

        Args:
            program: hashable; equal ones have the same traces.
            arguments: tensors `[any number, ...]`, sequences of them, and dictionaries.
        """
        *shared, last = arguments
        return next(self.run_each(program, shared, [last]))

    def run_each(self, program: Callable[..., Any], shared: Sequence[Any], lasts: Sequence[Any]) -> Iterator[Any]:
        """Calls a program as `run` does, one call after the other.

        Args:
            program: as `run` takes it.
            shared: the arguments of all calls but for the last ones; what they make a trace of is found once.
            lasts: the last argument of each, all of one form. Made before the first call: after a model, whose numbers
                fill the caches, making one takes twenty times as long.
        """
        if not lasts or tf.config.functions_run_eagerly():
            yield from (self._called(program, self._model, *shared, last) for last in lasts)
            return
        traced = self._called(self._trace, program, *shared, lasts[0])
        flat = tf.nest.flatten(shared, expand_composites=True)
        for last in lasts:
            yield self._called(traced, *flat, *tf.nest.flatten(last, expand_composites=True))

    def _called(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls what traces or runs the model; a subclass may watch these calls."""
        return function(*arguments)

    def _trace(self, program: Callable[..., Any], *arguments: Any) -> Callable[..., Any]:
        traces, form = self._model.traces, (program, *map(_form, arguments))
        with self._tracing:
            if form not in traces:
                translated = getattr(self._model, "autograph", True)
                traces[form] = _of_any_rows(functools.partial(program, self._model), translated, *arguments)
        return traces[form]


def run_each(model: Model, program: Callable[..., Any], shared: Sequence[Any], lasts: Sequence[Any]) -> Iterator[Any]:
    """Calls a program of a model and tensors, traced where the model is (see `TracedModel.run_each`)."""
    if isinstance(model, TracedModel):
        return model.run_each(program, shared, lasts)
    return (program(model, *shared, last) for last in lasts)


def _outputs(model: TraceableModel, inputs: Tensors) -> tf.Tensor:
    return model.outputs(inputs)


def _predict(model: Model, inputs: Tensors, targets: tf.Tensor) -> tf.Tensor:
    return model.predict(inputs, targets)


def _gradients(model: Model, inputs: Tensors, targets: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    return model.gradients(inputs, targets)


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


def _of_any_rows(function: Callable[..., Any], translated: bool, *arguments: Any) -> Callable[..., Any]:
    """Traces a function of tensors in some structure, Python's branches translated or not, to one of flat tensors."""
    specs = tf.nest.map_structure(_any_rows, arguments)
    # Only `tf.function` translates.
    traced = tf.function(function, autograph=translated).get_concrete_function(*specs)

    def flat(*tensors: tf.Tensor) -> Any:
        return traced(*tf.nest.pack_sequence_as(specs, tensors, expand_composites=True))

    called = steady(flat, tf.nest.flatten(specs, expand_composites=True))
    return _one_at_a_time(called) if _differentiates_python(traced) else called


def _form(argument: Any) -> Any:
    """Returns what makes a trace fit tensors, in less time than `_any_rows` takes."""
    if isinstance(argument, tf.Tensor):
        return (argument.dtype, *argument.shape[1:])
    if isinstance(argument, dict):
        return tuple((key, _form(argument[key])) for key in sorted(argument))
    return tuple(map(_form, argument)) if isinstance(argument, list | tuple) else _any_rows(argument)


def _any_rows(tensor: Tensor) -> Any:
    if isinstance(tensor, tf.RaggedTensor):
        shape = [None, *tensor.shape[1:]]
        return tf.RaggedTensorSpec(shape, tensor.dtype, tensor.ragged_rank, tensor.row_splits.dtype)
    return tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)
