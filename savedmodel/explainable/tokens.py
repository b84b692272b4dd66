"""The tokens of rows: what they are, which entries of the look-ups are theirs, and where in the text they stand."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.problem.tokens import splits_of
from tfx_explain.savedmodel.analysis.depend import held_tensors
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.slots import Tensors, parts, slot_of
from tfx_explain.savedmodel.analysis.tokens import Tokens
from tfx_explain.savedmodel.explainable.alone import Layout, NotTogetherError, shapes_alone
from tfx_explain.savedmodel.explainable.counted import Columns, counted_owners
from tfx_explain.savedmodel.explainable.follow import owners_of
from tfx_explain.savedmodel.graph.parts import import_cut


@dataclass(frozen=True)
class Entries:
    """What a batch of rows looks vectors up for in one place, the rows' one behind the other.

    Attributes:
        shapes: int64 `[rows, axes]`, of each row's entries when it is read alone.
        values: the slices, float `[entries, ...]`.
        owners: int64 `[entries]`, the token of its row that each is of, -1 where it is none's.
    """

    shapes: np.ndarray
    values: np.ndarray
    owners: np.ndarray


@dataclass(frozen=True)
class ReadTokens:
    """The tokens of a batch of rows.

    Attributes:
        row_splits: int64 `[rows + 1]`, where each row's tokens begin, and where the last one's end.
        texts: bytes, object `[tokens]`.
        shared: int64 `[tokens]`, the first token of its row with which each shares its entries, as one count is of all
            tokens that are alike; itself where it has its own.
        entries: of each gather.
    """

    row_splits: np.ndarray
    texts: np.ndarray
    shared: np.ndarray
    entries: tuple[Entries, ...]

    @classmethod
    def joined(cls, some: Sequence[ReadTokens]) -> ReadTokens:
        """Puts the rows of several, at least one, into one, in order."""
        every = [
            Entries(
                *(np.concatenate([getattr(one, field.name) for one in same]) for field in dataclasses.fields(Entries))
            )
            for same in zip(*(one.entries for one in some), strict=True)
        ]
        splits = splits_of(np.concatenate([np.diff(one.row_splits) for one in some]))
        texts, shared = (np.concatenate([getattr(one, part) for one in some]) for part in ("texts", "shared"))
        return cls(splits, texts, shared, tuple(every))


@dataclass(frozen=True)
class RowTokens:
    """The tokens of one row.

    Attributes:
        texts: bytes, object `[tokens]`.
        owners: of each gather, the token of each entry, int64 of the ids' shape, -1 where an entry is none's.
    """

    texts: np.ndarray
    owners: tuple[np.ndarray, ...]


class TokenReader:
    """Reads the tokens of one feature, such that nothing of a row depends on the rows it comes with.

    How large each tensor is for each row alone takes a call that loops over rows; what is in them, one for all rows.

    Attributes:
        tokens: how the graph makes them.
        slots: the raw tensors that this takes, by key; first the feature's own.
    """

    def __init__(self, read: ReadModel, tokens: Tokens) -> None:
        """Cuts out of the graph what makes tokens of the feature, and vectors of these."""
        self.tokens, self._read = tokens, read
        self._graph = read.graph.with_nodes([tokens.speller])
        gathers = tokens.gathers
        fetches = [*(gather.tensor for gather in gathers), *(gather.ids for gather in gathers)]
        self._values = [*fetches, *(gather.places for gather in gathers if gather.places)]
        every = [*self._values, *tokens.sources, *filter(None, [tokens.texts])]
        feature = read.features.by_name[tokens.feature]
        # What stands behind the end of a row's values: of all, or one for each. Nothing does in a list as it is parsed.
        self._is_padded = not (feature.is_sparse and tokens.texts == feature.values)
        self._padding = [b"\0"] if tokens.are_bytes else [_spelled(one) for one in feature.padding] or [b""]
        self._columns: Columns = {}
        raw = [feature.values, *held_tensors(self._graph, read.raw_tensors, (), every)]
        self.slots = {slot.key: slot for slot in (slot_of(read, tensor) for tensor in raw)}
        self._feeds = {
            name: spec for slot in self.slots.values() for name, spec in zip(slot.tensors, slot.specs, strict=True)
        }
        self._run = import_cut(self._graph, self._feeds, every)
        sources = {tensor: _of_any_size(read.specs[tensor]) for tensor in tokens.sources}
        self._arrive = import_cut(self._graph, self._feeds | sources, [gather.ids for gather in gathers])
        sized = [*(gather.ids for gather in gathers), *tokens.sources, *filter(None, [tokens.texts])]
        shapes = import_cut(
            self._graph, self._feeds, sized, lambda _, fetched: [tf.shape(one, tf.int64) for one in fetched]
        )
        self._shapes = shapes_alone(shapes, list(self.slots.values()))

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
        """Reads the tokens of one row, as `read` does."""
        found = self.read(raw)
        return RowTokens(found.texts, tuple(one.owners.reshape(one.shapes[0]) for one in found.entries))

    def read(self, raw: Tensors) -> ReadTokens:
        """Reads the tokens of rows; each row's are what they are when it is read alone.

        Args:
            raw: by the keys of `slots`, the values of the rows, `[rows, ...]`, ragged where rows have any number.

        Raises:
            tf.errors.OpError: if the model can't take one of the rows, or its tokens can't be followed through the
                graph.
        """
        try:
            return self._together(raw)
        except NotTogetherError:
            rows = next(iter(raw.values())).shape[0] or 1
            if rows == 1:
                raise
            return ReadTokens.joined([self._together(self.taken(raw, slice(row, row + 1))) for row in range(rows)])

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

    def _together(self, raw: Tensors) -> ReadTokens:
        arguments, count = self._arguments(raw), len(self.tokens.gathers)
        found = [one.numpy() for one in self._run(*arguments)]
        batch = [*found[count : 2 * count], *found[len(self._values) :]]
        layouts = [Layout.of(alone, one.shape) for alone, one in zip(self._shapes(raw), batch, strict=True)]
        last = count + len(self.tokens.sources)
        if any((other.counts != layouts[count].counts).any() for other in layouts[count:last]):
            raise self._lost()
        entries = layouts[:count]
        owners, shared = self._owners(arguments, batch[count:last], layouts[count:last], entries)
        values = [slices[layout.is_there] for slices, layout in zip(self._slices(found), entries, strict=True)]
        shapes = [layout.alone for layout in entries]
        told = last if self.tokens.texts else count
        splits, texts, is_kept = self._texts(layouts[told], batch[told])
        first = splits_of(layouts[count].counts)[:-1][layouts[count].row_of] + shared
        if is_kept[first[~is_kept]].any():  # what pads a row is counted with a token of it
            raise self._lost()
        return ReadTokens(splits, texts, shared[is_kept], tuple(map(Entries, shapes, values, owners)))

    def _texts(self, layout: Layout, found: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The splits of rows' tokens, these as people read them, and which they are: not those that pad a row."""
        of_text = (self.tokens.are_characters, self.tokens.are_bytes)
        listed = [_spelled(one, *of_text) for one in found[layout.is_there]]
        if not self._is_padded:
            return splits_of(layout.counts), np.array([*listed, None], object)[:-1], np.ones(len(listed), bool)
        padding = np.array([*self._padding, None], object)[:-1][layout.positions % len(self._padding)]
        is_said = np.array([bool(one) and one != other for one, other in zip(listed, padding, strict=True)], bool)
        kept = np.zeros(len(layout.counts), np.int64)
        np.maximum.at(kept, layout.row_of[is_said], layout.positions[is_said] + 1)
        is_kept = layout.positions < kept[layout.row_of]
        return splits_of(kept), np.array([*listed, None], object)[:-1][is_kept], is_kept

    def _owners(
        self,
        arguments: Sequence[tf.Tensor],
        originals: Sequence[np.ndarray],
        sources: Sequence[Layout],
        entries: Sequence[Layout],
    ) -> tuple[Sequence[np.ndarray], np.ndarray]:
        """Finds out which entry is which token's of its row, and which tokens share theirs."""

        def arrived(ids: Iterable[np.ndarray]) -> list[np.ndarray]:
            """What comes of other ids, `[tokens]` of each source, where vectors are looked up or tokens counted."""
            given = dict(zip(self._feeds, arguments, strict=True))
            for tensor, original, layout, some in zip(self.tokens.sources, originals, sources, ids, strict=True):
                put = np.minimum(original, 0)  # what pads a batch stays away, where it is below 0
                put[layout.is_there] = some
                given[tensor] = tf.constant(put)
            found = [tensor.numpy() for tensor in self._arrive(*given.values())]
            if any(one.shape != layout.is_there.shape for one, layout in zip(found, entries, strict=True)):
                raise self._lost()
            return [one[layout.is_there] for one, layout in zip(found, entries, strict=True)]

        own = np.stack([original[layout.is_there] for original, layout in zip(originals, sources, strict=True)])
        if self.tokens.are_counted:
            return counted_owners(arrived, own, sources[0], entries, self._columns)

        def followed(numbers: np.ndarray) -> list[np.ndarray]:
            """With numbers in the places of ids that are not negative."""
            return [one.astype(np.int64) for one in arrived(np.where(own < 0, own, numbers))]

        has_ids = sources[0].has((own >= 0).any(axis=0))
        return owners_of(followed, sources[0], has_ids, entries), sources[0].positions

    def _lost(self) -> NotTogetherError:
        return NotTogetherError(
            f"the tokens of {self.tokens.feature!r} can't be followed to where the model looks them up"
        )


def _of_any_size(spec: tf.TensorSpec) -> tf.TensorSpec:
    rank = spec.shape.rank
    return tf.TensorSpec(spec.shape if rank is None else [None] * rank, spec.dtype)


def _spelled(token: Any, is_character: bool = False, is_byte: bool = False) -> bytes:
    """A token as people read it."""
    if isinstance(token, bytes | str):
        return tf.compat.as_bytes(token)
    if is_byte:
        return bytes([token & 0xFF])
    return chr(token).encode("utf-8", "surrogatepass") if is_character else b"%d" % token
