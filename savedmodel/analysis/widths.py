"""The size of a dense feature's last axis, where the signature leaves it open and the model does not."""

from __future__ import annotations

import math

from tfx_explain.savedmodel.analysis.features import Feature
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.graph.flat import static_value

# What they make of a tensor has its last axis.
_KEEP = frozenset(
    {
        "Identity",
        "Cast",
        "Relu",
        "Tanh",
        "Sigmoid",
        "Log",
        "Log1p",
        "Sqrt",
        "Square",
        "Exp",
        "Neg",
        "Abs",
        "EnsureShape",
    }
    | {"Add", "AddV2", "Sub", "Mul", "RealDiv", "Maximum", "Minimum", "BiasAdd", "EnsureShape"}
)


_PRODUCTS = {"MatMul": "transpose_b", "BatchMatMul": "adj_y", "BatchMatMulV2": "adj_y"}


def last_size(read: ReadModel, feature: Feature) -> int | None:
    """The size that the last axis of a feature's values must have for the tensors it meets; None where none says."""
    beside = {feature.values: 0}  # tensors with that axis, and how much of it others bring
    for node in read.graph.nodes.values():
        place = next((tensor for tensor in node.input if tensor in beside), None)
        if place is None:
            continue
        result = f"{node.name}:0"
        if node.op in _PRODUCTS and place == node.input[0]:
            weights = read.specs[node.input[1]].shape
            size = weights[-1 if node.attr[_PRODUCTS[node.op]].b else -2] if weights.rank else None
            if size is not None:
                return size - beside[place]
        elif node.op == "Reshape" and read.specs[place].shape.rank is None:
            row = static_value(read.graph, node.input[1])
            if row is not None and row.size > 1 and row[0] == -1 and min(row[1:]) > 0:
                return math.prod(row[1:].tolist()) - beside[place]
        elif node.op == "ConcatV2":
            others = [_last(read, tensor) for tensor in node.input[:-1] if tensor != place]
            if all(others):
                beside[result] = beside[place] + sum(size for size in others if size)
        elif node.op in _KEEP:
            sizes = [size for tensor in (*node.input, result) if (size := _last(read, tensor)) and size > 1]
            if sizes:
                return sizes[0] - beside[place]
            beside[result] = beside[place]
    return None


def _last(read: ReadModel, tensor: str) -> int | None:
    shape = read.specs[tensor].shape
    return shape[-1] if shape.rank else None
