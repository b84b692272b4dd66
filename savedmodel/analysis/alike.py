"""Which tensors have the same values: those that are computed in the same way of the same inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfx_explain.savedmodel.graph.flat import FlatGraph, in_order, index_of, node_of

_DRAWS = ("Random", "Multinomial", "TruncatedNormal", "ParameterizedTruncatedNormal")


def alike(graph: FlatGraph, tensors: Sequence[str]) -> dict[str, str]:
    """By tensor, the first one of `tensors` that has the same values."""
    numbers: dict[Any, int] = {}
    of_nodes: dict[str, int] = {}
    for name, node in in_order(graph.nodes, tensors).items() if len(tensors) > 1 else ():
        of_nodes[name] = numbers.setdefault(_told_by(graph, node, of_nodes), len(numbers))
    first: dict[tuple[int, int], str] = {}
    return {one: first.setdefault((of_nodes.get(node_of(one), 0), index_of(one)), one) for one in tensors}


def _told_by(graph: FlatGraph, node: Any, of_nodes: Mapping[str, int]) -> Any:
    """What two nodes of the same values have in common."""
    if node.name in graph.captures:
        return id(graph.captures[node.name])
    if node.op.startswith((*_DRAWS, "Placeholder")):
        return node.name
    kept = sorted(name for name in node.attr if not name.startswith("_"))
    attributes = tuple((name, node.attr[name].SerializeToString(deterministic=True)) for name in kept)
    return node.op, attributes, tuple((of_nodes[node_of(one)], index_of(one)) for one in node.input)
