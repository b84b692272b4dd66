"""The outputs that can be explained, and the logits behind them."""

from __future__ import annotations

from tfx_explain.savedmodel.flat import node_of
from tfx_explain.savedmodel.read import ReadModel

_PASSES = frozenset({"Identity", "Reshape", "Squeeze", "ExpandDims", "Cast"})
_LINKS = frozenset({"Sigmoid", "Softmax"})


def explainable_outputs(read: ReadModel) -> dict[str, str]:
    """The signature's float outputs `[rows]` or `[rows, outputs]`, tensor by name.

    Raises:
        ValueError: if there is none.
    """
    specs = {name: read.specs[tensor] for name, tensor in read.graph.outputs.items()}
    found = [name for name, spec in specs.items() if spec.dtype.is_floating and spec.shape.rank in (None, 1, 2)]
    if not found:
        there = ", ".join(f"{name!r} ({spec.dtype.name} {spec.shape})" for name, spec in specs.items())
        raise ValueError(
            f"Signature {read.signature.name!r} has no output to explain, only {there}; export one that serves float "
            "scores, [rows] or [rows, outputs]."
        )
    return {name: read.graph.outputs[name] for name in found}


def find_logits(read: ReadModel, tensor: str) -> str:
    """The input of the sigmoid or softmax that makes `tensor`, or '' where there is none."""
    node = read.graph.nodes[node_of(tensor)]
    while node.op in _PASSES and read.specs[node.input[0]].dtype.is_floating:
        node = read.graph.nodes[node_of(node.input[0])]
    return node.input[0] if node.op in _LINKS else ""
