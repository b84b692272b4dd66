"""Where a graph looks up a vector for each of the integers that it makes of a feature, or counts these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfx_explain.savedmodel.analysis.depend import value_consumers
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.graph.flat import index_of, node_of, source, static_value

GATHERS = frozenset({"Gather", "GatherV2", "ResourceGather"})
_SEGMENTS = frozenset({"SparseSegmentMean", "SparseSegmentSqrtN", "SparseSegmentSum"})
_UNIQUES = frozenset({"Unique", "UniqueV2"})
_STITCHES = frozenset({"DynamicStitch", "ParallelDynamicStitch"})
# What a table in parts makes of an id to tell which part has it, and where.
_ARITHMETIC = frozenset({"FloorMod", "FloorDiv", "Maximum", "Sub", "Cast", "Select", "SelectV2", "Less"})
_COUNTS = frozenset({"Bincount", "DenseBincount", "RaggedBincount", "SparseBincount", "ScatterNd"})
_ONE_BY_ONE = frozenset({"Cast", "Mul", "RealDiv", "Reshape", "SparseToDense", "StridedSlice"})
_RESHAPES = frozenset({"Cast", "Reshape", "ExpandDims", "Squeeze"})


@dataclass(frozen=True)
class Gather:
    """A tensor with one slice for each of the ids that a graph makes of a feature.

    Attributes:
        tensor: the slices, float `[*ids, ...]`; where `places` is given, those of ids without repetition.
        ids: the ids, integers of any shape, one element an entry.
        places: where in `tensor` each entry's slice is, int `[entries]`; '' where `tensor` has one for each.
    """

    tensor: str
    ids: str
    places: str = ""


def find_gathers(read: ReadModel, name: str, weights: str, needed: Mapping[str, Any]) -> list[Gather]:
    """The look-ups of a feature alone, or with its weights, among the nodes needed."""
    consumers = value_consumers(read.graph)
    found: list[Gather] = []
    for node in needed.values() if weights else read.alone[name]:
        on = read.depends.get(f"{node.name}:0", frozenset())
        ids = _ids_of(read, node) if node.name in needed and name in on <= {name, weights} else None
        whole = ids and _whole(read, Gather(f"{node.name}:0", ids), consumers)
        if not whole:
            continue
        origin = origin_of(read, whole.ids)
        unique = read.graph.nodes[node_of(origin)]
        if unique.op in _UNIQUES and index_of(origin) == 0:
            found += _of_unique(read, whole.tensor, unique, consumers)
        else:
            found.append(whole)
    return list(dict.fromkeys(found))


def find_counts(read: ReadModel, name: str, encoded: Sequence[str]) -> list[Gather]:
    """The tensors `[rows, ids]` among the encoded ones of a feature that count its ids, in the place of slices."""
    found = []
    for tensor in encoded:
        is_matrix = read.specs[tensor].shape.rank in (2, None)
        if is_matrix and read.depends[tensor] == {name} and _are_counts(read, tensor):
            found.append(Gather(tensor, tensor))
    return found


def _are_counts(read: ReadModel, tensor: str) -> bool:
    """Whether a tensor is counts, one by one, not sums of several."""
    node = read.graph.nodes[node_of(source(read.graph, tensor))]
    operands = [operand for operand in node.input if read.depends[operand]]
    one_by_one = node.op in _ONE_BY_ONE and bool(operands)
    return node.op in _COUNTS or (one_by_one and all(_are_counts(read, operand) for operand in operands))


def _ids_of(read: ReadModel, node: Any) -> str | None:
    """The ids for which a node looks up vectors that are no feature's, if it does."""
    if not read.specs[f"{node.name}:0"].dtype.is_floating:
        return None
    if node.op == "OneHot":
        last = node.attr["axis"].i == -1
        return node.input[0] if last and not any(read.depends[tensor] for tensor in node.input[1:]) else None
    if node.op not in GATHERS or read.depends[node.input[0]] or node.attr["batch_dims"].i:
        return None
    if node.op == "GatherV2":
        axis = static_value(read.graph, node.input[2])
        if axis is None or int(axis) != 0:
            return None
    return node.input[1]


def origin_of(read: ReadModel, tensor: str) -> str:
    """What a tensor of integers is, before it was passed on, cast, or given another shape."""
    while True:
        tensor = source(read.graph, tensor)
        node = read.graph.nodes[node_of(tensor)]
        if node.op not in _RESHAPES:
            return tensor
        tensor = node.input[0]


def _whole(read: ReadModel, part: Gather, consumers: Mapping[str, Sequence[Any]]) -> Gather | None:
    """A look-up; where it is in one part of a table, that of all parts together; None if that isn't found."""
    partition = read.graph.nodes[node_of(source(read.graph, part.ids))]
    if partition.op != "DynamicPartition":
        return part
    stitches = [node for node, _ in _readers(part.tensor, consumers) if node.op in _STITCHES]
    ids = {_before_parts(read, tensor) for tensor in partition.input}
    if len(stitches) != 1 or len(ids) != 1:
        return None
    whole, (flat,) = f"{stitches[0].name}:0", ids
    readers = _readers(whole, consumers)
    reshaped = read.graph.nodes[node_of(flat)]
    if len(readers) == 1 and readers[0][0].op == "Reshape" and reshaped.op == "Reshape":
        return Gather(f"{readers[0][0].name}:0", source(read.graph, reshaped.input[0]))
    return Gather(whole, flat)


def _before_parts(read: ReadModel, tensor: str) -> str:
    """The ids that which part, or which place in it, is told of; '' where these are several."""
    tensor = source(read.graph, tensor)
    node = read.graph.nodes[node_of(tensor)]
    if node.op not in _ARITHMETIC:
        return tensor
    found = {_before_parts(read, operand) for operand in node.input if read.depends[operand]}
    return found.pop() if len(found) == 1 else ""


def _of_unique(read: ReadModel, looked_up: str, unique: Any, consumers: Mapping[str, Sequence[Any]]) -> list[Gather]:
    """The entries behind a look-up of ids without repetition, of what is known to read it."""
    found, ids = [], unique.input[0]
    for node, position in _readers(looked_up, consumers):
        if position == 0 and node.op in _SEGMENTS and source(read.graph, node.input[1]) == f"{unique.name}:1":
            found.append(Gather(node.input[0], ids, node.input[1]))
        elif position == 0 and node.op == "GatherV2" and source(read.graph, node.input[1]) == f"{unique.name}:1":
            found.append(Gather(f"{node.name}:0", ids))
    return found


def _readers(tensor: str, consumers: Mapping[str, Sequence[Any]]) -> list[tuple[Any, int]]:
    """The nodes that read a tensor, or what passes it on."""
    found = []
    for node, position in consumers.get(tensor, ()):
        passed = node.op == "Identity"
        found += _readers(f"{node.name}:0", consumers) if passed else [(node, position)]
    return found
