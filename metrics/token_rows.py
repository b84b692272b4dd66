"""Attributions of tokens, out of the columns of attribution records."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tfx_explain.metrics.lists import lists_of
from tfx_explain.storage import columns


@dataclass(frozen=True)
class RowTokens:
    """What one record says of one feature's tokens.

    Attributes:
      tokens: bytes, object `[tokens]`.
      values: float64 `[tokens]`, in the unit of the explained output.
      rest: What no token carries.
      spans: int64 `[tokens, 2]`, the bytes of the text from and to which each token goes; None: not known.
    """

    tokens: np.ndarray
    values: np.ndarray
    rest: float
    spans: np.ndarray | None = None

    @property
    def is_known(self) -> bool:
        """Whether the row's attributions were found."""
        return math.isfinite(self.rest)


def row_tokens(batch: pa.RecordBatch, model: str, feature: str, places: np.ndarray) -> list[RowTokens | None]:
    """Returns each record's tokens; None where it has none that can be told apart, or doesn't explain the class.

    Args:
      batch: The records.
      model: `columns.CANDIDATE` or `columns.BASELINE`.
      feature: The feature.
      places: Where in each record the class stands, `lists.places_of`.
    """
    rests = _rows(batch, model, columns.TOKEN_REST, feature)
    tokens = _rows(batch, model, columns.TOKENS, feature)
    values = _rows(batch, model, columns.TOKEN_ATTRIBUTIONS, feature)
    ends = [_rows(batch, model, part, feature) for part in (columns.TOKEN_BEGIN, columns.TOKEN_END)]
    return [
        _row(tokens[row], values[row], rests[row], [end[row] for end in ends], int(places[row]))
        for row in range(batch.num_rows)
    ]


def _row(
    tokens: np.ndarray, values: np.ndarray, rests: np.ndarray, ends: list[np.ndarray], place: int
) -> RowTokens | None:
    count = len(tokens)
    # A failed row has no tokens, and says so by its rest.
    if not 0 <= place < len(rests) or len(values) != count * len(rests):
        return None
    spans = np.stack(ends, axis=1).astype(np.int64) if all(len(end) == count for end in ends) and count else None
    own = np.asarray(values[place * count : (place + 1) * count], np.float64)
    return RowTokens(tokens, own, float(rests[place]), spans)


def _rows(batch: pa.RecordBatch, model: str, part: str, feature: str) -> list[np.ndarray]:
    """Returns a column's list of each record; an empty one where there is none."""
    lists = lists_of(batch, columns.token_column(model, part, feature))
    if lists is None:
        return [np.empty(0)] * batch.num_rows
    lengths, _, values = lists
    return np.split(values, np.cumsum(lengths)[:-1])
