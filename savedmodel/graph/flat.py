"""The flat graph: the record that the stages after inlining read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

# What gradients and lowering of control flow read, and the shapes that `analysis.shapes` judges.
_MEANT = frozenset({"_num_original_outputs", "_lower_using_switch_merge", "_output_shapes"})


@dataclass(frozen=True)
class FlatGraph:
    """A signature's graph without function calls.

    Attributes:
        nodes: NodeDefs by name, producers before consumers; every input is written `name:index`.
        inputs: tensor of each signature input, by the input's name.
        outputs: tensor of each signature output, by the output's name.
        captures: variables, tables and constants, by the name of the placeholder that stands for them.
        functions: bodies of While and If, by function name.
        versions: VersionDef of the graph.
        custom_gradients: nodes whose custom gradient was replaced by the natural one.
    """

    nodes: Mapping[str, Any]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    captures: Mapping[str, tf.Tensor]
    functions: Mapping[str, Any]
    versions: Any
    custom_gradients: tuple[str, ...]

    def with_nodes(self, nodes: Iterable[Any]) -> FlatGraph:
        """Returns the graph with NodeDefs behind its own; None among them adds nothing."""
        return dataclasses.replace(self, nodes={**self.nodes, **{node.name: node for node in nodes if node}})


def node_of(tensor: str) -> str:
    """`scope/node` of `scope/node:1`."""
    return tensor.rpartition(":")[0]


def index_of(tensor: str) -> int:
    """1 of `scope/node:1`."""
    return int(tensor.rpartition(":")[2])


def static_value(graph: FlatGraph, tensor: str) -> Any:
    """The constant or captured value of `tensor` as a numpy array, or None where it is computed."""
    tensor = source(graph, tensor)
    node = graph.nodes[node_of(tensor)]
    if node.op == "Const":
        return tf.make_ndarray(node.attr["value"].tensor)
    if node.name in graph.captures and graph.captures[node.name].dtype not in (tf.resource, tf.variant):
        return graph.captures[node.name].numpy()
    return None


def source(graph: FlatGraph, tensor: str) -> str:
    """The tensor that `tensor` is passed on from as it is."""
    node = graph.nodes[node_of(tensor)]
    while node.op == "Identity":
        tensor = node.input[0]
        node = graph.nodes[node_of(tensor)]
    return tensor


def in_order(nodes: Mapping[str, Any], fetches: Iterable[str], feeds: Iterable[str] = ()) -> dict[str, Any]:
    """The nodes that computing `fetches` from `feeds` takes, producers first."""
    fed = set(feeds)
    ordered: dict[str, Any] = {}
    entered: set[str] = set()
    stack: list[tuple[str, bool]] = [(node_of(tensor), False) for tensor in fetches if tensor not in fed]
    while stack:
        name, done = stack.pop()
        if done:
            ordered[name] = nodes[name]
        elif name not in entered:
            entered.add(name)
            stack.append((name, True))
            stack.extend((node_of(tensor), False) for tensor in nodes[name].input if tensor not in fed)
    return ordered


def operand(node: str, position: int) -> str:
    """The name of what one node reads as its input number `position`, apart from other uses of the same tensor."""
    return f"{node}/operand_{position}:0"


def with_operands(graph: FlatGraph, specs: Mapping[str, tf.TensorSpec], tensors: Iterable[str]) -> FlatGraph:
    """The graph with a node of its own for each of `tensors` that is an operand's name; other names are passed over."""
    added: dict[str, list[tuple[int, str]]] = {}
    for tensor in tensors:
        node, _, position = tensor.removesuffix(":0").rpartition("/operand_")
        if node in graph.nodes and position.isdecimal() and int(position) < len(graph.nodes[node].input):
            added.setdefault(node, []).append((int(position), node_of(tensor)))
    nodes = {}
    for name, node in graph.nodes.items():
        copy = tf.compat.v1.NodeDef()
        copy.CopyFrom(node)
        for position, identity in added.get(name, ()):
            source = node.input[position]
            nodes[identity] = tf.compat.v1.NodeDef(name=identity, op="Identity", input=[source])
            nodes[identity].attr["T"].type = specs[source].dtype.as_datatype_enum
            copy.input[position] = f"{identity}:0"
        nodes[name] = copy
    return dataclasses.replace(graph, nodes=nodes)


def unmarked(node: Any) -> Any:
    """A copy of a node without device and the marks of one version's runtime (`_class`, `_XlaCompile`, `_xyz`)."""
    copy = tf.compat.v1.NodeDef()
    copy.CopyFrom(node)
    copy.device = ""
    for mark in [name for name in node.attr if name.startswith("_") and name not in _MEANT]:
        del copy.attr[mark]
    return copy


def functions_of(node: Any) -> Iterator[str]:
    """Names of the library functions that a node refers to."""
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        yield from (function.name for function in value.list.func)


def needed_functions(nodes: Iterable[Any], library: Mapping[str, Any]) -> dict[str, Any]:
    """The functions of `library` that `nodes` refer to, directly or through one another."""
    found: dict[str, Any] = {}
    queue = [name for node in nodes for name in (node.op, *functions_of(node))]
    while queue:
        name = queue.pop()
        if name in library and name not in found:
            found[name] = library[name]
            queue.extend(n for node in library[name].node_def for n in (node.op, *functions_of(node)))
    return found
