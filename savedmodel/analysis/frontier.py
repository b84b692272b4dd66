"""Stage 6: the encoded tensors of a feature, or of several that the model merges."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfx_explain.savedmodel.analysis.depend import value_consumers
from tfx_explain.savedmodel.analysis.differentiable import LocalGradients, Paths, find_paths
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.graph.flat import in_order, operand


@dataclass(frozen=True)
class Analysis:
    """A model, and how its features get to its outputs.

    Attributes:
        read: the model.
        outputs: the tensors to explain.
        paths: which tensors have differentiable paths to them, and which have others.
        consumers: for each tensor, the nodes (and the position among their inputs) that read its values.
    """

    read: ReadModel
    outputs: tuple[str, ...]
    paths: Paths
    consumers: Mapping[str, Sequence[tuple[Any, int]]]

    @functools.cached_property
    def floats(self) -> Mapping[frozenset[str], Sequence[str]]:
        """The float tensors, but scalars, with a differentiable path to the outputs, by their features."""
        found: dict[frozenset[str], list[str]] = {}
        for tensor, features in self.read.depends.items():
            spec = self.read.specs[tensor]
            if features and tensor in self.paths.smooth and spec.dtype.is_floating and spec.shape.rank != 0:
                found.setdefault(features, []).append(tensor)
        return found

    @functools.cached_property
    def order(self) -> Mapping[str, int]:
        """The place of each tensor in the graph."""
        return {tensor: place for place, tensor in enumerate(self.read.depends)}

    @functools.cached_property
    def readers(self) -> Mapping[str, Sequence[Any]]:
        """For each tensor, the nodes that read it, by value or only by shape, and that the outputs need."""
        found: dict[str, list[Any]] = {}
        for node in in_order(self.read.graph.nodes, self.outputs).values():
            for tensor in node.input:
                found.setdefault(tensor, []).append(node)
        return found


@dataclass(frozen=True)
class Frontier:
    """Where the values of some features first become encoded tensors.

    Attributes:
        encoded: the encoded tensors, in the graph's order, each with the features that it depends on.
        merges: tensors in which the features meet others before that.
    """

    encoded: Mapping[str, frozenset[str]]
    merges: frozenset[str]


def analyse(read: ReadModel, outputs: Collection[str]) -> Analysis:
    """Walks back from `outputs`, asking at every op whether a gradient passes."""
    probe = LocalGradients(read.whole.graph)
    paths = find_paths(read.graph, read.depends, read.counts, list(outputs), probe)
    return Analysis(read, tuple(outputs), paths, value_consumers(read.graph))


def float_tensors(analysis: Analysis, names: Collection[str]) -> list[str]:
    """The float tensors that depend on some of `names` alone and have a differentiable path to the outputs."""
    if len(names) == 1:
        return list(analysis.floats.get(frozenset(names), ()))
    return [tensor for features, tensors in analysis.floats.items() if features.issubset(names) for tensor in tensors]


def frontier(analysis: Analysis, names: Collection[str], floats: Collection[str]) -> Frontier:
    """The encoded tensors of features `names`: the first on every way from their raw tensors.

    Each is a float tensor that depends on them alone and from which every path to the outputs is differentiable. Where
    a tensor has other uses too (a comparison), the operands that it is for the differentiable ones are named.

    Args:
        analysis: of the graph.
        names: the features.
        floats: the tensors that may be chosen: their first axis is rows, each of them independent of the others.
    """
    whole, operands, merges = _first_reached(analysis, names, floats)
    ordered = sorted(whole, key=analysis.order.__getitem__)
    # One that gets on through others only adds nothing.
    needed = [tensor for tensor in ordered if gets_past(analysis, tensor, whole - {tensor}, names)]
    depends = analysis.read.depends
    sources = {tensor: tensor for tensor in needed} | dict(sorted(operands.items()))
    return Frontier({tensor: depends[source] for tensor, source in sources.items()}, frozenset(merges))


def gets_past(analysis: Analysis, tensor: str, others: Collection[str], names: Collection[str]) -> bool:
    """Whether a tensor of `names` gets to the outputs, or among other features, otherwise than through `others`."""
    queue, entered = [tensor], {tensor, *others}
    while queue:
        tensor = queue.pop()
        if tensor in analysis.outputs or not analysis.read.depends[tensor].issubset(names):
            return True
        for node in analysis.readers.get(tensor, ()):
            results = {f"{node.name}:{i}" for i in range(analysis.read.counts[node.name])} - entered
            entered |= results
            queue.extend(result for result in results if result in analysis.readers or result in analysis.outputs)
    return False


def _first_reached(
    analysis: Analysis, names: Collection[str], floats: Collection[str]
) -> tuple[set[str], dict[str, str], set[str]]:
    read = analysis.read
    queue = [t for name in names for t in read.features.by_name[name].tensors if read.depends.get(t)]
    entered = set(queue)
    whole: set[str] = set()
    operands: dict[str, str] = {}
    merges: set[str] = set()
    while queue:
        tensor = queue.pop()
        if tensor in floats and tensor not in analysis.paths.broken:
            whole.add(tensor)
            continue
        for node, position in analysis.consumers.get(tensor, ()):
            results = [f"{node.name}:{i}" for i in range(read.counts[node.name])]
            alone = [result for result in results if read.depends[result] and read.depends[result].issubset(names)]
            if tensor in floats and not alone and (node.name, position) in analysis.paths.open:
                operands[operand(node.name, position)] = tensor
            else:
                merges.update(result for result in results if not read.depends[result].issubset(names))
            queue.extend(result for result in alone if result not in entered)
            entered.update(alone)
    return whole, operands, merges
