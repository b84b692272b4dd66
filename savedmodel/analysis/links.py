"""The logits behind probabilities, and whether they are of classes of which one is right or of labels by themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.graph.flat import import_cut, node_of
from tfx_explain.savedmodel.metadata.rules import EXCLUSIVE, INDEPENDENT

PASSES = frozenset({"Identity", "Reshape", "Squeeze", "ExpandDims", "Cast"})
_CLASSES = {"Softmax": EXCLUSIVE, "LogSoftmax": EXCLUSIVE, "Sigmoid": INDEPENDENT}
# What may stand between a link function and what is served: it keeps the order of probabilities.
_MONOTONE = frozenset({"Exp", "Log"})
_PICKS = frozenset(
    {"StridedSlice", "Slice", "Gather", "GatherV2", "GatherNd", "Unpack", "Split", "SplitV", "ReverseV2"}
)


@dataclass(frozen=True)
class Link:
    """How probabilities are made of logits.

    Attributes:
        logits: the tensor that the link function takes, `[rows]` or `[rows, ..., classes]`.
        classes: `exclusive` of a softmax, `independent` of a sigmoid.
        picked: which of the logits' elements, by their place in a row, the probabilities are of; empty: all, in order.
    """

    logits: str
    classes: str
    picked: tuple[int, ...] = ()


def find_link(read: ReadModel, tensor: str) -> Link | None:
    """The link function that makes `tensor`: a sigmoid or softmax, its logarithm, or some columns of either."""
    made = origin(read, tensor, PASSES | _PICKS)
    link = read.graph.nodes[node_of(made)]
    if link.op in _MONOTONE:
        link = read.graph.nodes[node_of(origin(read, link.input[0]))]
    if link.op not in _CLASSES:
        return None
    found = Link(link.input[0], _CLASSES[link.op])
    if origin(read, tensor) == made:
        return found
    picked = _picked(read, made, tensor)
    return Link(found.logits, found.classes, picked) if picked else None


def origin(read: ReadModel, tensor: str, passes: frozenset[str] = PASSES) -> str:
    """The tensor whose values `tensor` has, in whatever shape or precision."""
    while True:
        node = read.graph.nodes[node_of(tensor)]
        carrying = [other for other in node.input if read.depends[other] and read.specs[other].dtype.is_floating]
        if node.op not in passes or len(carrying) != 1:
            return tensor
        (tensor,) = carrying


def _picked(read: ReadModel, made: str, tensor: str) -> tuple[int, ...]:
    """Which elements of a row of `made` a row of `tensor` has, told by feeding their places; () where it varies."""
    spec = read.specs[made]
    if spec.shape.rank is None or not spec.shape[1:].is_fully_defined():
        return ()
    size = spec.shape[1:].num_elements()
    places = np.arange(2 * size).reshape([2, *spec.shape[1:]])
    function = import_cut(read.graph, {made: tf.TensorSpec([None, *spec.shape[1:]], spec.dtype)}, [tensor])
    try:
        (found,) = function(tf.constant(places, spec.dtype))
    except (tf.errors.OpError, ValueError):  # it reads the rows as well
        return ()
    rows = np.reshape(found.numpy(), [len(found), -1]).astype(int)
    if len(rows) != 2 or not np.array_equal(rows[0] + size, rows[1]):
        return ()
    return tuple(rows[0].tolist())
