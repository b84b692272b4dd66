"""Finding out, by trying, how the vectors of a feature's tokens lie in a model, and what stands for an absent token."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.savedmodel.analysis.features import Feature
from tfx_explain.savedmodel.analysis.formats import string_use
from tfx_explain.savedmodel.analysis.gathers import Gather
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.slots import FlatSlot, Slot, Tensor, Tensors, slot_of
from tfx_explain.savedmodel.analysis.tokens import TokensNotFoundError, find_tokens
from tfx_explain.savedmodel.analysis.vocabulary import vocabularies
from tfx_explain.savedmodel.explainable.alone import NotTogetherError
from tfx_explain.savedmodel.explainable.plans import Plan
from tfx_explain.savedmodel.explainable.token_model import FIXED, FLAT, OPEN, TokenFeature, TokenKey
from tfx_explain.savedmodel.explainable.tokens import RowTokens, TokenReader
from tfx_explain.savedmodel.graph.flat import in_order, node_of

PAD, UNKNOWN, ZERO = "pad", "unknown", "zero"
# No vocabulary has them.
_NO_WORD, _NO_NUMBER = "\x00tfx-explain: unknown\x00", -(2**31) + 1
# Tokens of the rows that are tried.
_LENGTHS = (0, 1, 3)


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


def cut_tokens(
    read: ReadModel, name: str, plan: Plan, output: str, baseline: str, holds_shape: bool = False
) -> TokenCut:
    """Finds where the tokens of a feature are fed, and their baselines.

    Beside the vectors of its tokens these are the feature's encoded tensors that don't depend on them. What says how
    many tokens a row has, and which, a mask or a length, is held at the row's, but where the baseline is the encoding
    of the empty text itself, which has a mask and a length of its own.

    Args:
        read: the model.
        name: the feature's, in the metadata.
        plan: how it is explained as a whole.
        output: the tensor that is explained.
        baseline: `pad`, what the model reads where a text has ended, or of an empty token, or else zeros; `unknown`,
            what it reads of tokens that it does not know; or `zero`.
        holds_shape: whether masks and lengths are held even so.

    Raises:
        TokensNotFoundError: if they are not found; it says why.
        ValueError: if the model has no such baseline.
    """
    feature = plan.feature
    if feature.name not in read.features.by_name:
        raise TokensNotFoundError(name, "its tensor is none that the model reads of a row")
    weights = plan.weights.name if plan.weights else ""
    needed = in_order(read.graph.nodes, [output])
    reader = TokenReader(read, find_tokens(read, feature.name, needed, weights, plan.encoded))
    tried = _Tried.of(reader, plan, read)
    slots, baselines, keys = {}, {}, []
    for number, gather in enumerate(reader.tokens.gathers):
        kind = tried.kind(number)
        keys.append(TokenKey(gather.tensor, number, kind, kind == FLAT and not tried.is_joined(number)))
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
            keys.append(TokenKey(tensor, number, FIXED))
    found = TokenFeature(reader, tuple(keys), feature.values)
    return TokenCut(found, slots, baselines, tried.row(len(_LENGTHS) - 1), has_shape)


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


@dataclass(frozen=True)
class _Tried:
    """What a model makes of a few rows.

    Attributes:
        reader: of the tokens.
        rows: by raw tensor, rows without a token, and with one and more of them.
        alone: of each of the rows, the slices of each gather.
        together: those of all rows at once.
    """

    reader: TokenReader
    rows: Tensors
    alone: Sequence[Sequence[np.ndarray]]
    together: Sequence[np.ndarray]

    @classmethod
    def of(cls, reader: TokenReader, plan: Plan, read: ReadModel) -> _Tried:
        feature, error = plan.feature, None
        if set(reader.slots) - set(plan.raw):
            raise TokensNotFoundError(feature.name, "the model reads it together with other features")
        for values in _attempts(feature, read):
            rows = {feature.values: values}
            if plan.weights:
                rows[plan.weights.values] = tf.ones_like(values, plan.weights.dtype)
            try:
                alone = [reader.values(reader.taken(rows, slice(row, row + 1))) for row in range(len(_LENGTHS))]
                return cls(reader, rows, alone, reader.values(rows))
            except tf.errors.OpError as failure:
                error = failure
        raise TokensNotFoundError(feature.name, "the model fails on every row of words that was tried") from error

    def row(self, number: int) -> Tensors:
        """One of the rows."""
        return self.reader.taken(self.rows, slice(number, number + 1))

    @functools.cached_property
    def _last(self) -> RowTokens:
        """The tokens of the longest row."""
        try:
            return self.reader.row(self.row(len(_LENGTHS) - 1))
        except NotTogetherError as error:
            raise TokensNotFoundError(self.reader.tokens.feature, error.message) from error

    def kind(self, number: int) -> str:
        """How a batch's rows lie in the slices of a gather."""
        if not (self._last.owners[number] >= 0).any():
            raise TokensNotFoundError(
                self.reader.tokens.feature, "they can't be followed from the text to where the model looks vectors up"
            )
        alone, together = [one[number] for one in self.alone], self.together[number]
        gather = self.reader.tokens.gathers[number]
        has_rows = not gather.places and self._last.owners[number].ndim > 1 and len(together) == len(alone)
        if has_rows and all(len(one) == 1 for one in alone):
            sizes = {one.shape[1] for one in alone}
            if all(np.array_equal(row[: one.shape[1]], one[0]) for row, one in zip(together, alone, strict=True)):
                return FIXED if len(sizes) == 1 else OPEN
        if self.is_joined(number) or np.array_equal(np.concatenate([alone[-1]] * 2), self._twice[number]):
            return FLAT
        raise TokensNotFoundError(
            self.reader.tokens.feature, "where the model looks vectors up, it can't be told of which row they are"
        )

    def is_joined(self, number: int) -> bool:
        """Whether the slices of a batch are those of its rows, one row's behind the other's."""
        return np.array_equal(np.concatenate([one[number] for one in self.alone]), self.together[number])

    @functools.cached_property
    def _twice(self) -> list[np.ndarray]:
        """The slices of each gather, of the longest row beside itself."""
        last: dict[str, Any] = dict(self.row(len(_LENGTHS) - 1))
        return self.reader.values({key: tf.concat([value, value], axis=0) for key, value in last.items()})

    def masked(self, tensor: str, keys: Sequence[TokenKey]) -> int | None:
        """The gather, among those that all rows have alike, whose entries a tensor has one number for each of."""
        value = self.reader.fetch(self.rows, tensor)
        for key in keys:
            shape = self._last.owners[key.gather].shape
            if (
                key.kind == FIXED
                and len(shape) > 1
                and value.shape == (len(value), *shape[1:], *value.shape[len(shape) :])
            ):
                return key.gather
        return None

    def baseline(self, number: int, kind: str, wanted: str) -> np.ndarray:
        """What stands for an absent token, `[1, 1 or entries, ...]`."""
        slices = self.together[number]
        zeros = np.zeros_like(slices[:1, :1] if kind != FLAT else slices[None, :1])
        if wanted == ZERO:
            return zeros
        tokens = self.reader.tokens
        if wanted == UNKNOWN:
            if not tokens.are_looked_up:
                raise ValueError(
                    f"The tokens of {tokens.feature!r} are not looked up in a table, or counted, so that none is "
                    "known to be unknown; take the baseline PAD or ZERO."
                )
            return self._read_of(number, kind, _NO_WORD, zeros)
        empty = self.alone[0][number]
        if kind == FIXED and len(self.reader.row(self.row(0)).texts) == 0:
            return empty
        if kind == OPEN and slices.shape[1] > empty.shape[1] == 0:
            return slices[:1, :1]
        # Where nothing is padded, a table reads the empty word as any that it doesn't know; a hash, as some other one.
        return self._read_of(number, kind, "", zeros) if tokens.are_looked_up else zeros

    def _read_of(self, number: int, kind: str, text: str, otherwise: np.ndarray) -> np.ndarray:
        """What is looked up for a token `text`; `otherwise` where none is."""
        given: Any = text if self.reader.texts_dtype == tf.string else _NO_NUMBER if text else None
        if given is None:
            return otherwise
        slices = self.reader.instead(self.row(len(_LENGTHS) - 1), given)[number]
        owners = self._last.owners[number]
        if slices.shape[: owners.ndim] != owners.shape or not (owners >= 0).any():
            return otherwise
        return slices[owners >= 0][:1].reshape(otherwise.shape)


