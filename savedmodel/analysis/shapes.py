"""Shapes that TensorFlow does not infer: that of what a table returns is the keys', others are written down."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfx_explain.savedmodel.graph.flat import FlatGraph
from tfx_explain.savedmodel.graph.parts import tensor_specs

LOOKUPS = frozenset({"LookupTableFind", "LookupTableFindV2"})
_SHAPES = "_output_shapes"  # honoured on import


def shaped(graph: FlatGraph) -> tuple[FlatGraph, Mapping[str, tf.TensorSpec], Any]:
    """The graph with the shapes written down that are not inferred, and what `tensor_specs` says of it.

    Shapes that the SavedModel has in its nodes are believed for inner axes alone, and only where TensorFlow infers
    nothing: they may be those of one batch.
    """
    saved = {name: _saved(node) for name, node in graph.nodes.items()}
    graph = dataclasses.replace(graph, nodes={name: _with_shapes(node, ()) for name, node in graph.nodes.items()})
    written: set[str] = set()  # each node once, so that there is an end
    while True:
        specs, whole = tensor_specs(graph)
        nodes = {}
        for name, node in graph.nodes.items():
            if name not in written:
                inferred = _inferred(name, specs)
                known = _of_keys(node, inferred, specs) or _completed(inferred, saved[name])
                if known != inferred:
                    nodes[name] = _with_shapes(node, known)
        if not nodes:
            return graph, specs, whole
        written |= nodes.keys()
        graph = dataclasses.replace(graph, nodes={**graph.nodes, **nodes})


def _saved(node: Any) -> list[tf.TensorShape]:
    return [tf.TensorShape(shape) for shape in node.attr[_SHAPES].list.shape] if _SHAPES in node.attr else []


def _inferred(name: str, specs: Mapping[str, tf.TensorSpec]) -> list[list[int | None] | None]:
    """The shape of each output of a node; None where not even the rank is known."""
    shapes = []
    while (tensor := f"{name}:{len(shapes)}") in specs:
        shapes.append(_listed(specs[tensor].shape))
    return shapes


def _of_keys(
    node: Any, inferred: Sequence[list[int | None] | None], specs: Mapping[str, tf.TensorSpec]
) -> list[list[int | None] | None]:
    """The shape of what a table returns, where it is not inferred and that of the keys is known; else nothing."""
    keys = _listed(specs[node.input[1]].shape) if node.op in LOOKUPS else None
    return [keys] if keys and inferred == [None] else []


def _completed(
    inferred: Sequence[list[int | None] | None], saved: Sequence[tf.TensorShape]
) -> list[list[int | None] | None]:
    """Inferred shapes with the inner axes that they leave open taken from saved ones."""
    if len(saved) != len(inferred):  # of another version of the op
        return list(inferred)
    completed = []
    for shape, other in zip(inferred, map(_listed, saved), strict=True):
        if other and (shape is None or len(shape) == len(other)):
            first, *inner = shape or [None] * len(other)
            shape = [
                first,
                *(size if size is not None else known for size, known in zip(inner, other[1:], strict=True)),
            ]
        completed.append(shape)
    return completed


def _listed(shape: tf.TensorShape) -> list[int | None] | None:
    return None if shape.rank is None else shape.as_list()


def _with_shapes(node: Any, shapes: Sequence[list[int | None] | None]) -> Any:
    """A copy of a node with these shapes in place of any that it has; none for none."""
    copy = tf.compat.v1.NodeDef()
    copy.CopyFrom(node)
    copy.attr.pop(_SHAPES, None)
    for shape in shapes:
        # A shape of any rank; the stubs lack None.
        copy.attr[_SHAPES].list.shape.add().CopyFrom(tf.TensorShape(shape).as_proto())  # type: ignore[arg-type]
    return copy
