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
    """

    row_splits: np.ndarray
    tokens: np.ndarray
    values: np.ndarray
    rest: np.ndarray
    begin: np.ndarray | None = None
    end: np.ndarray | None = None

    @property
    def row_lengths(self) -> np.ndarray:
        """Int64 `[rows]`, how many tokens each row has."""
        return np.diff(self.row_splits)

    def take(self, rows: np.ndarray) -> TokenValues:
        """Returns the tokens of some rows, int `[taken]`, in that order."""
        lengths = self.row_lengths[rows]
        splits = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        index = np.arange(splits[-1]) + np.repeat(self.row_splits[:-1][rows] - splits[:-1], lengths)
        return TokenValues(
            splits,
            self.tokens[index],
            self.values[index],
            self.rest[rows],
            None if self.begin is None else self.begin[index],
            None if self.end is None else self.end[index],
        )

    @classmethod
    def joined(cls, parts: Sequence[TokenValues]) -> TokenValues:
        """Puts the rows of several, at least one, into one, in order."""
        lengths = np.concatenate([part.row_lengths for part in parts])
        return cls(
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.concatenate([part.tokens for part in parts]),
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.rest for part in parts]),
            _places([part.begin for part in parts], parts),
            _places([part.end for part in parts], parts),
        )


def _places(places: Sequence[np.ndarray | None], parts: Sequence[TokenValues]) -> np.ndarray | None:
    if all(one is None for one in places):
        return None
    unknown = [np.full(len(part.tokens), -1, np.int64) for part in parts]
    return np.concatenate([other if one is None else one for one, other in zip(places, unknown, strict=True)])
