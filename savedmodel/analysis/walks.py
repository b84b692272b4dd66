"""From a probability back to the logits that it is made of, and what it is in terms of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from tfx_explain.savedmodel.analysis import betweens
from tfx_explain.savedmodel.analysis.betweens import Between
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.graph.flat import index_of, node_of, static_value

_SAME = frozenset({"Identity", "Cast", "CheckNumerics"})
# What moves values about, with the name of the attribute that has their type.
_MOVES = {
    **dict.fromkeys(("Reshape", "Squeeze", "ExpandDims", "StridedSlice", "Slice", "ConcatV2", "Pack", "Unpack"), "T"),
    **dict.fromkeys(("Split", "SplitV", "Transpose", "Tile", "ReverseV2", "BroadcastTo"), "T"),
    **dict.fromkeys(("Gather", "GatherV2", "GatherNd"), "Tparams"),
}
# How many times a tensor is looked at, which also bounds how deep a walk goes, and how large a matrix may be that
# probabilities are added up by.
_MOST, _MOST_WEIGHTS = 200, 2**16

Rule: TypeAlias = "Callable[[Walk, Any, str], Between | None]"


class Walk:
    """From a tensor back to logits.

    Attributes:
        logits: the tensors that link functions take.
        operands: what stands for the model's tensors in the graph that is being built.
        of_logarithm: whether the tensor is the logarithm of a probability.
    """

    def __init__(self, read: ReadModel) -> None:
        self.logits: list[str] = []
        self.operands: dict[str, tf.Tensor] = {}
        self.of_logarithm = False
        self._read, self._known, self._looks = read, dict[str, Between | None](), 0

    def probability(self, tensor: str) -> Between | None:
        """What `tensor` is, or what it is the logarithm of; None where that isn't understood."""
        if (found := self.value(tensor)) is not None:
            return found
        self.of_logarithm = True
        self.logits.clear()
        self._known.clear()
        self._looks = 0
        return self.exponential(tensor)

    def value(self, tensor: str) -> Between | None:
        """The values of a tensor."""
        if not self.is_float(tensor):
            return None
        if not self.carries(tensor):
            return betweens.constant(self.number(tensor))
        if tensor not in self._known:
            self._known[tensor] = None  # while it is looked for
            node = self.node(tensor)
            rule = _RULES.get(node.op)
            self._known[tensor] = rule(self, node, tensor) if rule and self._may_look() else None
        return self._known[tensor]

    def exponential(self, tensor: str) -> Between | None:
        """exp() of the values of a tensor."""
        if not self._may_look():
            return None
        node = self.node(tensor)
        first = node.input[0] if node.input else ""
        if node.op in _SAME:
            return self.exponential(first)
        if node.op == "Log":
            return self.value(first)
        if node.op == "LogSoftmax":
            return betweens.softmax(self.logit(first))
        if node.op == "Neg":
            return self._exponential_of_negative(first)
        if node.op == "Sub" and self._softplus_of(node.input[1]) == first:
            return betweens.sigmoid(self.logit(first))
        if node.op in ("Add", "AddV2") and all(map(self.carries, node.input)):
            return _both(betweens.times, *map(self.exponential, node.input))
        return betweens.of_log(self.logit(tensor)) if self.carries(tensor) else None

    def logit(self, tensor: str) -> tf.Tensor:
        """The values of a tensor, float64, as a link function takes them."""
        self.logits.append(tensor)
        return self.number(tensor)

    def operand(self, tensor: str) -> tf.Tensor:
        """What stands for a tensor; a constant stands for itself."""
        fixed = static_value(self._read.graph, tensor)
        if fixed is not None and fixed.size <= _MOST_WEIGHTS:
            return tf.constant(fixed)
        if tensor not in self.operands:
            spec = self.spec(tensor)
            self.operands[tensor] = tf.compat.v1.placeholder(spec.dtype, spec.shape)
        return self.operands[tensor]

    def number(self, tensor: str) -> tf.Tensor:
        """The same as float64."""
        return tf.cast(self.operand(tensor), tf.float64)

    def carries(self, tensor: str) -> bool:
        """Whether a tensor's values depend on a feature."""
        return bool(self._read.depends[tensor])

    def is_float(self, tensor: str) -> bool:
        """Whether a tensor has floats."""
        return self.spec(tensor).dtype.is_floating

    def spec(self, tensor: str) -> tf.TensorSpec:
        """A tensor's dtype and shape."""
        return self._read.specs[tensor]

    def last(self, tensor: str) -> int:
        """A tensor's last axis; -1 where their number is not known."""
        return (self.spec(tensor).shape.rank or 0) - 1

    def node(self, tensor: str) -> Any:
        """The node that makes a tensor."""
        return self._read.graph.nodes[node_of(tensor)]

    def axes(self, node: Any) -> list[int] | None:
        """The axes that a node reduces, from 0; None where they aren't known."""
        fixed = static_value(self._read.graph, node.input[1]) if len(node.input) > 1 else None
        rank = self.spec(node.input[0]).shape.rank if fixed is not None else None
        return None if fixed is None or not rank else [int(axis) % rank for axis in np.reshape(fixed, [-1])]

    def _may_look(self) -> bool:
        self._looks += 1
        return self._looks <= _MOST

    def _softplus_of(self, tensor: str) -> str:
        node = self.node(tensor)
        return node.input[0] if node.op == "Softplus" else ""

    def _exponential_of_negative(self, tensor: str) -> Between | None:
        node = self.node(tensor)
        if node.op == "Softplus":
            return betweens.sigmoid(-self.logit(node.input[0]))
        return betweens.exp_of_minus(self.logit(node.input[0])) if node.op == "Exp" else None


