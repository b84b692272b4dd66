"""The tokens of rows: what they are, which entries of the look-ups are theirs, and where in the text they stand."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.savedmodel.analysis.depend import held_tensors
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.slots import Tensors, parts, slot_of
from tfx_explain.savedmodel.analysis.tokens import Tokens
from tfx_explain.savedmodel.graph.flat import import_cut

# What is put in the place of ids to see where it arrives: a number of its own for each token; or, where that is out of
# the range that the graph lets pass, their binary digits one after the other.
_WIDE = 2**20
_NOBODYS = -1


@dataclass(frozen=True)
class RowTokens:
    """The tokens of one row.

    Attributes:
        texts: bytes, object `[tokens]`.
        values: of each gather, the slices of the row's entries, float `[1, ...]` or flat `[entries, ...]`.
        owners: of each gather, the token of each entry, int64, -1 where an entry is none's.
    """

    texts: np.ndarray
    values: tuple[np.ndarray, ...]
    owners: tuple[np.ndarray, ...]


class TokenReader:
    """Reads the tokens of one feature, each row by itself, so that nothing depends on the rows it comes with.

    Attributes:
        tokens: how the graph makes them.
        slots: the raw tensors that this takes, by key; first the feature's own.
    """

    def __init__(self, read: ReadModel, tokens: Tokens) -> None:
        """Cuts out of the graph what makes tokens of the feature, and vectors of these."""
        self.tokens, self._read = tokens, read
        added = {tokens.speller.name: tokens.speller} if tokens.speller else {}
        self._graph = dataclasses.replace(read.graph, nodes={**read.graph.nodes, **added})
        gathers = tokens.gathers
        fetches = [*(gather.tensor for gather in gathers), *(gather.ids for gather in gathers)]
        self._values = [*fetches, *(gather.places for gather in gathers if gather.places)]
        every = [*self._values, *tokens.sources, *filter(None, [tokens.texts])]
        raw = [read.features.by_name[tokens.feature].values, *held_tensors(self._graph, read.raw_tensors, (), every)]
        self.slots = {slot.key: slot for slot in (slot_of(read, tensor) for tensor in raw)}
        self._feeds = {
            name: spec for slot in self.slots.values() for name, spec in zip(slot.tensors, slot.specs, strict=True)
        }
        self._run = import_cut(self._graph, self._feeds, every)
        sources = {tensor: _of_any_size(read.specs[tensor]) for tensor in tokens.sources}
        self._arrive = import_cut(self._graph, self._feeds | sources, [gather.ids for gather in gathers])
        # One call takes a third of the time of three.
        self._run_and_follow = tf.function(self._followed, autograph=False).get_concrete_function(*self._feeds.values())

    @property
    def texts_dtype(self) -> tf.DType:
        """Of the tokens, where they are looked up in tables."""
        return self._read.specs[self.tokens.texts].dtype

    def values(self, raw: Tensors) -> list[np.ndarray]:
        """The slices of each gather, one for each entry of any number of rows together; `raw` as in `row`."""
        return self._slices([tensor.numpy() for tensor in self._run(*self._arguments(raw))])

    def fetch(self, raw: Tensors, tensor: str) -> np.ndarray:
        """Another tensor that depends on the feature alone, of any number of rows."""
        return import_cut(self._graph, self._feeds, [tensor])(*self._arguments(raw))[0].numpy()

    def taken(self, raw: Tensors, rows: slice) -> dict[str, Any]:
        """The raw values of some rows."""
        return {key: raw[key][rows] for key in self.slots}

    def row(self, raw: Tensors) -> RowTokens:
        """Reads the tokens of one row.

        Args:
            raw: by the keys of `slots`, the values of the row, `[1, ...]`, ragged where rows have any number of them.

        Raises:
            tf.errors.OpError: if the model can't take the row, or its tokens can't be followed through the graph.
        """
        arguments, count = self._arguments(raw), len(self.tokens.gathers)
        *found, none, arrived = tf.nest.map_structure(lambda one: one.numpy(), self._run_and_follow(*arguments))
        originals = found[len(self._values) : len(self._values) + len(self.tokens.sources)]
        owners = self._owners(arguments, originals, none, arrived)
        ids = found[count : 2 * count]
        if [one.shape for one in owners] != [one.shape for one in ids] or len({one.size for one in originals}) > 1:
            raise tf.errors.InvalidArgumentError(
                None, None, f"the tokens of {self.tokens.feature!r} can't be followed to where the model looks them up"
            )
        return RowTokens(self._texts(found[-1], originals[0]), tuple(self._slices(found)), tuple(owners))

    def instead(self, raw: Tensors, text: Any) -> list[np.ndarray]:
        """As `values`, with every token replaced by `text`, where tokens are looked up in tables."""
        texts, feeds, graph = self.tokens.texts, self._feeds, self._graph
        there = import_cut(graph, feeds, [texts])(*self._arguments(raw))[0]
        put = {texts: tf.fill(tf.shape(there), tf.constant(text, there.dtype))}
        function = import_cut(graph, feeds | {texts: _of_any_size(self._read.specs[texts])}, self._values)
        given = dict(zip(feeds, self._arguments(raw), strict=True)) | put
        return self._slices([tensor.numpy() for tensor in function(*given.values())])

    def _arguments(self, raw: Tensors) -> list[tf.Tensor]:
        return [tensor for key, slot in self.slots.items() for tensor in parts(slot, raw[key])]

    def _slices(self, found: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The slices, one an entry, of what was fetched first."""
        places = iter(found[2 * len(self.tokens.gathers) :])
        slices = zip(self.tokens.gathers, found, strict=False)
        return [values[next(places)] if gather.places else values for gather, values in slices]

    def _texts(self, texts: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """The tokens of a row as people read them; padding behind them is left out."""
        if not self.tokens.texts:
            numbers = numbers.reshape(-1)
            listed = [_character(one) if self.tokens.are_characters else b"%d" % one for one in numbers]
        else:
            listed = [one if isinstance(one, bytes) else b"%d" % one for one in texts.reshape(-1)]
        while listed and not listed[-1]:
            listed.pop()
        return np.array([*listed, None], object)[:-1]

    def _owners(
        self,
        arguments: Sequence[tf.Tensor],
        originals: Sequence[np.ndarray],
        none: Sequence[np.ndarray],
        arrived: Sequence[np.ndarray],
    ) -> list[np.ndarray]:
        """Finds out which entry is which token's, by other ids in their places."""
        count = originals[0].size
        for steps in (_over(none, [arrived]), None):
            if steps is None:
                zero, *bits = (
                    [one.numpy() for one in self._arrived(arguments, originals, digit)]
                    for digit in (np.zeros(count, np.int64), *_binary(np.arange(1, count + 1)))
                )
                steps = _over(zero, bits)
            owners = [np.where((one > 0) & (one <= count), one - 1, _NOBODYS) for one in steps]
            if all((one >= 0).all() for one in steps) and any((one >= 0).any() for one in owners):
                return owners
        # Of what has no token, or none that is looked up.
        return [np.full(one.shape, _NOBODYS) for one in none]

    def _followed(self, *arguments: tf.Tensor) -> list[Any]:
        """What is fetched, what arrives of one number for all tokens, and of one number more for each."""
        found = self._run(*arguments)
        originals = found[len(self._values) : len(self._values) + len(self.tokens.sources)]
        size = tf.size(originals[0])
        alike, each = tf.fill([size], _WIDE), _WIDE + tf.range(1, size + 1)
        return [*found, *(self._arrived(arguments, originals, numbers) for numbers in (alike, each))]

    def _arrived(self, arguments: Sequence[tf.Tensor], originals: Sequence[Any], numbers: Any) -> list[tf.Tensor]:
        """The ids, int64, that are looked up with `numbers` in the places of tokens' ids that are not negative."""
        given = dict(zip(self._feeds, arguments, strict=True))
        for tensor, original in zip(self.tokens.sources, originals, strict=True):
            put = tf.cast(tf.reshape(numbers[: tf.size(original)], tf.shape(original)), original.dtype)
            given[tensor] = tf.where(original < 0, original, put)
        return [tf.cast(tensor, tf.int64) for tensor in self._arrive(*given.values())]


def _over(none: Sequence[np.ndarray], arrived: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
    """What arrives of numbers, or of their binary digits, over what does of none; negative where sizes differ."""
    totals = [np.zeros_like(one) for one in none]
    for place, digit in enumerate(arrived):
        for total, one, zero in zip(totals, digit, none, strict=True):
            total += (one - zero) << place if one.shape == zero.shape else -1
    return totals


def _binary(numbers: np.ndarray) -> list[np.ndarray]:
    return [(numbers >> place) & 1 for place in range(int(numbers.max(initial=0)).bit_length())]


def _of_any_size(spec: tf.TensorSpec) -> tf.TensorSpec:
    rank = spec.shape.rank
    return tf.TensorSpec(spec.shape if rank is None else [None] * rank, spec.dtype)


def _character(number: int) -> bytes:
    return chr(number).encode("utf-8", "surrogatepass")
