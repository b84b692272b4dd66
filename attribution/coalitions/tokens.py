"""Lists and texts of which some tokens are absent, for the game that coalition methods play."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.interface import Tensor
from tfx_explain.attribution.texts.spans import Spans

# What belongs to no player, and is always there.
NOBODY = -1


@dataclasses.dataclass(frozen=True)
class CutLists:
    """Lists of values of several rows; the values of absent players are dropped, or something stands in their place.

    Attributes:
        values: `[rows, (values)]`, ragged, or `[rows, (lists), (values)]`, whose lists go with the last of their
            values.
        players: int64 `[values]`, the player of its row that each value belongs to, or `NOBODY`.
        stand_in: scalar in the place of each absent value; None: they are dropped.
    """

    values: tf.RaggedTensor
    players: np.ndarray
    stand_in: Tensor | None = None

    def shown(self, rows: Tensor, presence: Tensor) -> Tensor:
        """See `Parted`."""
        index, calls = _elements(rows.numpy(), splits_of_values(self.values))
        there = _there(presence.numpy(), calls, self.players[index])
        flat = self.values.flat_values
        if self.stand_in is not None:
            flat = tf.concat([flat, [self.stand_in]], axis=0)
            index, there = np.where(there, index, len(self.players)), np.ones_like(there)
        flat = tf.gather(flat, index[there])
        if self.values.ragged_rank == 1:
            return _ragged(flat, np.bincount(calls[there], minlength=len(rows)), self.values)
        lists = tf.gather(self.values, rows)
        of_list, count = lists.values.value_rowids().numpy(), int(lists.values.nrows())
        before, after = np.bincount(of_list, minlength=count), np.bincount(of_list[there], minlength=count)
        kept = (after > 0) | (before == 0)
        of_rows = np.bincount(lists.value_rowids().numpy()[kept], minlength=len(rows))
        return _ragged(_ragged(flat, after[kept], lists.values), of_rows, lists)


@dataclasses.dataclass(frozen=True)
class CutRows:
    """Rows of the same number of values; others stand in the places of absent players'.

    Attributes:
        values: `[rows, ...]`.
        players: int64 `[rows, values]`, the player of its row that each value belongs to, or `NOBODY`.
        absent: `[values]`, what stands in the place of each.
    """

    values: tf.Tensor
    players: np.ndarray
    absent: tf.Tensor

    def shown(self, rows: Tensor, presence: Tensor) -> Tensor:
        """See `Parted`."""
        players = self.players[rows.numpy()]
        calls = np.repeat(np.arange(len(players)), players.shape[1])
        there = _there(presence.numpy(), calls, players.reshape(-1)).reshape(players.shape)
        values = tf.gather(self.values, rows)
        return tf.reshape(tf.where(there, tf.reshape(values, players.shape), self.absent), values.shape)


@dataclasses.dataclass(frozen=True)
class CutTexts:
    """Texts of several rows, in pieces; those of absent players are left out, or something stands in their place.

    Attributes:
        texts: string `[rows]` or `[rows, n]`, or ragged `[rows, (n)]`.
        pieces: string `[pieces + 1]`, which make the texts, in order; the last is what stands for an absent one.
        splits: int64 `[rows + 1]`, where each row's pieces begin, and where the last one's end.
        places: int64 `[pieces]`, to which of its row's texts each piece belongs.
        players: int64 `[pieces]`, the player of its row that each piece belongs to, or `NOBODY`.
        is_replaced: whether anything stands for an absent piece.
    """

    texts: Tensor
    pieces: tf.Tensor
    splits: np.ndarray
    places: np.ndarray
    players: np.ndarray
    is_replaced: bool

    @classmethod
    def of(cls, texts: Tensor, spans: Spans, players: np.ndarray, stand_in: bytes | None) -> CutTexts:
        """Cuts texts at the spans of each, in order, that players own; what is between them belongs to nobody.

        Raises:
            ValueError: if spans are not in order, overlap, or lie outside of their text.
        """
        flat, counts = flat_texts(texts)
        pieces: list[bytes] = []
        owners, sizes = [], []
        for number, text in enumerate(flat):
            which = slice(*spans.row_splits[number : number + 2])
            cut, owned = _pieces(text, spans.begin[which], spans.end[which], players[which])
            pieces += cut
            owners += owned
            sizes.append(len(cut))
        first = np.cumsum(counts) - counts
        text_of = np.repeat(np.arange(len(flat)), sizes)
        row_of = np.repeat(np.arange(len(counts)), counts)[text_of]
        splits = np.concatenate([[0], np.cumsum(np.bincount(row_of, minlength=len(counts)))])
        every = tf.constant([*pieces, stand_in or b""], tf.string)
        owners = np.array(owners, np.int64)
        return cls(texts, every, splits, text_of - first[row_of], owners, stand_in is not None)

    def shown(self, rows: Tensor, presence: Tensor) -> Tensor:
        """See `Parted`."""
        these = rows.numpy()
        index, calls = _elements(these, self.splits)
        there = _there(presence.numpy(), calls, self.players[index])
        counts = _counts(self.texts)[these]
        text_of = (np.cumsum(counts) - counts)[calls] + self.places[index]
        if self.is_replaced:
            index = np.where(there, index, len(self.players))
        else:
            index, text_of = index[there], text_of[there]
        joined = tf.strings.unsorted_segment_join(tf.gather(self.pieces, index), text_of, int(counts.sum()))
        if isinstance(self.texts, tf.RaggedTensor):
            return _ragged(joined, counts, self.texts)
        return tf.reshape(joined, [len(these), *self.texts.shape[1:]])


def splits_of_values(lists: tf.RaggedTensor) -> np.ndarray:
    """Returns int64 `[rows + 1]`, where each row's values begin, be they in lists of lists, and the last ones' end."""
    splits = lists.row_splits.numpy().astype(np.int64)
    while isinstance(lists.values, tf.RaggedTensor):
        lists = lists.values
        splits = lists.row_splits.numpy().astype(np.int64)[splits]
    return splits


def flat_texts(texts: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Returns every text, bytes object `[texts]`, row by row, and how many each row has, int64 `[rows]`."""
    flat = texts.flat_values if isinstance(texts, tf.RaggedTensor) else texts
    return flat.numpy().reshape(-1), _counts(texts)


