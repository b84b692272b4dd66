"""The values that a model's look-up tables know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.savedmodel.analysis.features import Features
from tfx_explain.savedmodel.analysis.shapes import LOOKUPS
from tfx_explain.savedmodel.graph.flat import FlatGraph, node_of, source
from tfx_explain.savedmodel.graph.state import NAMED, handle_of

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
        if name in features.by_name and features.by_name[name].dtype == tf.as_dtype(node.attr["Tin"].type):
            found[name] = (*found.get(name, ()), *np.sort(_keys(graph, node))[:most].tolist())
    return {name: keys for name, keys in found.items() if keys}


def _keys(graph: FlatGraph, lookup: Any) -> np.ndarray:
    """The keys of the table that a node looks up in; none where it is no table that can be read."""
    table = graph.nodes[node_of(source(graph, lookup.input[0]))]
    handle = graph.captures.get(table.name)
    if handle is None and table.op in NAMED:
        handle = handle_of(table)
    if handle is None:
        return np.array([])
    kinds = [tf.as_dtype(lookup.attr[key].type) for key in ("Tin", "Tout")]
    try:
        keys, _ = tf.raw_ops.LookupTableExportV2(table_handle=handle, Tkeys=kinds[0], Tvalues=kinds[1])
    except tf.errors.OpError:  # nobody has filled it, or it is of another kind
        return np.array([])
    return keys.numpy()
