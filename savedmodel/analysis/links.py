"""The logits behind probabilities, and whether they are of classes of which one is right or of labels by themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfx_explain.savedmodel.analysis.blends import blend, blended
from tfx_explain.savedmodel.analysis.formulas import REST_OF_SIGMOID, spelled_out
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.graph.flat import import_cut, node_of
from tfx_explain.savedmodel.metadata.rules import EXCLUSIVE, INDEPENDENT

PASSES = frozenset({"Identity", "Reshape", "Squeeze", "ExpandDims", "Cast"})
_CLASSES = {
    "Softmax": EXCLUSIVE,
    "LogSoftmax": EXCLUSIVE,
    "Sigmoid": INDEPENDENT,
    REST_OF_SIGMOID: INDEPENDENT,
}
# What may stand between a link function and what is served: it keeps the order of probabilities.
_MONOTONE = frozenset({"Exp", "Log"})
_PICKS = frozenset(
    {"StridedSlice", "Slice", "Gather", "GatherV2", "GatherNd", "Unpack", "Split", "SplitV", "ReverseV2"}
)


# What may make the other one of two probabilities of one, and put the two side by side.
_BLENDS = frozenset({"Sub", "Add", "AddV2", "Neg", "Mul", "ConcatV2", "Pack"})
# Rows of places: of so many a function of sums and products that has the values of 1 - p is 1 - p.
_ROWS_OF_PLACES = 4


@dataclass(frozen=True)
class Link:
    """How probabilities are made of logits.

    Attributes:
        logits: the tensor that the link function takes, `[rows]` or `[rows, ..., classes]`.
        logits_classes: `exclusive` of a softmax, `independent` of a sigmoid.
        picked: which of the logits' elements, by their place in a row, the probabilities are of; empty: all, in order.
            `-1 - place` stands for what a sigmoid leaves to 1: the probability of the other class, whose logit is the
            negative one.
    """

    logits: str
    logits_classes: str
    picked: tuple[int, ...] = ()

    @property
    def classes(self) -> str:
        """Of the probabilities: those of a sigmoid and what it leaves to 1 are two classes of which one is right."""
        is_pair = len(self.picked) == 2 and self.picked[0] == ~self.picked[1]
        return EXCLUSIVE if is_pair else self.logits_classes


def find_link(read: ReadModel, tensor: str) -> Link | None:
    """The link function that makes `tensor`: a sigmoid or softmax, its logarithm, some columns of either, or a blend.

    A column may also be what one of the probabilities leaves to 1, if it is a sigmoid's or one of two of a softmax.
    Blends are found of a model that has them, see `with_blends`.
    """
    links = [_of_function(read, tensor), *(_of_blend(read, one)[1] for one in (origin(read, tensor), tensor))]
    return next((link for link in links if link and _fits(read, link, tensor)), None)


def with_blends(read: ReadModel, tensors: Iterable[str]) -> ReadModel:
    """The model with the log-odds of those of `tensors` that no link function makes, where they can be computed."""
    for tensor in tensors:
        if find_link(read, tensor) is None:
            for one in dict.fromkeys([next(iter(_made_of(read, tensor))), origin(read, tensor), tensor]):
                blended = read.with_nodes(blend(read, one))
                if find_link(blended, tensor) is not None:
                    read = blended
                    break
    return read


def _fits(read: ReadModel, link: Link, tensor: str) -> bool:
    """Whether a row of logits has as many elements as one of `tensor`; where they are reshaped, it may be another."""
    return (len(link.picked) or _size(read, link.logits)) == _size(read, tensor)


def _size(read: ReadModel, tensor: str) -> int | None:
    return read.specs[tensor].shape[1:].num_elements()


def _of_function(read: ReadModel, tensor: str) -> Link | None:
    """As `find_link`, of what one link function or blend makes by way of picking and what is left to 1."""
    made = _made_of(read, tensor)
    first = next(iter(made))
    node = read.graph.nodes[node_of(first)]
    kind, logits = (node.op, node.input[0]) if node.op in _CLASSES else spelled_out(read, first)
    link = Link(logits, _CLASSES[kind], _rests(read, kind, first)) if kind else None
    if link is None and node.op in _MONOTONE:
        link = find_link(read, node.input[0])
    if link is None:
        kind, link = _of_blend(read, first)
    if link is None or origin(read, tensor) == first:
        return link
    picked = _picked(read, made, tensor)
    if picked and min(picked) < 0:
        if kind == "Softmax" and _size(read, first) == 2:
            picked = tuple(1 - ~place if place < 0 else place for place in picked)
        elif kind not in ("Sigmoid", REST_OF_SIGMOID):
            return None
    before = link.picked or range(_size(read, first) or 0)
    picked = tuple(before[place] if place >= 0 else ~before[~place] for place in picked)
    return dataclasses.replace(link, picked=picked) if picked else None


def _of_blend(read: ReadModel, tensor: str) -> tuple[str, Link | None]:
    """The link function that would have made the blend, and the link; '' and None where there is none."""
    logits, classes = blended(read, tensor)
    return ("Softmax" if classes == EXCLUSIVE else "Sigmoid", Link(logits, classes)) if logits else ("", None)


def _rests(read: ReadModel, kind: str, tensor: str) -> tuple[int, ...]:
    """What `tensor` has of a sigmoid where it is what that leaves to 1; () where it is a link function itself."""
    return tuple(~place for place in range(_size(read, tensor) or 0)) if kind == REST_OF_SIGMOID else ()


def _made_of(read: ReadModel, tensor: str) -> dict[str, bool]:
    """The tensors that the values of `tensor` are picked from, or blended of, and if each is 1 less the first.

    Several are link functions of the same logits; `tensor` itself where they are not.
    """
    made, stack, seen = list[str](), [tensor], set()
    while stack:
        one = stack.pop()
        if one in seen:
            continue
        seen.add(one)
        one = origin(read, one, PASSES | _PICKS)
        node = read.graph.nodes[node_of(one)]
        carrying = [other for other in node.input if read.depends[other]]
        if node.op in _BLENDS and carrying:
            stack.extend(carrying)
        elif one not in made:
            made.append(one)
    linked = {one: _linked(read, one) for one in made}
    alike = len({(op, logits) for op, logits, _ in linked.values()}) == 1 and linked[made[0]][0] in _CLASSES
    if len(made) > 1 and not alike:
        return {origin(read, tensor): False}
    return {one: negative != linked[made[0]][2] for one, (_, _, negative) in linked.items()}


def _linked(read: ReadModel, tensor: str) -> tuple[str, str, bool]:
    """The operation that makes `tensor`, what its logits are, and if it is a sigmoid of the negative ones."""
    node = read.graph.nodes[node_of(tensor)]
    logits = origin(read, node.input[0]) if node.op in _CLASSES else tensor
    before = read.graph.nodes[node_of(logits)]
    negative = node.op == "Sigmoid" and before.op == "Neg"
    return node.op, origin(read, before.input[0]) if negative else logits, negative


def origin(read: ReadModel, tensor: str, passes: frozenset[str] = PASSES) -> str:
    """The tensor whose values `tensor` has, in whatever shape or precision."""
    while True:
        node = read.graph.nodes[node_of(tensor)]
        carrying = [other for other in node.input if read.depends[other] and read.specs[other].dtype.is_floating]
        if node.op not in passes or len(carrying) != 1:
            return tensor
        (tensor,) = carrying


def _picked(read: ReadModel, made: Mapping[str, bool], tensor: str) -> tuple[int, ...]:
    """Which elements of a row of the first of `made` a row of `tensor` has, told by feeding their places.

    `-1 - place` where it has 1 less the element; () where it varies.
    """
    specs = [read.specs[one] for one in made]
    sizes = {spec.shape[1:].num_elements() if spec.shape.rank else None for spec in specs}
    size = sizes.pop()
    if sizes or size is None:
        return ()
    # From 1: what they leave to 1 is then none of them.
    fed = 1 + np.arange(_ROWS_OF_PLACES * size).reshape([_ROWS_OF_PLACES, size])
    cut = {one: tf.TensorSpec([None, *spec.shape[1:]], spec.dtype) for one, spec in zip(made, specs, strict=True)}
    each = [
        tf.reshape(tf.constant(1 - fed if away else fed, spec.dtype), [-1, *spec.shape[1:]])
        for away, spec in zip(made.values(), specs, strict=True)
    ]
    function = import_cut(read.graph, cut, [tensor])
    try:
        (found,) = function(*each)
    except (tf.errors.OpError, ValueError):  # it reads the rows as well
        return ()
    rows = np.reshape(found.numpy(), [len(found), -1]).astype(np.float64)
    places = rows[0].astype(int) - 1
    values = fed[:, np.where(places < 0, ~places, places) % size]
    expected = np.where(places < 0, 1 - values, values)
    return tuple(places.tolist()) if np.array_equal(rows, expected) else ()
