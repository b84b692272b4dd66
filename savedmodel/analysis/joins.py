"""Stage 8: tensors that a model does no more with than to concatenate them: it can be fed all of them as one matrix."""

from __future__ import annotations

import collections
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.slots import Slot
from tfx_explain.savedmodel.graph.flat import in_order, node_of, static_value
from tfx_explain.savedmodel.graph.parts import import_cut

# Ops that leave a row's numbers as they are, in order.
_SAME = frozenset({"Identity", "Reshape", "ExpandDims", "Squeeze"})
# Arithmetic of each number with a constant, and the constant that changes none, whatever its sign.
_ARITHMETIC: Mapping[str, tuple[Callable[..., tf.Tensor], float]] = {
    "Sub": (tf.subtract, 0.0),
    "Add": (tf.add, -0.0),
    "AddV2": (tf.add, -0.0),
    "Mul": (tf.multiply, 1.0),
    "RealDiv": (tf.realdiv, 1.0),
}
_COMMUTES = frozenset({"Add", "AddV2", "Mul"})
# What constants are computed by: as at the scales of normalizing layers.
_OF_CONSTANTS = _SAME | _ARITHMETIC.keys() | {"Const", "ReadVariableOp", "Sqrt", "Rsqrt", "Maximum", "Neg"}
# More arithmetic, each for all columns, would cost more than the concatenation.
_MOST_STEPS = 4


@dataclass(frozen=True)
class Join:
    """Float tensors `[rows, ...]` side by side as one matrix `[rows, columns]`, in the order of their concatenation.

    Attributes:
        slot: where the matrix is fed.
        members: the keys of the tensors.
        made: by name of the graph's tensors, what makes them of what is fed: the concatenation and the members.
    """

    slot: Slot
    members: tuple[str, ...]
    made: Mapping[str, Callable[[Mapping[str, tf.Tensor]], tf.Tensor]]


class _Chain(NamedTuple):
    """What becomes of a tensor before it is concatenated: arithmetic ops, each with the constant's tensor."""

    key: str
    ops: tuple[str, ...]
    operands: tuple[str, ...]


def find_joins(read: ReadModel, slots: Sequence[Slot], joinable: Sequence[Slot], output: str) -> list[Join]:
    """Finds what can be fed as one matrix.

    Args:
        read: the model.
        slots: every place that is fed.
        joinable: those of them that may be joined; their first axis is rows.
        output: what is computed.

    Returns:
        The joins: of tensors that reach `output` only through one concatenation along their last axis, which takes no
        others, and before it meet nothing but constants, number by number.
    """
    nodes = in_order(read.graph.nodes, [output], [tensor for slot in slots for tensor in slot.tensors])
    # Who reads only a shape gets it all the same.
    times = collections.Counter(tensor for node in nodes.values() if node.op != "Shape" for tensor in node.input)
    specs = {slot.key: slot.specs[0] for slot in joinable if len(slot.tensors) == 1 and _width(slot.specs[0])}
    search = _Search(read, nodes, specs, times)
    found = ((node, search.chains(node)) for node in nodes.values())
    return [_join(read, node, chains, [specs[chain.key] for chain in chains]) for node, chains in found if chains]


def _width(spec: tf.TensorSpec) -> int | None:
    """How many numbers a row has; None where the graph leaves it open."""
    if not spec.dtype.is_floating or spec.shape.rank in (None, 0) or spec.shape[0] is not None:
        return None
    return spec.shape[1:].num_elements()


