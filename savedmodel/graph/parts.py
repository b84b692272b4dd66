"""Parts of a flat graph as functions: fed in its middle, computed up to any tensor."""

from __future__ import annotations

import contextlib
import contextvars
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfx_explain.savedmodel.graph.flat import FlatGraph, in_order, needed_functions
from tfx_explain.savedmodel.graph.text_by_text import call_text_by_text

# Library functions are renamed per import: those of other models, and gradients of While, clash otherwise.
_imports = itertools.count()
# What was cut out, by graph and ends, with the graph, so that no other gets its id; None outside of `cut_once`.
_CUTS: contextvars.ContextVar[dict[Any, tuple[FlatGraph, Callable[..., Any]]] | None] = contextvars.ContextVar(
    "cuts", default=None
)
_MOST_CUTS = 16
_NOTHING_MADE: Mapping[str, Callable[[dict[str, tf.Tensor]], tf.Tensor]] = {}


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
    made: Mapping[str, Callable[[dict[str, tf.Tensor]], tf.Tensor]] = _NOTHING_MADE,
) -> Callable[..., Any]:
    """A function that computes `fetches` from `feeds`, cut out of `graph`.

    Args:
        graph: the flat graph.
        feeds: tensors to feed, with the dtype and shape they are fed with.
        fetches: tensors to compute.
        finish: called while the graph is built with the fed tensors by name and the fetched ones (then the extra ones),
            to add ops such as gradients; what it returns is what the function returns. Equal ones do the same. Default:
            the fetched tensors.
        extra: further arguments, given to `finish` behind the fetched tensors.
        made: further tensors to feed, each by what makes it of those fed; `feeds` may then have names of no tensors.

    Returns:
        A callable of the feeds in their order, then of `extra`; safe to call from several threads.
    """
    kept = None if extra or made else _CUTS.get()
    key = id(graph), tuple(feeds.items()), tuple(fetches), finish
    if kept and key in kept:
        return kept[key][1]
    given = {*feeds, *made}
    nodes = in_order(graph.nodes, fetches, given)
    graph_def = with_own_functions(graph.versions, nodes.values(), graph.functions)
    names = list(feeds)
    computed = [name for name in fetches if name not in given]
    used = {tensor for node in nodes.values() for tensor in node.input} | set(computed)

    def build(*arguments: tf.Tensor) -> Any:
        fed = dict(zip(names, arguments[: len(names)], strict=True))
        fed |= {name: make(fed) for name, make in made.items() if name in used or name in fetches}
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

    function = tf.compat.v1.wrap_function(build, [*feeds.values(), *extra])
    if kept is not None:
        kept[key] = graph, function
        if len(kept) > _MOST_CUTS:
            kept.pop(next(iter(kept)))
    return function


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
