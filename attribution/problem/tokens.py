"""Attributions of tokens: a ragged number of them for each row."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class TokenValues:
    """Attributions of one feature's tokens in a batch of rows.

    A row's tokens and its rest add up to the feature's attribution, but for rounding. A row that could not be
    attributed has no tokens, and NaN as its rest.

    Attributes:
        row_splits: int64 `[rows + 1]`, where each row's tokens begin, and where the last one's end.
        tokens: bytes, object `[tokens]`.
        values: float64 `[tokens]`, in the unit of the explained output.
        rest: float64 `[rows]`, what no token carries, and what tokens that are not listed do.
        begin: int64 `[tokens]`, the byte of the row's text at which the token begins, -1 in rows where that is not
            known; None where it is in no row.
        end: int64 `[tokens]`, the byte after its last, likewise.
        left_out: int64 `[rows]`, how many tokens are not listed, as there are too many; None: none.
    """

    row_splits: np.ndarray
    tokens: np.ndarray
    values: np.ndarray
    rest: np.ndarray
    begin: np.ndarray | None = None
    end: np.ndarray | None = None
    left_out: np.ndarray | None = None

    @property
    def row_lengths(self) -> np.ndarray:
        """Int64 `[rows]`, how many tokens each row has."""
        return np.diff(self.row_splits)

    def take(self, rows: np.ndarray) -> TokenValues:
        """Returns the tokens of some rows, int `[taken]`, in that order."""
        splits, index = taken(self.row_splits, rows)
        return TokenValues(
            splits,
            self.tokens[index],
            self.values[index],
            self.rest[rows],
            None if self.begin is None else self.begin[index],
            None if self.end is None else self.end[index],
            None if self.left_out is None else self.left_out[rows],
        )

    @classmethod
    def joined(cls, parts: Sequence[TokenValues]) -> TokenValues:
        """Puts the rows of several, at least one, into one, in order."""
        return cls(
            splits_of(np.concatenate([part.row_lengths for part in parts])),
            np.concatenate([part.tokens for part in parts]),
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.rest for part in parts]),
            _filled([part.begin for part in parts], [len(part.tokens) for part in parts], -1),
            _filled([part.end for part in parts], [len(part.tokens) for part in parts], -1),
            _filled([part.left_out for part in parts], [len(part.rest) for part in parts], 0),
        )


def splits_of(lengths: np.ndarray | Sequence[int]) -> np.ndarray:
    """Returns int64 `[rows + 1]`, where rows of these lengths begin, one behind the other, and where the last ends."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def taken(row_splits: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the splits of some rows, int `[taken]`, and int64 indices of their values."""
    lengths = np.diff(row_splits)[rows]
    splits = splits_of(lengths)
    return splits, np.arange(splits[-1]) + np.repeat(row_splits[:-1][rows] - splits[:-1], lengths)


def _filled(parts: Sequence[np.ndarray | None], sizes: Sequence[int], otherwise: int) -> np.ndarray | None:
    """Puts parts into one, `otherwise` where one is not known; None where none is."""
    if all(one is None for one in parts):
        return None
    filled = [np.full(size, otherwise) if one is None else one for one, size in zip(parts, sizes, strict=True)]
    return np.concatenate(filled)
