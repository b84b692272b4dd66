"""Where a model is fed for the tokens of a feature, and what it is fed for an absent one."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from tfx_explain.savedmodel.analysis.gathers import Gather
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.slots import FlatSlot, Slot, Tensors, slot_of
from tfx_explain.savedmodel.analysis.tokens import Tokens, TokensNotFoundError, find_tokens
from tfx_explain.savedmodel.explainable.plans import Plan
from tfx_explain.savedmodel.explainable.token_features import FIXED, FLAT, OPEN, TokenFeature, TokenKey
from tfx_explain.savedmodel.explainable.tokens import TokenReader
from tfx_explain.savedmodel.explainable.tried import PAD, Tried
from tfx_explain.savedmodel.graph.flat import in_order, node_of


@dataclass(frozen=True)
class TokenCut:
    """Where a model is fed for the tokens of a feature.

    Attributes:
        feature: reads the tokens.
        slots: of each of the tensors.
        baselines: of each, `[1, 1 or entries, ...]`.
        row: by raw tensor, a row of some words.
        has_shape: whether a mask or a length is among the tensors.
    """

    feature: TokenFeature
    slots: dict[str, Slot]
    baselines: dict[str, tf.Tensor]
    row: Tensors
    has_shape: bool


def search_tokens(read: ReadModel, name: str, plan: Plan, output: str) -> Tokens:
    """Finds the tokens of a feature in a graph.

    Args:
        read: the model.
        name: the feature's, in the metadata.
        plan: how it is explained as a whole.
        output: the tensor that is explained.

    Raises:
        TokensNotFoundError: if they are not found; it says why.
        NoTokensError: if there are none.
    """
    feature = plan.feature
    if feature.name not in read.features.by_name:
        raise TokensNotFoundError(name, "its tensor is none that the model reads of a row")
    weights = plan.weights.name if plan.weights else ""
    return find_tokens(read, feature.name, in_order(read.graph.nodes, [output]), weights, plan.encoded)


def cut_tokens(read: ReadModel, tokens: Tokens, plan: Plan, baseline: str, holds_shape: bool = False) -> TokenCut:
    """Finds where the tokens of a feature are fed, and their baselines.

    Beside the vectors of its tokens these are the feature's encoded tensors that don't depend on them. What says how
    many tokens a row has, and which, a mask or a length, is held at the row's, but where the baseline is the encoding
    of the empty text itself, which has a mask and a length of its own.

    Args:
        read: the model.
        tokens: what was found of them in the graph.
        plan: how the feature is explained as a whole.
        baseline: `pad`, what the model reads where a text has ended, or of an empty token, or else zeros; `unknown`,
            what it reads of tokens that it does not know; or `zero`.
        holds_shape: whether masks and lengths are held even so.

    Raises:
        TokensNotFoundError: if trying shows that they are others; it says why.
        ValueError: if the model has no such baseline.
    """
    reader = TokenReader(read, tokens)
    tried = Tried.of(reader, plan, read)
    slots, baselines, keys = {}, {}, []
    for number, gather in enumerate(reader.tokens.gathers):
        kind = tried.kind(number)
        is_padded = kind == FLAT and not tried.is_joined(number)
        keys.append(TokenKey(gather.tensor, number, kind, tried.axes(number, kind), is_padded))
        slots[gather.tensor] = _slot(read, gather, kind, tried.together[number].shape)
        baselines[gather.tensor] = tf.constant(tried.baseline(number, kind, baseline))
    is_from_empty = not holds_shape and baseline == PAD and all(key.kind == FIXED for key in keys)
    has_shape = False
    for tensor in _beside(read, plan, reader):
        empty, number = reader.fetch(tried.row(0), tensor), tried.masked(tensor, keys)
        is_shape = number is not None or empty.size == 1
        if is_from_empty or not is_shape:
            slots[tensor], baselines[tensor] = slot_of(read, tensor), tf.constant(empty)
            has_shape |= is_shape
        if is_from_empty and number is not None:
            keys.append(TokenKey(tensor, number, FIXED, tried.axes(number, FIXED)))
    pads = tried.pads([key for key in keys if key.kind == OPEN])
    found = TokenFeature(reader, tuple(keys), plan.feature.values, functools.cache(tried.longer), pads)
    return TokenCut(found, slots, baselines, tried.longest, has_shape)


def _beside(read: ReadModel, plan: Plan, reader: TokenReader) -> list[str]:
    """The encoded tensors of a feature that its tokens' vectors are no part of."""
    looked_up = {node_of(gather.tensor) for gather in reader.tokens.gathers}
    alone = [tensor for tensor in plan.encoded if read.depends[tensor] == {plan.feature.name}]
    return [tensor for tensor in alone if not looked_up & in_order(read.graph.nodes, [tensor]).keys()]


def _slot(read: ReadModel, gather: Gather, kind: str, tried: Sequence[int]) -> Slot:
    """Where slices are fed, of which some rows had the shape `tried`; nothing else may tell their rank."""
    shape = read.specs[gather.tensor].shape
    if kind != FLAT and shape.rank is not None:
        return slot_of(read, gather.tensor)
    inner = [None if kind == OPEN else tried[1], *tried[2:]] if kind != FLAT else shape[1:] if shape.rank else tried[1:]
    names = (gather.tensor, gather.places) if gather.places else (gather.tensor,)
    dtypes = [read.specs[name].dtype for name in names]
    specs = tuple(map(tf.TensorSpec, ([None, *inner], [None]), dtypes))
    return (FlatSlot if kind == FLAT else Slot)(gather.tensor, names, specs)
