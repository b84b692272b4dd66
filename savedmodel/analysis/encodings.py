"""Stage 6: the encoded tensors of all features; those that the model merges before any float get theirs together."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import tensorflow as tf

from tfx_explain.savedmodel.analysis.frontier import Analysis, Frontier, float_tensors, frontier
from tfx_explain.savedmodel.graph.flat import node_of

Group = frozenset[str]


@dataclass(frozen=True)
class Encodings:
    """How features enter the differentiable part of a model.

    Attributes:
        tensors: the encoded tensors of each feature; of a merged one, also those that it has with others.
        groups: by feature that is merged with others: all that are merged.
        weights: by feature, the one that weighs its values.
    """

    tensors: Mapping[str, tuple[str, ...]]
    groups: Mapping[str, Group]
    weights: Mapping[str, str]

    @property
    def every(self) -> frozenset[str]:
        """The encoded tensors of all features."""
        return frozenset(tensor for tensors in self.tensors.values() for tensor in tensors)


def find_encodings(
    analysis: Analysis, names: Collection[str], aligned: Callable[[Iterable[str]], frozenset[str]]
) -> Encodings:
    """Finds the encoded tensors of features.

    Two features are merged where they meet in strings, ids or values that are not rows yet (a cross, a concatenation
    before one look-up, weights of what is looked up), and a float tensor of both follows. Where floats meet, or one
    decides about the other, they are not: each is a feature of its own.

    Args:
        analysis: of the graph.
        names: the features.
        aligned: of some tensors, those whose first axis is rows, each of them independent of the others.
    """
    found = _merged(analysis, {frozenset({name}): _frontier(analysis, {name}, aligned) for name in names}, aligned)
    tensors = {
        name: tuple(tensor for tensor, features in edge.encoded.items() if name in features)
        for group, edge in found.items()
        for name in group
    }
    weights = {name: other for group in found if len(group) == 2 for name, other in _weights(analysis, group)}
    groups = {name: group for group in found if len(group) > 1 and not group & weights.keys() for name in group}
    return Encodings(tensors, groups, weights)


def _frontier(
    analysis: Analysis, names: Collection[str], aligned: Callable[[Iterable[str]], frozenset[str]]
) -> Frontier:
    return frontier(analysis, names, aligned(float_tensors(analysis, names)))


def _merged(
    analysis: Analysis, found: Mapping[Group, Frontier], aligned: Callable[[Iterable[str]], frozenset[str]]
) -> dict[Group, Frontier]:
    """The frontiers of groups, of their union where they merge: looked for where they meet, in the graph's order."""
    edges = dict(found)
    group_of = {name: group for group in edges for name in group}
    meeting: dict[str, set[Group]] = {}
    queue: list[tuple[int, str]] = []
    refused: set[Group] = set()

    def meet(group: Group) -> None:
        for tensor in edges[group].merges:
            meeting.setdefault(tensor, set()).add(group)
            heapq.heappush(queue, (analysis.order[tensor], tensor))

    for group in edges:
        meet(group)
    met = (tensor for tensor, groups in meeting.items() if len(groups) > 1)
    aligned(operand for tensor in met for operand in _floats(analysis, tensor) or ())  # all at once
    while queue:
        _, tensor = heapq.heappop(queue)
        if len(meeting[tensor]) < 2 or not _is_merge(analysis, tensor, aligned):
            continue
        touched = analysis.read.depends[tensor].union(*meeting[tensor])
        union = frozenset().union(*(group_of[name] for name in touched if name in group_of))
        merged = _frontier(analysis, union, aligned) if union not in refused else None
        if not merged or all(len(features) == 1 for features in merged.encoded.values()):
            refused.add(union)  # they meet, but no gradient passes there
            continue
        for group in {group_of[name] for name in union}:
            for old in edges.pop(group).merges:
                meeting[old].discard(group)
        edges[union] = merged
        group_of |= dict.fromkeys(union, union)
        meet(union)
    return edges


def _is_merge(analysis: Analysis, tensor: str, aligned: Callable[[Iterable[str]], frozenset[str]]) -> bool:
    """Whether what meets in `tensor` is no row of floats yet, nor decided by a comparison."""
    read = analysis.read
    dtype = read.specs[tensor].dtype
    if dtype == tf.string or dtype.is_integer:
        return True
    operands = [operand for operand in read.graph.nodes[node_of(tensor)].input if read.depends[operand]]
    if any(read.specs[operand].dtype == tf.bool for operand in operands):
        return False
    floats = _floats(analysis, tensor)
    return floats is not None and not aligned(floats)


def _floats(analysis: Analysis, tensor: str) -> list[str] | None:
    """The float operands of what makes `tensor`; None where it is not known of all what their rows are."""
    read = analysis.read
    operands = [operand for operand in read.graph.nodes[node_of(tensor)].input if read.depends[operand]]
    floats = [operand for operand in operands if read.specs[operand].dtype.is_floating]
    return floats if analysis.paths.smooth.issuperset(floats) else None


def _weights(analysis: Analysis, group: Group) -> Iterable[tuple[str, str]]:
    """The feature of a pair that has categories, and the one whose numbers weigh them; nothing for other pairs."""
    features = [analysis.read.features.by_name[name] for name in sorted(group)]
    numbers = [feature.name for feature in features if feature.is_sparse and feature.dtype.is_floating]
    others = [feature.name for feature in features if feature.is_sparse and not feature.dtype.is_floating]
    if len(numbers) == 1 and len(others) == 1:
        yield others[0], numbers[0]