def _attempts(feature: Feature, read: ReadModel) -> Iterator[Tensor]:
    """Rows of words that the model may take: of words that it knows, then of others."""
    known = [word for word in vocabularies(read.graph, read.features, read.depends).get(feature.name, ()) if word]
    others = [[b"a", b"bc", b"d"], [b"1", b"2", b"3"]] if feature.dtype == tf.string else [[1, 2, 3]]
    separators = string_use(read, feature.name).separators if feature.dtype == tf.string else []
    for words in (known, *others):
        if words:
            words = (list(words) * _LENGTHS[-1])[: _LENGTHS[-1]]
            yield from (_rows(feature, words, first, (separators or [b" "])[0]) for first in ([], words[:1]))


def _rows(feature: Feature, words: Sequence[Any], first: Sequence[Any], separator: bytes) -> Tensor:
    lists = [list(first), list(words[:1]), list(words)]
    if feature.is_sparse:
        return tf.ragged.constant(lists, feature.dtype, ragged_rank=1)
    size = feature.shape[1:].num_elements() or 1
    shape = [len(lists), *(extent or 1 for extent in feature.shape[1:])]
    if feature.dtype == tf.string and size == 1:
        return tf.reshape(tf.constant([separator.join(one) for one in lists]), shape)
    padding = (list(feature.padding) * size)[:size]
    return tf.reshape(tf.constant([[*one, *padding[len(one) :]][:size] for one in lists], feature.dtype), shape)
