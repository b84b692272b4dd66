"""The flat graph: the record that the stages after inlining read, and how to run a part of it."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfx_explain.savedmodel.graph.text_by_text import call_text_by_text

# What gradients and lowering of control flow read, and the shapes that `analysis.shapes` judges.
_MEANT = frozenset({"_num_original_outputs", "_lower_using_switch_merge", "_output_shapes"})
# Library functions are renamed per import: those of other models, and gradients of While, clash otherwise.
_imports = itertools.count()
# What was cut out, by graph and ends, with the graph, so that no other gets its id; None outside of `cut_once`.
_CUTS: contextvars.ContextVar[dict[Any, tuple[FlatGraph, Callable[..., Any]]] | None] = contextvars.ContextVar(
    "cuts", default=None
)
_MOST_CUTS = 16


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


@contextlib.contextmanager
def cut_once() -> Iterator[None]:
    """Within the block, the same part of a graph is not imported again, unless many others were since."""
    if _CUTS.get() is not None:
        yield
        return
    token = _CUTS.set({})
    try:
        yield
    finally:
        _CUTS.reset(token)


def import_cut(
    graph: FlatGraph,
    feeds: Mapping[str, tf.TensorSpec],
    fetches: Sequence[str],
    finish: Callable[[dict[str, tf.Tensor], list[tf.Tensor]], Any] | None = None,
    extra: Sequence[tf.TensorSpec] = (),
) -> Callable[..., Any]:
    """A function that computes `fetches` from `feeds`, cut out of `graph`.

    Args:
        graph: the flat graph.
        feeds: tensors to feed, with the dtype and shape they are fed with.
        fetches: tensors to compute.
        finish: called while the graph is built with the fed tensors by name and the fetched ones (then the extra ones),
            to add ops such as gradients; what it returns is what the function returns. Default: the fetched tensors.
        extra: further arguments, given to `finish` behind the fetched tensors.

    Returns:
        A callable of the feeds in their order, then of `extra`; safe to call from several threads.
    """
    kept = _CUTS.get()
    if kept is None or finish or extra:
        return _imported(graph, feeds, fetches, finish, extra)
    key = id(graph), tuple(feeds.items()), tuple(fetches)
    if key not in kept:
        kept[key] = graph, _imported(graph, feeds, fetches)
    found = kept[key][1]
    if len(kept) > _MOST_CUTS:
        kept.pop(next(iter(kept)))
    return found


def _imported(
    graph: FlatGraph,
    feeds: Mapping[str, tf.TensorSpec],
    fetches: Sequence[str],
    finish: Callable[[dict[str, tf.Tensor], list[tf.Tensor]], Any] | None = None,
    extra: Sequence[tf.TensorSpec] = (),
) -> Callable[..., Any]:
    """Imports what `import_cut` cuts out."""
    nodes = in_order(graph.nodes, fetches, feeds)
    graph_def = with_own_functions(graph.versions, nodes.values(), graph.functions)
    names = list(feeds)
    computed = [name for name in fetches if name not in feeds]
    used = {tensor for node in nodes.values() for tensor in node.input} | set(computed)

    def build(*arguments: tf.Tensor) -> Any:
        fed = dict(zip(names, arguments[: len(names)], strict=True))
        building = tf.compat.v1.get_default_graph()
        input_map = {name: tensor for name, tensor in fed.items() if name in used}
        for node, value in graph.captures.items():
            if f"{node}:0" in used and f"{node}:0" not in fed:
                input_map[f"{node}:0"] = building.capture(value)
        imported = iter(
            tf.graph_util.import_graph_def(graph_def, input_map=input_map, return_elements=computed, name="cut")
        )
        fetched = [fed[name] if name in fed else next(imported) for name in fetches]
        return finish(fed, [*fetched, *arguments[len(names) :]]) if finish else fetched

    return tf.compat.v1.wrap_function(build, [*feeds.values(), *extra])


def tensor_specs(graph: FlatGraph) -> tuple[dict[str, tf.TensorSpec], Any]:
    """dtype and static shape of every tensor, and the graph they were read from (by `cut/name`; keep it alive)."""
    specs: dict[str, tf.TensorSpec] = {}
    needed = in_order(graph.nodes, graph.outputs.values())
    added = [f"{name}:0" for name in graph.nodes if name not in needed]
    function = import_cut(graph, {}, [*graph.outputs.values(), *added])
    for name in graph.nodes:
        for i, tensor in enumerate(function.graph.get_operation_by_name(f"cut/{name}").outputs):
            specs[f"{name}:{i}"] = tf.TensorSpec(tensor.shape, tensor.dtype)
    return specs, function


def with_own_functions(versions: Any, nodes: Iterable[Any], library: Mapping[str, Any]) -> Any:
    """A GraphDef of nodes and the functions that they need, under names that no other import has."""
    graph_def = tf.compat.v1.GraphDef(versions=versions)
    nodes = list(nodes)
    functions = needed_functions(nodes, library)
    suffix = f"_cut_{next(_imports)}"
    renamed = {name: name + suffix for name in functions}
    for node in nodes:
        _rename(graph_def.node.add(), node, renamed)
    for name, function in functions.items():
        copy = graph_def.library.function.add()
        copy.CopyFrom(function)
        copy.signature.name = renamed[name]
        del copy.node_def[:]
        for node in function.node_def:
            _rename(copy.node_def.add(), node, renamed)
    call_text_by_text(graph_def)
    return graph_def


def _rename(copy: Any, node: Any, renamed: Mapping[str, str]) -> None:
    copy.CopyFrom(node)
    copy.attr.pop("_class", None)  # what it was placed with may not be here
    copy.op = renamed.get(node.op, node.op)
    for value in copy.attr.values():
        if value.HasField("func"):
            value.func.name = renamed.get(value.func.name, value.func.name)
        for function in value.list.func:
            function.name = renamed.get(function.name, function.name)
