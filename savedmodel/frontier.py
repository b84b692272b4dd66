"""Stage 6: the encoded tensors of each feature."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from tfx_explain.savedmodel.depend import held_tensors, value_consumers
from tfx_explain.savedmodel.differentiable import LocalGradients, Paths, find_paths
from tfx_explain.savedmodel.flat import operand
from tfx_explain.savedmodel.read import ReadModel


@dataclass(frozen=True)
class Analysis:
    """A model, and how its features get to its outputs.

    Attributes:
        read: the model.
        outputs: the tensors to explain.
        paths: which tensors have differentiable paths to them, and which have others.
    """

    read: ReadModel
    outputs: tuple[str, ...]
    paths: Paths


def analyse(read: ReadModel, outputs: Collection[str]) -> Analysis:
    """Walks back from `outputs`, asking at every op whether a gradient passes."""
    probe = LocalGradients(read.whole.graph)
    return Analysis(read, tuple(outputs), find_paths(read.graph, read.depends, read.counts, list(outputs), probe))


def float_tensors(analysis: Analysis) -> dict[str, list[str]]:
    """By feature, the float tensors that depend on it alone and have a differentiable path to the outputs."""
    found: dict[str, list[str]] = {name: [] for name in analysis.read.features.by_name}
    for tensor, names in analysis.read.depends.items():
        if len(names) == 1 and tensor in analysis.paths.smooth:
            (name,) = names
            spec = analysis.read.specs[tensor]
            if name in found and spec.dtype.is_floating and spec.shape.rank != 0:
                found[name].append(tensor)
    return found


def frontier(analysis: Analysis, name: str, is_aligned: Callable[[str], bool]) -> tuple[str, ...]:
    """The encoded tensors of feature `name`: the first on every way from its raw tensors, in the graph's order.

    Each is a float tensor that depends on the feature alone and from which every path to the outputs is differentiable.
    Where a tensor has other uses too (a comparison), the operands that it is for the differentiable ones are named.

    Args:
        analysis: of the graph.
        name: the feature.
        is_aligned: whether a tensor's first axis is rows, each of them independent of the others.
    """
    floats = {tensor for tensor in float_tensors(analysis)[name] if is_aligned(tensor)}
    whole, operands = _first_reached(analysis, name, floats)
    ordered = [tensor for tensor in analysis.read.depends if tensor in whole]
    # One that is only reached through another adds nothing.
    needed = [
        tensor
        for tensor in ordered
        if held_tensors(
            analysis.read.graph, [tensor], [other for other in ordered if other != tensor], analysis.outputs
        )
    ]
    return (*needed, *sorted(operands))


def _first_reached(analysis: Analysis, name: str, floats: Collection[str]) -> tuple[set[str], set[str]]:
    consumers = value_consumers(analysis.read.graph)
    feature = analysis.read.features.by_name[name]
    queue = [tensor for tensor in feature.tensors if analysis.read.depends.get(tensor)]
    entered = set(queue)
    whole: set[str] = set()
    operands: set[str] = set()
    while queue:
        tensor = queue.pop()
        if tensor in floats and tensor not in analysis.paths.broken:
            whole.add(tensor)
            continue
        for node, position in consumers.get(tensor, ()):
            results = [f"{node.name}:{i}" for i in range(analysis.read.counts[node.name])]
            alone = [result for result in results if analysis.read.depends[result] == {name}]
            if tensor in floats and not alone and (node.name, position) in analysis.paths.open:
                operands.add(operand(node.name, position))
            queue.extend(result for result in alone if result not in entered)
            entered.update(alone)
    return whole, operands
