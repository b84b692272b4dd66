"""Features with tokens: what a model is fed for them, and the tokens of rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.interface import Tensor, Tensors
from tfx_explain.attribution.problem.tokens import splits_of, taken
from tfx_explain.savedmodel.explainable.alone import NotTogetherError
from tfx_explain.savedmodel.explainable.places import places
from tfx_explain.savedmodel.explainable.tokens import ReadTokens, TokenReader

# How a batch's rows lie in a tensor of entries: as an axis of their own, of one size or that of the longest, or not.
FIXED, OPEN, FLAT = "fixed", "open", "flat"


@dataclass(frozen=True)
class TokenKey:
    """A tensor that is fed, with a slice for each entry.

    Attributes:
        key: the tensor.
        gather: the number of the gather whose entries it has.
        kind: `fixed`, `open` or `flat`.
        axes: how many axes of a row its entries have.
        is_padded: of `flat`, whether what pads rows to the longest of their batch has entries, too.
    """

    key: str
    gather: int
    kind: str
    axes: int
    is_padded: bool = False


@dataclass(frozen=True)
class TokenRows:
    """The tokens of a batch of rows, which a model's graph makes.

    Attributes:
        row_splits: int64 `[rows + 1]`.
        texts: bytes, object `[tokens]`.
        owners: by key, the token of its row that each entry is of, int64 `[entries, ...]`, -1 where it is none's.
        entry_splits: by key, int64 `[rows + 1]`, where each row's entries begin, and where the last one's end.
        begin: int64 `[tokens]` byte offsets, -1 in rows where they are not known.
        end: int64 `[tokens]`, likewise.
        shared: int64 `[tokens]`, the first token of its row with which each shares what its entries have, evenly.
    """

    row_splits: np.ndarray
    texts: np.ndarray
    owners: Mapping[str, np.ndarray]
    entry_splits: Mapping[str, np.ndarray]
    begin: np.ndarray
    end: np.ndarray
    shared: np.ndarray

    def take(self, rows: np.ndarray) -> TokenRows:
        """Returns the tokens of some rows, int `[taken]`, in that order."""
        splits, index = taken(self.row_splits, rows)
        entries = {key: taken(of_key, rows) for key, of_key in self.entry_splits.items()}
        owners = {key: self.owners[key][which] for key, (_, which) in entries.items()}
        of_entries = {key: own for key, (own, _) in entries.items()}
        of_tokens = (one[index] for one in (self.begin, self.end, self.shared))
        return TokenRows(splits, self.texts[index], owners, of_entries, *of_tokens)


@dataclass(frozen=True)
class TokenFeature:
    """A feature with tokens.

    Attributes:
        reader: reads them.
        keys: the tensors fed for it that have the tokens' axis.
        raw: the tensor of its values.
        longer: makes the raw tensors of a row that has a number of entries in every `open` one; None where none has.
        pads: by `open` key, what the model puts behind a shorter row, `[1, 1, ...]`; empty where that isn't known.
    """

    reader: TokenReader
    keys: tuple[TokenKey, ...]
    raw: str
    longer: Callable[[int], Tensors | None]
    pads: Mapping[str, np.ndarray]

    def filler(self, sizes: Collection[int]) -> Tensors | None:
        """The raw tensors of a row that makes a model pad others to these sizes; None where there is none."""
        return self.longer(*sizes) if self.pads and len(sizes) == 1 else None


def by_row(shapes: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Where each row's entries begin, int64 `[rows + 1]`, and the shape of each."""
    axis = 0 if kind == FLAT else 1
    inner = shapes[:, axis + 1 :]
    if (inner != inner[:1]).any():
        raise NotTogetherError("entries of several rows have not the same shape")
    return splits_of(shapes[:, axis]), inner[0]


def token_rows(feature: TokenFeature, found: ReadTokens, raw: Tensor) -> TokenRows:
    """What was read of a feature's tokens in a batch of rows, whose values are `raw`."""
    is_text = isinstance(raw, tf.Tensor) and raw.dtype == tf.string and raw.shape[1:].num_elements() == 1
    begin, end = np.full((2, len(found.texts)), -1, np.int64)
    # Where the tokens of a row stand, if it is a single text.
    for row, text in enumerate(tf.reshape(raw, [-1]).numpy() if is_text else []):
        which = slice(*found.row_splits[row : row + 2])
        own = places(text, list(found.texts[which]))
        if own is not None:
            begin[which], end[which] = own
    owners, splits = {}, {}
    for key in feature.keys:
        entries = found.entries[key.gather]
        splits[key.key], inner = by_row(entries.shapes, key.kind)
        owners[key.key] = entries.owners.reshape(-1, *inner)
    return TokenRows(found.row_splits, found.texts, owners, splits, begin, end, found.shared)
