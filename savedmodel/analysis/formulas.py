"""Link functions that are spelled out: quotients of exponentials, as exports of JAX and heads by hand have them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.graph.flat import import_cut, node_of

# What a sigmoid leaves to 1, as of a logit whose sign is part of the formula: 1 / (1 + exp(-2 z)), or Platt's.
REST_OF_SIGMOID = "1 - Sigmoid"
_FUNCTIONS = {
    "Softmax": tf.nn.softmax,
    "LogSoftmax": tf.nn.log_softmax,
    REST_OF_SIGMOID: lambda logits: tf.sigmoid(-logits),
    "Sigmoid": tf.sigmoid,
}
# What a formula ends with, and what else it is made of.
_LAST = frozenset({"RealDiv", "Div", "Reciprocal", "Inv", "Sub", "Mul", "Select", "SelectV2"})
_MADE_OF = _LAST | {"Exp", "Sum", "Log", "Max", "Neg", "Add", "AddV2", "StopGradient", "Identity", "Reshape", "Squeeze"}
_MADE_OF |= {"ExpandDims", "Maximum", "BroadcastTo", "IsFinite", "ZerosLike"}
_MADE_OF |= {"Abs", "Greater", "GreaterEqual", "Less", "LessEqual"}
# How many tensors before the last one are tried, and on how many rows.
_MOST, _ROWS = 24, 4


def spelled_out(read: ReadModel, tensor: str) -> tuple[str, str]:
    """Finds the link function that `tensor` has the values of, told by numbers that are fed.

    Returns:
        The operation that it could have been, or `REST_OF_SIGMOID`, and the tensor of its logits; '' and '' where there
        is none.
    """
    found = "", ""
    shape = read.specs[tensor].shape
    if read.graph.nodes[node_of(tensor)].op in _LAST and shape.rank and shape[1:].is_fully_defined():
        for before in _steps(read, tensor):
            function = _function(read, before, tensor) if _is_made_of(read, tensor, before) else ""
            found = (function, before) if function else found
    return found


def _steps(read: ReadModel, tensor: str) -> Iterator[str]:
    """Yields the tensors of the formula that have the shape of `tensor`, the last ones first."""
    steps, at = [tensor], 0
    while at < len(steps) <= _MOST:
        node = read.graph.nodes[node_of(steps[at])]
        at += 1
        if node.op in _MADE_OF:
            steps += [one for one in node.input if read.depends[one] and one not in steps]
    for one in steps[1:]:
        spec = read.specs[one]
        if spec.dtype.is_floating and spec.shape.rank and spec.shape[1:] == read.specs[tensor].shape[1:]:
            yield one


def _is_made_of(read: ReadModel, tensor: str, before: str) -> bool:
    """Whether a formula makes `tensor` of `before` and no other tensor: told by few nodes, however large the graph."""
    stack, seen = [tensor], {before}
    while stack and len(seen) <= _MOST:
        one = stack.pop()
        if one in seen:
            continue
        seen.add(one)
        node = read.graph.nodes[node_of(one)]
        if node.op not in _MADE_OF:
            return False
        stack += [other for other in node.input if read.depends[other]]
    return not stack


def _function(read: ReadModel, logits: str, tensor: str) -> str:
    """Which link function of `logits` the values of `tensor` are; '' if none, or if they are of something else, too."""
    spec = read.specs[logits]
    drawn = np.random.default_rng(0).normal(size=_ROWS * (spec.shape[1:].num_elements() or 0))
    fed = tf.reshape(tf.constant(drawn, spec.dtype), [_ROWS, *spec.shape[1:]])
    cut = import_cut(read.graph, {logits: tf.TensorSpec([None, *spec.shape[1:]], spec.dtype)}, [tensor])
    try:
        (found,) = cut(fed)
    except (tf.errors.OpError, ValueError):  # it reads the rows as well
        return ""
    for name, function in _FUNCTIONS.items():
        expected = tf.cast(function(fed), found.dtype)
        if np.allclose(*(tf.cast(one, tf.float64) for one in (found, expected)), rtol=1e-4, atol=1e-6):
            return name
    return ""
