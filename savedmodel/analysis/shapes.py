"""Shapes that TensorFlow does not infer: what a table returns has the shape of the keys."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfx_explain.savedmodel.graph.flat import FlatGraph, tensor_specs

LOOKUPS = frozenset({"LookupTableFind", "LookupTableFindV2"})
_SHAPES = "_output_shapes"  # honoured on import


def shaped(graph: FlatGraph) -> tuple[FlatGraph, Mapping[str, tf.TensorSpec], Any]:
    """The graph with the shapes of look-ups written down, and what `tensor_specs` says of it."""
    while True:
        specs, whole = tensor_specs(graph)
        nodes = {
            name: _with_shape(node, specs[node.input[1]].shape)
            for name, node in graph.nodes.items()
            if node.op in LOOKUPS and specs[f"{name}:0"].shape.rank is None and specs[node.input[1]].shape.rank
        }
        if not nodes:
            return graph, specs, whole
        graph = dataclasses.replace(graph, nodes={**graph.nodes, **nodes})


def _with_shape(node: Any, shape: tf.TensorShape) -> Any:
    copy = tf.compat.v1.NodeDef()
    copy.CopyFrom(node)
    copy.attr[_SHAPES].list.shape.add().CopyFrom(shape.as_proto())
    return copy
