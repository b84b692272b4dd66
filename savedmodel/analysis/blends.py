"""Log-odds of probabilities that no single link function makes: means and products of them, and what is less usual.

What computes them, on logarithms and from the logits, is added to the graph as nodes of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.savedmodel.analysis.alike import alike
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.walks import Walk
from tfx_explain.savedmodel.graph.flat import import_cut, in_order, index_of, node_of
from tfx_explain.savedmodel.metadata.rules import EXCLUSIVE, INDEPENDENT

# By what the added tensors are called: what they are the logits of.
_ADDED = {"log_probabilities": EXCLUSIVE, "log_odds": INDEPENDENT}
# Logits that are tried, of as many rows as a reshape may put together; a bound that the probabilities of these keep is
# taken for a guard against rounding.
_ROWS, _LARGEST = 60, 5.0


def blended(read: ReadModel, tensor: str) -> tuple[str, str]:
    """The tensor that was added for `tensor`, and what it is the logits of; '' and '' where there is none."""
    return next(((name, classes) for name, classes in _names(tensor).items() if name in read.specs), ("", ""))


def is_added(name: str) -> bool:
    """Whether a tensor is one that `blend` adds, by its name."""
    return bool(_blend_of(name))


def blends_named(read: ReadModel, names: Iterable[str]) -> list[Any]:
    """The nodes to add for those of `names` that are not in the graph and that `blend` adds."""
    missing = [_blend_of(name) for name in dict.fromkeys(names) if name not in read.specs]
    return [node for tensor in missing if tensor in read.specs for node in blend(read, tensor)]


def blend(read: ReadModel, tensor: str) -> list[Any]:
    """Nodes that compute the log-odds of `tensor`, or the logarithms of exclusive classes' probabilities; [] if none.

    They were tried: the same probabilities come of them as of the graph.
    """
    if not read.specs[tensor].dtype.is_floating or read.specs[tensor].shape.rank is None:
        return []
    dtype = tf.float64 if read.specs[tensor].dtype == tf.float64 else tf.float32
    with tf.Graph().as_default() as building:
        walk = Walk(read)
        found = walk.probability(tensor)
        if found is None or not walk.logits:
            return []
        log, rest = found.log, found.log_of_rest
        ends = {"log_probabilities": log} if rest is None else {"log_probabilities": log, "log_odds": log - rest}
        places = {kind: tf.cast(one, dtype).name for kind, one in ends.items()}
        added = _renamed(building.as_graph_def(), f"{node_of(tensor)}/blend", walk.operands)
    places = {kind: f"{node_of(tensor)}/blend/{place}" for kind, place in places.items()}
    kind = _tried(read, list(added.values()), places, tensor, walk)
    if not kind:
        return []
    end = tf.compat.v1.NodeDef(name=f"{node_of(tensor)}/{kind}_{index_of(tensor)}", op="Identity", input=[places[kind]])
    end.attr["T"].type = dtype.as_datatype_enum
    return [*(node for name, node in in_order(added, end.input, walk.operands).items()), end]


def _blend_of(name: str) -> str:
    """The tensor that a tensor was added for; '' for others."""
    node, _, kind = name.removesuffix(":0").rpartition("/")
    kind, _, index = kind.rpartition("_")
    return f"{node}:{index}" if kind in _ADDED and index.isdecimal() else ""


def _names(tensor: str) -> dict[str, str]:
    return {f"{node_of(tensor)}/{kind}_{index_of(tensor)}:0": classes for kind, classes in _ADDED.items()}


def _renamed(graph_def: Any, scope: str, operands: Mapping[str, tf.Tensor]) -> dict[str, Any]:
    """The nodes under `scope`, which read the model's tensors where they were built on placeholders for them."""
    stands_for = {placeholder.op.name: tensor for tensor, placeholder in operands.items()}
    nodes = {}
    for node in graph_def.node:
        if node.name not in stands_for:
            inputs = [name if ":" in name else f"{name}:0" for name in node.input]
            node.input[:] = [stands_for.get(node_of(name), f"{scope}/{name}") for name in inputs]
            node.name = f"{scope}/{node.name}"
            nodes[node.name] = node
    return nodes


def _tried(read: ReadModel, nodes: Sequence[Any], places: Mapping[str, str], tensor: str, walk: Walk) -> str:
    """The kind of logits that give the graph's probabilities wherever they are tried; '' if none does."""
    feeds = {one: tf.TensorSpec([None, *(read.specs[one].shape[1:])], read.specs[one].dtype) for one in walk.logits}
    if not all(read.specs[one].shape.rank and spec.shape[1:].is_fully_defined() for one, spec in feeds.items()):
        return ""
    random, same = np.random.default_rng(0), alike(read.graph, list(feeds))
    shapes = {one: [_ROWS, *(int(size or 0) for size in spec.shape[1:])] for one, spec in feeds.items()}
    drawn = {one: random.uniform(-_LARGEST, _LARGEST, shape) for one, shape in shapes.items()}
    fed = [tf.constant(drawn[same[one]], spec.dtype) for one, spec in feeds.items()]
    cut = import_cut(read.graph.with_nodes(nodes), feeds, [tensor, *places.values()])
    try:
        served, *found = (one.numpy().astype(np.float64) for one in cut(*fed))
    except (tf.errors.OpError, ValueError):  # it reads the rows as well
        return ""
    logs = dict(zip(places, found, strict=True))
    served = np.exp(served) if walk.of_logarithm else served
    slack = 1.0 if read.specs[tensor].dtype.size > 2 else 100.0
    if served.shape[1:] and served.shape[-1] > 1 and np.allclose(served.sum(axis=-1), 1, atol=slack * 1e-4):
        return "log_probabilities" if _close(np.exp(logs["log_probabilities"]), served, slack) else ""
    return "log_odds" if "log_odds" in logs and _close(1 / (1 + np.exp(-logs["log_odds"])), served, slack) else ""


def _close(found: np.ndarray, expected: np.ndarray, slack: float) -> bool:
    return found.shape == expected.shape and np.allclose(found, expected, rtol=slack * 1e-3, atol=slack * 1e-5)
