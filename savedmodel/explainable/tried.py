"""What a model makes of a few rows of words: how the vectors of tokens lie there, and what stands for an absent one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.savedmodel.analysis.features import Feature
from tfx_explain.savedmodel.analysis.formats import string_use
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.slots import Tensor, Tensors
from tfx_explain.savedmodel.analysis.tokens import TokensNotFoundError
from tfx_explain.savedmodel.analysis.vocabulary import vocabularies
from tfx_explain.savedmodel.explainable.alone import NotTogetherError
from tfx_explain.savedmodel.explainable.plans import Plan
from tfx_explain.savedmodel.explainable.token_features import FIXED, FLAT, OPEN, TokenKey
from tfx_explain.savedmodel.explainable.tokens import RowTokens, TokenReader

PAD, UNKNOWN, ZERO = "pad", "unknown", "zero"
# No vocabulary has them.
_NO_WORD, _NO_NUMBER = "\x00tfx-explain: unknown\x00", -(2**31) + 1
# Tokens of the rows that are tried.
_LENGTHS = (0, 1, 3)


@dataclass(frozen=True)
class Tried:
    """What a model makes of a few rows.

    Attributes:
        reader: of the tokens.
        rows: by raw tensor, rows without a token, and with one and more of them.
        of_words: makes a row of a number of words.
        alone: of each of the rows, the slices of each gather.
        together: those of all rows at once.
    """

    reader: TokenReader
    rows: Tensors
    of_words: Callable[[int], Tensors]
    alone: Sequence[Sequence[np.ndarray]]
    together: Sequence[np.ndarray]

    @classmethod
    def of(cls, reader: TokenReader, plan: Plan, read: ReadModel) -> Tried:
        """Tries rows until the model takes some.

        Raises:
            TokensNotFoundError: if it takes none.
        """
        feature, error = plan.feature, None
        if set(reader.slots) - set(plan.raw):
            raise TokensNotFoundError(feature.name, "the model reads it together with other features")
        for words, first, separator in _attempts(feature, read):
            rows = _raw(plan, separator, [first, words[:1], words])
            try:
                alone = [reader.values(reader.taken(rows, slice(row, row + 1))) for row in range(len(_LENGTHS))]
                of_words = functools.partial(_of_words, plan, separator, words[0])
                return cls(reader, rows, of_words, alone, reader.values(rows))
            except tf.errors.OpError as failure:
                error = failure
        raise TokensNotFoundError(feature.name, "the model fails on every row of words that was tried") from error

    def row(self, number: int) -> Tensors:
        """One of the rows."""
        return self.reader.taken(self.rows, slice(number, number + 1))

    @property
    def longest(self) -> Tensors:
        """The last of the rows."""
        return self.row(len(_LENGTHS) - 1)

    def pads(self, keys: Sequence[TokenKey]) -> dict[str, np.ndarray]:
        """What the model puts behind rows that are shorter than others, by key; nothing where one's is not known."""
        ends = {key.key: self.together[key.gather][:1, :1] for key in keys if not self.alone[0][key.gather].size}
        return ends if len(ends) == len(keys) else {}

    def longer(self, size: int) -> Tensors | None:
        """A row for which as many entries are looked up in every place that is padded to the longest of a batch."""
        some = [number for number in range(len(self.together)) if self.kind(number) == OPEN]
        one, three = (self.alone[row][some[0]].shape[1] for row in (1, 2))
        count, odd = divmod(size - one, max(1, (three - one) // 2))
        if odd or count < -1:
            return None
        with tf.init_scope():  # also where a call is traced
            row = self.of_words(1 + count)
            try:
                found = self.reader.values(row)
            except tf.errors.OpError:
                return None
        return row if all(found[number].shape[1] == size for number in some) else None

    @functools.cached_property
    def _last(self) -> RowTokens:
        """The tokens of the longest row."""
        try:
            return self.reader.row(self.longest)
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

    def axes(self, number: int, kind: str) -> int:
        """How many axes of a row the entries of a gather have."""
        return self._last.owners[number].ndim - (kind != FLAT)

    def is_joined(self, number: int) -> bool:
        """Whether the slices of a batch are those of its rows, one row's behind the other's."""
        return np.array_equal(np.concatenate([one[number] for one in self.alone]), self.together[number])

    @functools.cached_property
    def _twice(self) -> list[np.ndarray]:
        """The slices of each gather, of the longest row beside itself."""
        last: dict[str, Any] = dict(self.longest)
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
        slices = self.reader.instead(self.longest, given)[number]
        owners = self._last.owners[number]
        if slices.shape[: owners.ndim] != owners.shape or not (owners >= 0).any():
            return otherwise
        return slices[owners >= 0][:1].reshape(otherwise.shape)


def _attempts(feature: Feature, read: ReadModel) -> Iterator[tuple[list[Any], list[Any], bytes]]:
    """Words that the model may take, those of a first row, and what is between them: known ones, then others."""
    known = [word for word in vocabularies(read.graph, read.features, read.depends).get(feature.name, ()) if word]
    others = [[b"a", b"bc", b"d"], [b"1", b"2", b"3"]] if feature.dtype == tf.string else [[1, 2, 3]]
    separators = string_use(read, feature.name).separators if feature.dtype == tf.string else []
    for words in (known, *others):
        if words:
            words = (list(words) * _LENGTHS[-1])[: _LENGTHS[-1]]
            yield from ((words, first, (separators or [b" "])[0]) for first in ([], words[:1]))


def _of_words(plan: Plan, separator: bytes, word: Any, count: int) -> Tensors:
    return _raw(plan, separator, [[word] * count])


def _raw(plan: Plan, separator: bytes, lists: Sequence[Sequence[Any]]) -> Tensors:
    """Rows of lists of words, with weights of 1."""
    values = _rows(plan.feature, lists, separator)
    weights = {plan.weights.values: tf.ones_like(values, plan.weights.dtype)} if plan.weights else {}
    return {plan.feature.values: values, **weights}


def _rows(feature: Feature, lists: Sequence[Sequence[Any]], separator: bytes) -> Tensor:
    if feature.is_sparse:
        return tf.ragged.constant(lists, feature.dtype, ragged_rank=1)
    size = feature.shape[1:].num_elements() or 1
    shape = [len(lists), *(extent or 1 for extent in feature.shape[1:])]
    if feature.dtype == tf.string and size == 1:
        return tf.reshape(tf.constant([separator.join(one) for one in lists]), shape)
    padding = (list(feature.padding) * size)[:size]
    return tf.reshape(tf.constant([[*one, *padding[len(one) :]][:size] for one in lists], feature.dtype), shape)
