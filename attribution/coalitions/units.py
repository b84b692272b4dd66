"""Features cut into units, which are reported, and into players, which are present or absent as a whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.coalitions.parts import Parted
from tfx_explain.attribution.coalitions.tokens import NOBODY, CutLists, CutRows, CutTexts, flat_texts, splits_of_values
from tfx_explain.attribution.model.interface import Tensors
from tfx_explain.attribution.problem.tokens import TokenValues, splits_of
from tfx_explain.attribution.texts.spans import Splitter

# Of a row: more make designs that take longer than the model.
MOST_PLAYERS = 64
# What choosing an element takes, in bytes, beside its text.
_ELEMENT_BYTES = 64


@dataclasses.dataclass(frozen=True)
class Units:
    """A feature of several rows, in units.

    Attributes:
        parted: by tensor key, what shows the feature without the units of some players.
        row_splits: int64 `[rows + 1]`, where each row's units begin, and where the last one's end.
        tokens: bytes object `[units]`.
        players: int64 `[units]`, the player of its row that each unit belongs to.
        counts: int64 `[rows]`, how many players there are.
        row_bytes: int64 `[rows]`, what each takes to be shown.
        begin: int64 `[units]`, the byte of the row's text at which a unit begins, -1 in rows where that is not known;
            None where it is in no row.
        end: int64 `[units]`, the byte after its last, likewise.
    """

    parted: Mapping[str, Parted]
    row_splits: np.ndarray
    tokens: np.ndarray
    players: np.ndarray
    counts: np.ndarray
    row_bytes: np.ndarray
    begin: np.ndarray | None = None
    end: np.ndarray | None = None

    def token_values(self, of_players: np.ndarray, of_feature: np.ndarray, listed: int) -> TokenValues:
        """Shares the attributions of players among their units, evenly.

        Args:
            of_players: float64 `[rows, players]`.
            of_feature: float64 `[rows]`, which units and rest add up to; NaN in rows without an attribution.
            listed: how many units of a row there are; those beyond are in the rest.
        """
        rows = len(of_feature)
        lengths = np.diff(self.row_splits)
        row_of = np.repeat(np.arange(rows), lengths)
        position = np.arange(len(row_of)) - np.repeat(self.row_splits[:-1], lengths)
        sharing = np.zeros_like(of_players, dtype=np.int64)
        np.add.at(sharing, (row_of, self.players), 1)
        values = (of_players / np.maximum(sharing, 1))[row_of, self.players]
        which = (position < listed) & ~np.isnan(of_feature)[row_of]
        row_of, values = row_of[which], values[which]
        return TokenValues(
            splits_of(np.bincount(row_of, minlength=rows)),
            self.tokens[which],
            values,
            of_feature - np.bincount(row_of, values, minlength=rows),
            None if self.begin is None else self.begin[which],
            None if self.end is None else self.end[which],
            np.where(np.isnan(of_feature), 0, np.maximum(lengths - listed, 0)),
        )


def units_of_list(name: str, tensors: Tensors, stand_in: bytes | None, listed: int) -> Units:
    """Takes each value of a list for a unit.

    Args:
        name: of the feature.
        tensors: by key, ragged `[rows, (values)]` of the same lengths; or one `[rows, (lists), (values)]`.
        stand_in: stands in the place of absent strings; None: values are dropped, of all tensors.
        listed: how many units of a row are reported.

    Raises:
        ValueError: if the tensors are others, or numbers are to have a stand-in.
        tf.errors.InvalidArgumentError: if the lengths in a row are not the same.
    """
    first = next(iter(tensors.values()))
    if not (all(map(_is_list, tensors.values())) or (len(tensors) == 1 and _is_list(getattr(first, "values", None)))):
        raise ValueError(f"lists names {name!r}; a list is of ragged tensors [rows, (values)], of the same lengths.")
    splits = splits_of_values(first)
    if not all(np.array_equal(splits_of_values(one), splits) for one in tensors.values()):
        raise tf.errors.InvalidArgumentError(None, None, f"a row of {name!r} has not as many values as weights")
    if stand_in is not None and first.dtype != tf.string:
        raise ValueError(f"{name!r} is a list of {first.dtype.name}; only strings have a stand-in. Leave it out.")
    lengths = np.diff(splits)
    players, counts = merged(lengths, listed)
    dropped = tensors if stand_in is None else dict([next(iter(tensors.items()))])
    parted = {key: CutLists(tensor, players, stand_in) for key, tensor in dropped.items()}
    tokens = _as_tokens(first.flat_values.numpy(), first.dtype)
    row_bytes = lengths * _ELEMENT_BYTES + _sizes(tokens, splits)
    return Units(parted, splits, tokens, players, counts, row_bytes)


def units_of_rows(name: str, tensors: Tensors, padding: Any, stand_in: bytes | None, listed: int) -> Units:
    """Takes each value for a unit, of rows that have the same number of them, but for the padding at the end of a row.

    Args:
        name: of the feature.
        tensors: by key, one tensor `[rows, ...]`.
        padding: a scalar, or one for each value of a row.
        stand_in: stands in the place of absent strings; None: the padding does.
        listed: how many units of a row are reported.

    Raises:
        ValueError: if the tensors are others, or numbers are to have a stand-in.
    """
    ((key, tensor), *others) = tensors.items()
    if others or isinstance(tensor, tf.RaggedTensor):
        raise ValueError(f"padded names {name!r}; what has so many values in every row is one dense tensor [rows, n].")
    if stand_in is not None and tensor.dtype != tf.string:
        raise ValueError(f"{name!r} is a list of {tensor.dtype.name}; only strings have a stand-in. Leave it out.")
    rows = tensor.numpy().reshape(len(tensor), int(np.prod(tensor.shape[1:])))
    padding = tf.constant(np.asarray(padding).reshape(-1).tolist(), tensor.dtype)
    is_said = rows != np.broadcast_to(padding.numpy(), rows.shape)
    lengths = (is_said * np.arange(1, rows.shape[1] + 1)).max(axis=1, initial=0)
    players, counts = merged(lengths, listed)
    is_unit = np.arange(rows.shape[1]) < lengths[:, None]
    owners = np.full(rows.shape, NOBODY, np.int64)
    owners[is_unit] = players
    parted = {key: CutRows(tensor, owners, padding if stand_in is None else tf.constant([stand_in]))}
    tokens, splits = _as_tokens(rows[is_unit], tensor.dtype), splits_of(lengths)
    return Units(parted, splits, tokens, players, counts, rows.shape[1] * _ELEMENT_BYTES + _sizes(tokens, splits))


def units_of_text(name: str, tensors: Tensors, splitter: Splitter, stand_in: bytes | None, listed: int) -> Units:
    """Takes each span of a text for a unit.

    Args:
        name: of the feature.
        tensors: by key, one string tensor `[rows]`, `[rows, n]` or ragged `[rows, (n)]`.
        splitter: what cuts texts.
        stand_in: stands in the place of absent spans; None: they are left out.
        listed: how many units of a row are reported.

    Raises:
        ValueError: if the tensors are others, or the splitter's spans are none.
    """
    ((key, texts), *others) = tensors.items()
    if others or texts.dtype != tf.string or not (_is_list(texts) or texts.shape.rank in (1, 2)):
        raise ValueError(f"texts names {name!r}; a text is one string tensor [rows], [rows, n] or [rows, (n)].")
    flat, counts = flat_texts(texts)
    spans, ends = splitter(flat), splits_of(counts)
    splits = np.asarray(spans.row_splits, np.int64)[ends]
    lengths = np.diff(splits)
    players, of_rows = merged(lengths, listed)
    text_of = np.repeat(np.arange(len(flat)), np.diff(spans.row_splits))
    tokens = [flat[text][a:b] for text, a, b in zip(text_of, spans.begin, spans.end, strict=True)]
    # In a row of several texts a byte says nothing.
    known = np.repeat(counts == 1, lengths)
    begin, end = (np.where(known, place, -1) if known.any() else None for place in (spans.begin, spans.end))
    row_bytes = 2 * lengths * _ELEMENT_BYTES + _sizes(flat, ends)
    parted = {key: CutTexts.of(texts, spans, players, stand_in)}
    return Units(parted, splits, _objects(tokens), players, of_rows, row_bytes, begin, end)


def _is_list(tensor: Any) -> bool:
    return isinstance(tensor, tf.RaggedTensor) and tensor.ragged_rank == 1 and tensor.shape.rank == 2


def _as_tokens(values: np.ndarray, dtype: tf.DType) -> np.ndarray:
    return values if dtype == tf.string else _objects([str(one).encode() for one in values])


def _objects(tokens: Sequence[bytes]) -> np.ndarray:
    """Returns object `[tokens]`; of an empty list NumPy would make numbers."""
    return np.array([*tokens, None], object)[:-1]


def _sizes(texts: Sequence[bytes] | np.ndarray, splits: np.ndarray) -> np.ndarray:
    """Returns int64 `[rows]`, the bytes of each row's texts together."""
    ends = splits_of([len(text) for text in texts])
    return np.diff(ends[splits])


def merged(lengths: np.ndarray, listed: int) -> tuple[np.ndarray, np.ndarray]:
    """Makes players of each row's units, neighbours together where there are more than `MOST_PLAYERS`.

    Args:
        lengths: int64 `[rows]`, how many units each row has.
        listed: units beyond so many are one player together, the last.

    Returns:
        int64 `[units]`, the player of its row that each unit belongs to; and int64 `[rows]`, the number of players.
    """
    kept = np.minimum(lengths, listed)
    groups = np.minimum(kept, MOST_PLAYERS - (lengths > listed))
    position = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    players = position * np.repeat(groups, lengths) // np.repeat(np.maximum(kept, 1), lengths)
    return np.minimum(players, np.repeat(groups, lengths)), groups + (lengths > listed)
