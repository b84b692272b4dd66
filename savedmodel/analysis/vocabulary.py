"""The values that a model's look-up tables know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.savedmodel.analysis.features import Features
from tfx_explain.savedmodel.analysis.shapes import LOOKUPS
from tfx_explain.savedmodel.graph.flat import FlatGraph, node_of

_ENOUGH = 16


def vocabularies(
    graph: FlatGraph, features: Features, depends: Mapping[str, frozenset[str]], most: int = _ENOUGH
) -> Mapping[str, tuple[Any, ...]]:
    """By feature, the first keys, at most `most` a table, of the tables in which it alone is looked up."""
    found: dict[str, tuple[Any, ...]] = {}
    for node in graph.nodes.values():
        if node.op not in LOOKUPS or len(depends[node.input[1]]) != 1:
            continue
        (name,) = depends[node.input[1]]
        table = graph.captures.get(node_of(_origin(graph, node.input[0])))
        key_type = tf.as_dtype(node.attr["Tin"].type)
        if table is not None and name in features.by_name and features.by_name[name].dtype == key_type:
            keys, _ = tf.raw_ops.LookupTableExportV2(
                table_handle=table, Tkeys=key_type, Tvalues=tf.as_dtype(node.attr["Tout"].type)
            )
            found[name] = (*found.get(name, ()), *np.sort(keys.numpy())[:most].tolist())
    return found


def _origin(graph: FlatGraph, tensor: str) -> str:
    while graph.nodes[node_of(tensor)].op == "Identity":
        tensor = graph.nodes[node_of(tensor)].input[0]
    return tensor
