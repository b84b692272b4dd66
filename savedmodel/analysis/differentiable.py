"""Stage 5: through which ops a gradient flows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from tfx_explain.savedmodel.analysis.depend import value_consumers
from tfx_explain.savedmodel.graph.flat import FlatGraph, functions_of


@dataclass(frozen=True)
class Paths:
    """How the values of tensors get to the outputs.

    Attributes:
        smooth: tensors with at least one path to an output that is differentiable all along.
        broken: tensors with at least one path to an output that is not.
        open: operands (node name, position) from which all paths to an output are differentiable, whatever other uses
            their tensor has.
    """

    smooth: frozenset[str]
    broken: frozenset[str]
    open: frozenset[tuple[str, int]]


def find_paths(
    graph: FlatGraph,
    depends: Mapping[str, frozenset[str]],
    counts: Mapping[str, int],
    outputs: list[str],
    probe: LocalGradients,
) -> Paths:
    """Classifies every tensor that depends on a feature by the paths from it to `outputs`."""
    consumers = value_consumers(graph)
    smooth, broken = set(outputs), set()
    open_operands = set()
    for name in reversed(list(graph.nodes)):
        for tensor in (f"{name}:{i}" for i in range(counts[name])):
            for node, position in consumers.get(tensor, ()) if depends[tensor] else ():
                results = {k: f"{node.name}:{k}" for k in range(counts[node.name])}
                reaching = {k: result for k, result in results.items() if result in smooth or result in broken}
                passing = {k for k in reaching if probe.flows(node, position, k)}
                if any(reaching[k] in smooth for k in passing):
                    smooth.add(tensor)
                if any(k not in passing or result in broken for k, result in reaching.items()):
                    broken.add(tensor)
                elif reaching:
                    open_operands.add((node.name, position))
    return Paths(frozenset(smooth), frozenset(broken), frozenset(open_operands))


@dataclass
class LocalGradients:
    """Asks TensorFlow, op by op, whether an output has a gradient with respect to an input; remembers the answers.

    Attributes:
        graph: a tf.Graph that holds the flat graph's nodes under `cut/`; gradient ops are added to it.
    """

    graph: Any
    _known: dict[Any, tuple[bool, ...]] = field(default_factory=dict)
    _of_node: dict[tuple[str, int], tuple[bool, ...]] = field(default_factory=dict)

    def flows(self, node: Any, position: int, output: int) -> bool:
        """Whether output number `output` of `node` has a non-zero gradient with respect to input number `position`."""
        if (node.name, output) not in self._of_node:
            operation = self.graph.get_operation_by_name(f"cut/{node.name}")
            if not _carries_gradients(operation.inputs[position]):  # a parser has many outputs, and defaults of floats
                return False
            key = (_signature(node, operation), output)
            if key not in self._known:
                self._known[key] = self._probe(operation, output)
            self._of_node[node.name, output] = self._known[key]
        return self._of_node[node.name, output][position]

    def _probe(self, operation: Any, output: int) -> tuple[bool, ...]:
        inputs = list(operation.inputs)
        result = operation.outputs[output]
        places = [i for i, tensor in enumerate(inputs) if _carries_gradients(tensor)]
        if not places or not _carries_gradients(result):
            return (False,) * len(inputs)
        with self.graph.as_default():
            # Of an op that stands alone, TensorFlow need not search the graph, nor a parser's many inputs.
            if not (any(map(_is_state, inputs)) or any(functions_of(operation.node_def))):
                inputs = [
                    tf.compat.v1.placeholder(t.dtype, t.shape) if i in places else t for i, t in enumerate(inputs)
                ]
                result = self._copy(operation, inputs).outputs[output]
            operands = [inputs[i] for i in places]
            try:
                # What flows in must be neither zero nor known, whatever the dtype.
                upstream = tf.compat.v1.placeholder(result.dtype, result.shape)
                found = tf.gradients(result, operands, grad_ys=upstream, stop_gradients=operands)
            except (LookupError, NotImplementedError, TypeError, ValueError):  # TensorFlow has no gradient for this op
                found = [None] * len(operands)
        flows = {place for place, gradient in zip(places, found, strict=True) if not _is_zero(gradient)}
        return tuple(i in flows for i in range(len(inputs)))

    def _copy(self, operation: Any, inputs: list[Any]) -> Any:
        types = [result.dtype for result in operation.outputs]
        return self.graph.create_op(operation.type, inputs, types, attrs=dict(operation.node_def.attr), name="probe")


def _is_state(tensor: tf.Tensor) -> bool:
    return tensor.dtype in (tf.resource, tf.variant)


def _carries_gradients(tensor: tf.Tensor) -> bool:
    return tensor.dtype.is_floating or tensor.dtype == tf.variant


def _is_zero(gradient: Any) -> bool:
    """Whether a gradient is missing or zero whatever the values, as that of Sign."""
    if gradient is None:
        return True
    if isinstance(gradient, tf.IndexedSlices):
        return False
    operation = gradient.op
    while operation.type == "Identity":
        operation = operation.inputs[0].op
    if operation.type == "ZerosLike":
        return True
    value = operation.inputs[1] if operation.type == "Fill" else operation.outputs[0]
    constant = tf.get_static_value(value)
    return constant is not None and not constant.any()


def _signature(node: Any, operation: Any) -> tuple[Any, ...]:
    """What the existence of an op's gradients can depend on: attributes, dtypes, ranks, which inputs are constant."""
    attributes = tuple((key, node.attr[key].SerializeToString(deterministic=True)) for key in sorted(node.attr))
    operands = tuple((t.dtype.name, t.shape.rank, t.op.type == "Const") for t in operation.inputs)
    return node.op, attributes, operands
