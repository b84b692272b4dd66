"""Stage 4: which features each tensor's values depend on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from tfx_explain.savedmodel.analysis.features import Features
from tfx_explain.savedmodel.graph.flat import FlatGraph, in_order

# Their results know an operand's shape, not its values.
SHAPE_OPS = frozenset({"Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike"})
NOTHING: frozenset[str] = frozenset()


def sources(graph: FlatGraph, features: Features) -> dict[str, frozenset[str]]:
    """The features that a tensor stands for, for the tensors where features enter the graph.

    A sparse feature's dense shape stands for none. The serialized examples stand for themselves, under their tensors'
    names: what depends on that has read them past the parser.
    """
    start: dict[str, frozenset[str]] = {}
    if features.serialized:
        start |= {tensor: frozenset({tensor}) for tensor in (features.serialized, *graph.inputs.values())}
    for feature in features.by_name.values():
        start |= {tensor: frozenset({feature.name}) for tensor in feature.tensors if tensor != feature.dense_shape}
        if feature.dense_shape:
            start[feature.dense_shape] = NOTHING
    return start


def dependencies(
    graph: FlatGraph, start: Mapping[str, frozenset[str]], counts: Mapping[str, int], cut: Collection[str] = ()
) -> dict[str, frozenset[str]]:
    """The features that the values of each tensor depend on.

    Args:
        graph: the flat graph.
        start: the features of the tensors where they enter.
        counts: number of outputs of each node.
        cut: tensors that are fed, and so depend on nothing.
    """
    found: dict[str, frozenset[str]] = {}
    cut = frozenset(cut)
    for name, node in graph.nodes.items():
        carried = NOTHING if node.op in SHAPE_OPS else united(found[tensor] for tensor in node.input)
        for i in range(counts[name]):
            tensor = f"{name}:{i}"
            found[tensor] = NOTHING if tensor in cut else start.get(tensor, carried)
    return found


def united(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    """The union; one of `sets` itself where it has all of the others, so that a long graph keeps few of them."""
    different = list({id(one): one for one in sets}.values())
    largest = max(different, key=len, default=NOTHING)
    return largest if all(one <= largest for one in different) else largest.union(*different)


def held_tensors(graph: FlatGraph, raw: Iterable[str], fed: Collection[str], outputs: Iterable[str]) -> list[str]:
    """The tensors among `raw` that computing `outputs` from `fed` still reads, by value or only by shape."""
    fed = frozenset(fed)
    raw = [tensor for tensor in raw if tensor not in fed]
    nodes = in_order(graph.nodes, outputs, [*fed, *raw])
    read = {tensor for node in nodes.values() for tensor in node.input} | set(outputs)
    return [tensor for tensor in raw if tensor in read]


def value_consumers(graph: FlatGraph) -> dict[str, list[tuple[Any, int]]]:
    """For each tensor, the nodes (and the position among their inputs) that read its values."""
    consumers: dict[str, list[tuple[Any, int]]] = {}
    for node in graph.nodes.values():
        if node.op not in SHAPE_OPS:
            for position, tensor in enumerate(node.input):
                consumers.setdefault(tensor, []).append((node, position))
    return consumers