def _counts(texts: Tensor) -> np.ndarray:
    if isinstance(texts, tf.RaggedTensor):
        return texts.row_lengths().numpy()
    return np.full(len(texts), texts.shape[1:].num_elements(), np.int64)


def _ragged(flat: Tensor, lengths: np.ndarray, like: tf.RaggedTensor) -> tf.RaggedTensor:
    splits = tf.constant(np.concatenate([[0], np.cumsum(lengths)]), like.row_splits.dtype)
    return tf.RaggedTensor.from_row_splits(flat, splits, validate=False)


def _pieces(text: bytes, begin: np.ndarray, end: np.ndarray, players: np.ndarray) -> tuple[list[bytes], list[int]]:
    """Cuts one text; pieces that belong to nobody are there where they are not empty."""
    edges = np.stack([begin, end], axis=1).ravel()
    if (np.diff(edges, prepend=0, append=len(text)) < 0).any():
        raise ValueError(
            "spans of a text overlap, are out of order, or lie outside of it; give them one after the other."
        )
    pieces, owners, at = [], [], 0
    for first, last, player in zip(begin, end, players, strict=True):
        if at < first:
            pieces.append(text[at:first])
            owners.append(NOBODY)
        pieces.append(text[first:last])
        owners.append(int(player))
        at = last
    if at < len(text):
        pieces.append(text[at:])
        owners.append(NOBODY)
    return pieces, owners


def _elements(rows: np.ndarray, splits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the elements of ragged rows, int64 `[elements]`, row by row, and the number of the call of each."""
    lengths = np.diff(splits)[rows]
    calls = np.repeat(np.arange(len(rows)), lengths)
    return np.arange(len(calls)) + np.repeat(splits[:-1][rows] - (np.cumsum(lengths) - lengths), lengths), calls


def _there(presence: np.ndarray, calls: np.ndarray, players: np.ndarray) -> np.ndarray:
    """Returns bool `[elements]`, whether elements' players are present in their calls, `[calls, players]` above 0."""
    # Nobody's, the last column, is always there.
    return np.concatenate([presence > 0, np.ones((len(presence), 1), bool)], axis=1)[calls, players]