def _both(
    function: Callable[[Between, Between], Between | None], one: Between | None, other: Between | None
) -> Between | None:
    return None if one is None or other is None else function(one, other)


def _passed(walk: Walk, node: Any, _: str) -> Between | None:
    """As its only operand that features have an influence on: of an Identity, or where a bound only guards."""
    carrying = [one for one in node.input if walk.carries(one)]
    return walk.value(carrying[0]) if len(carrying) == 1 else None


def _moved(walk: Walk, node: Any, tensor: str) -> Between | None:
    """The node itself, on every part of what it moves."""
    values = {i: walk.value(one) for i, one in enumerate(node.input) if walk.is_float(one)}
    known = {i: one for i, one in values.items() if one is not None}
    if len(known) < len(values):
        return None
    others = {i: walk.operand(one) for i, one in enumerate(node.input) if i not in values}

    def move(parts: Mapping[int, tf.Tensor]) -> tf.Tensor:
        copy = tf.compat.v1.NodeDef(name="moved", op=node.op, input=[f"operand_{i}" for i in range(len(node.input))])
        for name in [name for name in node.attr if not name.startswith("_")]:
            copy.attr[name].CopyFrom(node.attr[name])
        copy.attr[_MOVES[node.op]].type = tf.float64.as_datatype_enum
        inputs = {f"operand_{i}": one for i, one in {**others, **parts}.items()}
        wanted = [f"moved:{index_of(tensor)}"]
        return tf.graph_util.import_graph_def(tf.compat.v1.GraphDef(node=[copy]), inputs, wanted, "moved")[0]

    low, span, above = (move({i: getattr(one, part) for i, one in known.items()}) for part in ("low", "span", "above"))
    below = {i: one.below for i, one in known.items() if one.below is not None}
    return Between(low, span, above, move(below) if len(below) == len(known) else None)


def _sum(walk: Walk, node: Any, _: str) -> Between | None:
    total = walk.value(node.input[0])
    for one in node.input[1:]:
        total = _both(betweens.plus, total, walk.value(one))
    return total


def _negative(walk: Walk, node: Any, _: str) -> Between | None:
    one = walk.value(node.input[-1])
    negative = None if one is None else betweens.negated(one)
    return negative if node.op == "Neg" else _both(betweens.plus, walk.value(node.input[0]), negative)


def _product(walk: Walk, node: Any, _: str) -> Between | None:
    one, other = node.input if node.op == "Mul" else (*node.input, *node.input)
    if walk.carries(one) and walk.carries(other):
        return _both(betweens.times, walk.value(one), walk.value(other))
    one, factor = (one, other) if walk.carries(one) else (other, one)
    value = walk.value(one)
    return None if value is None else betweens.scaled(value, walk.number(factor))


