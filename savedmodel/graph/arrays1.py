"""TensorArrays made tensor lists, which loops that are functions can carry and differentiate.

A TensorArray is a resource beside a scalar that orders its uses, its "flow"; a tensor list is a value. The list takes
the flow's place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfx_explain.savedmodel.graph.flat import node_of

v1 = tf.compat.v1

_PASSES = frozenset({"Enter", "Exit", "Switch", "Merge", "NextIteration", "Identity"})
_NEW = "TensorArrayV3"
# Of an op on arrays: the op on lists, and where its inputs stand among the array's.
_OPS: dict[str, tuple[str, Callable[[list[str]], list[str]]]] = {
    "TensorArrayWriteV3": ("TensorListSetItem", lambda i: [i[3], i[1], i[2]]),
    "TensorArrayReadV3": ("TensorListGetItem", lambda i: [i[2], i[1], _SHAPE]),
    "TensorArrayGatherV3": ("TensorListGather", lambda i: [i[2], i[1], _SHAPE]),
    "TensorArrayScatterV3": ("TensorListScatterIntoExistingList", lambda i: [i[3], i[2], i[1]]),
    "TensorArraySplitV3": ("TensorListSplit", lambda i: [i[1], _SHAPE, i[2]]),
    "TensorArrayConcatV3": ("TensorListConcatV2", lambda i: [i[1], _SHAPE, _LEADING]),
    "TensorArraySizeV3": ("TensorListLength", lambda i: [i[1]]),
}
_MAKES_LISTS = frozenset({"TensorArrayWriteV3", "TensorArrayScatterV3", "TensorArraySplitV3"})
_SHAPED = frozenset({"TensorListReserve", "TensorListSplit", "TensorListConcatV2"})
_SHAPE, _LEADING = "element_shape", "leading_dims"


def lists_for_arrays(nodes: Mapping[str, Any]) -> dict[str, Any]:
    """The nodes with a tensor list in place of every TensorArray; what is read of a node keeps its name."""
    if not any(node.op == _NEW for node in nodes.values()):
        return dict(nodes)
    flows = _flows(nodes)
    found: dict[str, Any] = {}
    for name, node in nodes.items():
        copy = v1.NodeDef()
        copy.CopyFrom(node)
        if node.op == _NEW:
            copy = _list_op(node, "TensorListReserve", [_SHAPE, node.input[0]], found)
        elif node.op in _OPS:
            op, inputs_of = _OPS[node.op]
            copy = _list_op(node, op, inputs_of(list(node.input)), found)
        elif node.op in _PASSES and f"{name}:0" in flows:
            copy.attr["T"].type = tf.variant.as_datatype_enum
        for position, tensor in enumerate(copy.input):
            if tensor in flows and nodes.get(node_of(tensor)) is not None and nodes[node_of(tensor)].op == _NEW:
                copy.input[position] = f"{node_of(tensor)}:0"
        found[name] = copy
    return found


def _flows(nodes: Mapping[str, Any]) -> set[str]:
    """The tensors that order the uses of arrays."""
    flows = {f"{name}:1" for name, node in nodes.items() if node.op == _NEW}
    flows |= {f"{name}:0" for name, node in nodes.items() if node.op in _MAKES_LISTS}
    while True:
        more = {
            f"{name}:{i}"
            for name, node in nodes.items()
            if node.op in _PASSES and flows.intersection(node.input)
            for i in range(2 if node.op == "Switch" else 1)
        }
        if more <= flows:
            return flows
        flows |= more


def _list_op(node: Any, op: str, inputs: list[str], nodes: dict[str, Any]) -> Any:
    """The op on lists, named as `node`; the constants that it needs are added to `nodes`."""
    element = "T" if "T" in node.attr else "dtype"
    copy = v1.NodeDef(name=node.name, op=op)
    if op != "TensorListLength":
        copy.attr["element_dtype"].type = node.attr[element].type
    if op in _SHAPED:
        copy.attr["shape_type"].type = tf.int32.as_datatype_enum
    if op == "TensorListSetItem":
        copy.attr["resize_if_input_index_out_of_bounds"].b = True
    for tensor in inputs:
        if tensor == _SHAPE:
            tensor = _constant(nodes, f"{node.name}/{_SHAPE}", _element_shape(node))
        elif tensor == _LEADING:
            tensor = _constant(nodes, f"{node.name}/{_LEADING}", tf.make_tensor_proto([], tf.int64))
        copy.input.append(tensor)
    return copy


def _element_shape(node: Any) -> Any:
    if "element_shape" not in node.attr or node.attr["element_shape"].shape.unknown_rank:
        return tf.make_tensor_proto(-1, tf.int32)
    shape = node.attr["element_shape"].shape
    return tf.make_tensor_proto([dim.size for dim in shape.dim], tf.int32, [len(shape.dim)])


def _constant(nodes: dict[str, Any], name: str, value: Any) -> str:
    nodes[name] = v1.NodeDef(name=name, op="Const")
    nodes[name].attr["dtype"].type = value.dtype
    nodes[name].attr["value"].tensor.CopyFrom(value)
    return f"{name}:0"