@dataclass(frozen=True)
class _Search:
    """Follows concatenations back to what is fed."""

    read: ReadModel
    nodes: Mapping[str, Any]  # between what is fed and the output
    specs: Mapping[str, tf.TensorSpec]  # of what may be joined
    times: Mapping[str, int]  # how often a tensor is read

    def chains(self, node: Any) -> list[_Chain] | None:
        """What a node concatenates, if that is some of the tensors of `specs`, in few steps, and nothing else."""
        if node.op != "ConcatV2" or self.read.specs[f"{node.name}:0"].shape.rank != 2:
            return None
        axis = static_value(self.read.graph, node.input[-1])
        if axis is None or int(axis) not in (1, -1):
            return None
        chains = []
        for tensor in node.input[:-1]:
            chain = self._chain(tensor)
            if chain is None:
                return None
            chains.append(chain)
        steps = sum(len(ops) for ops in {chain.ops for chain in chains})
        return chains if len(chains) > 1 and steps <= _MOST_STEPS else None

    def _chain(self, tensor: str) -> _Chain | None:
        ops: list[str] = []
        operands: list[str] = []
        specs, width = self.read.specs, _width(self.read.specs[tensor])
        while self.times[tensor] == 1 and width and _width(specs[tensor]) == width:
            if tensor in self.specs:
                return _Chain(tensor, tuple(reversed(ops)), tuple(reversed(operands)))
            node = self.nodes.get(node_of(tensor))
            if node is None:  # fed, and not to be joined
                return None
            if node.op in _ARITHMETIC:
                tensor, operand = node.input
                if node.op in _COMMUTES and not self.read.depends[tensor]:
                    tensor, operand = operand, tensor
                if not _is_constant(self.read, operand, width, specs[tensor].shape.rank):
                    return None
                ops.append(node.op)
                operands.append(operand)
            elif node.op in _SAME:
                tensor = node.input[0]
            else:
                return None
        return None


def _is_constant(read: ReadModel, tensor: str, width: int, rank: int | None) -> bool:
    """Whether a tensor is the same in every call, and for every row of what has that rank and width."""
    shape, graph = read.specs[tensor].shape, read.graph
    # One as long as the rows would be different for each; one with more axes would spread the rows.
    is_for_rows = shape.rank is None or rank is None or shape.rank > rank or (shape.rank == rank and shape[0] != 1)
    if is_for_rows or shape.num_elements() not in (1, width):
        return False
    cone = in_order(graph.nodes, [tensor]).values()
    return all(node.op in _OF_CONSTANTS or node.name in graph.captures for node in cone)


def _join(read: ReadModel, concat: Any, chains: Sequence[_Chain], specs: Sequence[tf.TensorSpec]) -> Join:
    key = f"{concat.name}/joined"
    shapes: list[Any] = [spec.shape[1:].as_list() for spec in specs]
    widths = [math.prod(shape) for shape in shapes]
    ends = np.cumsum([0, *widths]).tolist()
    slot = Slot(key, (key,), (tf.TensorSpec([None, ends[-1]], specs[0].dtype),))
    steps = list(_steps(read, chains, widths))

    def concatenated(fed: Mapping[str, tf.Tensor]) -> tf.Tensor:
        matrix = fed[key]
        for op, constants in steps:
            matrix = _ARITHMETIC[op][0](matrix, constants)
        return matrix

    def member(first: int, last: int, shape: Sequence[int]) -> Callable[[Mapping[str, tf.Tensor]], tf.Tensor]:
        return lambda fed: tf.reshape(fed[key][:, first:last], [-1, *shape])

    members = tuple(chain.key for chain in chains)
    parts = zip(members, ends, ends[1:], shapes, strict=False)
    made = {name: member(first, last, shape) for name, first, last, shape in parts}
    return Join(slot, members, {f"{concat.name}:0": concatenated, **made})


def _steps(read: ReadModel, chains: Sequence[_Chain], widths: Sequence[int]) -> Iterator[tuple[str, np.ndarray]]:
    """Yields arithmetic of all columns: each chain's own, with constants that leave the others' columns as they are."""
    names = list(dict.fromkeys(operand for chain in chains for operand in chain.operands))
    with tf.init_scope():  # also where a call is traced
        values = {name: value.numpy() for name, value in zip(names, import_cut(read.graph, {}, names)(), strict=True)}
    for ops in dict.fromkeys(chain.ops for chain in chains):
        for step, op in enumerate(ops):
            yield (
                op,
                np.concatenate(
                    [
                        np.broadcast_to(values[chain.operands[step]].reshape(-1), width)
                        if chain.ops == ops
                        else np.full(width, _ARITHMETIC[op][1], values[names[0]].dtype)
                        for chain, width in zip(chains, widths, strict=True)
                    ]
                ),
            )