def _quotient(walk: Walk, node: Any, _: str) -> Between | None:
    first, second = node.input if len(node.input) > 1 else ("", *node.input)
    if first and not walk.carries(second):
        one = walk.value(first)
        return None if one is None else betweens.scaled(one, 1 / walk.number(second))
    whole = walk.value(second)
    if whole is None:
        return None
    if not first or not walk.carries(first):
        inverse = betweens.reciprocal(whole)
        return betweens.scaled(inverse, walk.number(first)) if first else inverse
    one = walk.value(first)
    return None if one is None else betweens.quotient(one, whole, _rest(walk, first, second))


def _rest(walk: Walk, part: str, whole: str) -> Between | None:
    """What is added to `part` to make `whole`: the other operand, or the other elements along the last axis."""
    node = walk.node(whole)
    if node.op in ("Add", "AddV2") and part in node.input:
        return walk.value(node.input[1 - list(node.input).index(part)])
    value, axes = walk.value(part), walk.axes(node)
    if node.op != "Sum" or node.input[0] != part or value is None or axes != [walk.last(part)]:
        return None
    return betweens.of_log(betweens.log_sum_of_others(value.log))


def _reduced(walk: Walk, node: Any, _: str) -> Between | None:
    one, axes, keeps = walk.value(node.input[0]), walk.axes(node), node.attr["keep_dims"].b
    if one is None or axes is None:
        return None

    def reduce(function: Callable[..., tf.Tensor], values: tf.Tensor) -> tf.Tensor:
        return function(values, axis=axes, keepdims=keeps)

    if node.op == "Max":
        return betweens.greatest(one, reduce)
    if node.op == "Prod":
        return betweens.multiplied(one) if axes == [walk.last(node.input[0])] and not keeps else None
    total = betweens.summed(one, reduce)
    if node.op == "Sum":
        return total
    parts = tf.size(one.above, out_type=tf.int64) / tf.size(total.above, out_type=tf.int64)
    return betweens.scaled(total, tf.fill(tf.shape(total.above), 1 / parts))


def _mixed(walk: Walk, node: Any, _: str) -> Between | None:
    """Sums by a matrix of weights."""
    first, second = node.input
    one, is_plain = walk.value(first), not (node.attr["transpose_a"].b or node.attr["transpose_b"].b)
    size = walk.spec(second).shape.num_elements() or _MOST_WEIGHTS + 1
    if one is None or walk.carries(second) or not is_plain or size > _MOST_WEIGHTS:
        return None
    weighted = betweens.scaled(one.map(lambda part: part[:, :, tf.newaxis]), walk.number(second)[tf.newaxis])
    return betweens.summed(weighted, lambda function, values: function(values, axis=1))


def _power(walk: Walk, node: Any, _: str) -> Between | None:
    one = walk.value(node.input[0])
    if one is None or (node.op == "Pow" and walk.carries(node.input[1])):
        return None
    exponent = walk.number(node.input[1]) if node.op == "Pow" else 0.5
    return betweens.of_log(exponent * one.log)


def _of_logits(function: Callable[[tf.Tensor], Between]) -> Rule:
    return lambda walk, node, _: function(walk.logit(node.input[0]))


# By operation, what it makes of its operands.
_RULES: dict[str, Rule] = {
    **dict.fromkeys((*_SAME, "Minimum", "Maximum", "ClipByValue"), _passed),
    **dict.fromkeys(_MOVES, _moved),
    **dict.fromkeys(("Add", "AddV2", "AddN", "BiasAdd"), _sum),
    **dict.fromkeys(("Sub", "Neg"), _negative),
    **dict.fromkeys(("Mul", "Square"), _product),
    **dict.fromkeys(("RealDiv", "Div", "Reciprocal", "Inv"), _quotient),
    **dict.fromkeys(("Sum", "Mean", "Max", "Prod"), _reduced),
    **dict.fromkeys(("Pow", "Sqrt"), _power),
    "MatMul": _mixed,
    "Exp": lambda walk, node, _: walk.exponential(node.input[0]),
    "Sigmoid": _of_logits(betweens.sigmoid),
    "Softmax": _of_logits(betweens.softmax),
    "Tanh": _of_logits(betweens.tanh),
    "Erfc": _of_logits(betweens.erfc),
    "Erf": _of_logits(betweens.erf),
    "Softplus": _of_logits(lambda logits: betweens.of_log(tf.math.log(tf.math.softplus(logits)))),
}
