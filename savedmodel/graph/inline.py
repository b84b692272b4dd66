"""Stage 2: replace every function call of a signature's graph by the function's body.

Only a flat graph can be cut: fed in its middle, and differentiated with respect to what was fed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import op_def_registry  # no public function tells the outputs of an op by its name

from tfx_explain.savedmodel.graph.control_flow1 import FLOW, functionalize, with_data_inputs
from tfx_explain.savedmodel.graph.errors import unregistered
from tfx_explain.savedmodel.graph.flat import FlatGraph, in_order, needed_functions, unmarked
from tfx_explain.savedmodel.graph.signature import Signature
from tfx_explain.savedmodel.graph.unfit import refuse_unfit

_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_CONDITIONS = ("If", "StatelessIf", "Case", "StatelessCase")  # their first input decides
_STOPS = ("StopGradient", "PreventGradient")


def inline(signature: Signature) -> FlatGraph:
    """The graph of `signature` without calls, control edges or nodes that no output needs.

    Raises:
        ValueError: if the signature changes state, so that it cannot be evaluated at other inputs, or has
            a Python function.
    """
    library = {function.signature.name: function for function in signature.graph_def.library.function}
    top = _Scope("", {node.name: node for node in signature.graph_def.node}, library, signature.op_defs)
    refuse_unfit(signature.name, top.nodes.values(), signature.graph_def.library.function)
    custom_gradients: set[str] = set()
    flat = {node.name: node for node in top.flat_nodes(custom_gradients)}
    outputs = {name: top.resolve(tensor) for name, tensor in signature.outputs.items()}
    nodes = in_order(flat, outputs.values())
    if any(node.op in FLOW for node in nodes.values()):  # that of TF 1, in functions
        library_def = signature.graph_def.library
        graph_def = tf.compat.v1.GraphDef(versions=signature.graph_def.versions, library=library_def)
        graph_def.node.extend(nodes.values())
        functional = functionalize(graph_def, list(outputs.values()))
        nodes, _ = with_data_inputs(functional.node)
        library = {function.signature.name: function for function in functional.library.function}
    nodes = in_order(_apart(nodes), outputs.values())
    return FlatGraph(
        nodes=nodes,
        inputs=dict(signature.inputs),
        outputs=outputs,
        captures=dict(signature.captures),
        functions=needed_functions(nodes.values(), library),
        versions=signature.graph_def.versions,
        custom_gradients=tuple(sorted(custom_gradients & set(nodes))),
    )


def _apart(nodes: Mapping[str, Any]) -> dict[str, Any]:
    """The nodes with an Identity for each tensor that a condition reads again: TensorFlow has no gradient of that."""
    found = {}
    for name, node in nodes.items():
        found[name] = node
        for position, tensor in enumerate(node.input if node.op in _CONDITIONS else ()):
            if tensor in node.input[:position]:
                identity = f"{name}/again_{position}"
                found[identity] = tf.compat.v1.NodeDef(name=identity, op="Identity", input=[tensor])
                found[identity].attr["T"].type = node.attr["Tin"].list.type[position - 1]
                node.input[position] = f"{identity}:0"
    return found


@dataclass
class _Scope:
    """The body of one function call (or the top level), with a place in the flat graph's namespace."""

    prefix: str
    nodes: Mapping[str, Any]
    library: Mapping[str, Any]
    op_defs: Mapping[str, Any]
    arguments: Mapping[str, tuple[_Scope, str]] = field(default_factory=dict)
    results: tuple[str, ...] = ()
    children: dict[str, _Scope] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.nodes.values():
            name = _called(node, self.library)
            if name:
                self.children[node.name] = self._enter(node, self.library[name])

    def _enter(self, call: Any, function: Any) -> _Scope:
        inputs = [name for name in call.input if not name.startswith("^")]
        names = [argument.name for argument in function.signature.input_arg]
        return _Scope(
            prefix=f"{self.prefix}{call.name}/",
            nodes={node.name: node for node in function.node_def},
            library=self.library,
            op_defs=self.op_defs,
            arguments={name: (self, tensor) for name, tensor in zip(names, inputs, strict=True)},
            results=tuple(function.ret[result.name] for result in function.signature.output_arg),
        )

    def resolve(self, reference: str) -> str:
        """The flat graph's tensor for a reference as this body writes it: `node`, `node:1` or `node:output:1`."""
        name, *rest = reference.split(":")
        if name in self.arguments:
            scope, outer = self.arguments[name]
            return scope.resolve(outer)
        node = self.nodes[name]
        index = int(rest[-1]) if rest else 0
        if len(rest) == 2:
            index += self._first_index(node, rest[0])
        if name in self.children:
            child = self.children[name]
            return child.resolve(child.results[index])
        if node.op == "IdentityN":  # passing it through keeps what shares it only for a custom gradient apart
            return self.resolve(node.input[index])
        return f"{self.prefix}{name}:{index}"

    def _first_index(self, node: Any, output: str) -> int:
        start = 0
        for argument in self._output_args(node):
            if argument.name == output:
                return start
            start += _length(argument, node)
        raise ValueError(
            f"Node {node.name!r} ({node.op}) has no output {output!r}; the SavedModel is damaged, export it again."
        )

    def _output_args(self, node: Any) -> Any:
        if node.op in self.library:
            return self.library[node.op].signature.output_arg
        # TF 2.0 to 2.3 did not list the ops that only functions use.
        op_def = self.op_defs.get(node.op) or op_def_registry.get(node.op)
        if op_def is None:
            raise ValueError(unregistered(node.op, f"Node {node.name!r}"))
        return op_def.output_arg

    def flat_nodes(self, custom_gradients: set[str]) -> Iterator[Any]:
        """Every node of this body and of those it calls; notes where a custom gradient was given up."""
        for node in self.nodes.values():
            if node.name in self.children:
                yield from self.children[node.name].flat_nodes(custom_gradients)
                continue
            inputs = [name for name in node.input if not name.startswith("^")]
            if node.op == "IdentityN":
                if node.attr["_gradient_op_type"].s.startswith(b"CustomGradient"):
                    custom_gradients.update(self.resolve(name).rpartition(":")[0] for name in inputs)
                continue
            copy = unmarked(node)
            copy.name = self.prefix + node.name
            if node.op in _STOPS:
                # What is differentiated is the function served, all of it: attributions add up to its change.
                copy.op = "Identity"
                copy.attr.pop("message", None)
            del copy.input[:]
            copy.input.extend(self.resolve(name) for name in inputs)
            yield copy


def _called(node: Any, library: Mapping[str, Any]) -> str:
    """The function to inline for `node`, or ''."""
    if node.op in _CALLS:
        return node.attr["f"].func.name
    return node.op if node.op in library else ""


def _length(argument: Any, node: Any) -> int:
    if argument.number_attr:
        return node.attr[argument.number_attr].i
    if argument.type_list_attr:
        return len(node.attr[argument.type_list_attr].list.type)
    return 1
