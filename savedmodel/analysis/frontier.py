"""Stage 6: the encoded tensors of a feature, or of several that the model merges."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfx_explain.savedmodel.analysis.depend import held_tensors, value_consumers
from tfx_explain.savedmodel.analysis.differentiable import LocalGradients, Paths, find_paths
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.graph.flat import operand


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
    depends, specs = analysis.read.depends, analysis.read.specs
    return [
        tensor
        for tensor in analysis.read.depends
        if tensor in analysis.paths.smooth
        and depends[tensor]
        and depends[tensor].issubset(names)
        and specs[tensor].dtype.is_floating
        and specs[tensor].shape.rank != 0
    ]


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
    ordered = [tensor for tensor in analysis.read.depends if tensor in whole]
    # One that is only reached through another adds nothing.
    needed = [
        tensor
        for tensor in ordered
        if held_tensors(
            analysis.read.graph, [tensor], [other for other in ordered if other != tensor], analysis.outputs
        )
    ]
    depends = analysis.read.depends
    sources = {tensor: tensor for tensor in needed} | dict(sorted(operands.items()))
    return Frontier({tensor: depends[source] for tensor, source in sources.items()}, frozenset(merges))


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
