"""What tokens carry: the most important ones, and the texts whose tokens changed most."""

from __future__ import annotations

import collections
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tfx_explain.metrics.lists import lists_of, places_of
from tfx_explain.metrics.token_rows import RowTokens, row_tokens
from tfx_explain.metrics.token_sums import LEAST_SIGHTINGS
from tfx_explain.report.records import decode
from tfx_explain.report.spans import Piece, has_places, pieces_of
from tfx_explain.report.token_tables import TokenTable
from tfx_explain.storage import columns

_TEXTS = 4
_UNFOLDED, _PIECES = 160, 2000  # Of a text, before the rest is folded, or left out.


@dataclass(frozen=True)
class Reading:
    """What one model reads in a row's text.

    Attributes:
      pieces: The text.
      folded: More of it.
      left_out: How many more pieces there are.
      rest: What no token carries.
      attribution: What the whole text carries.
      is_running: Whether the pieces are a running text; else they are tokens alone.
    """

    pieces: Sequence[Piece]
    folded: Sequence[Piece]
    left_out: int
    rest: float
    attribution: float
    is_running: bool


@dataclass(frozen=True)
class Text:
    """A row's text.

    Attributes:
      readings: By model.
      change: Sum of the absolute changes of tokens' attributions, and of the rest's; NaN: there is one model.
    """

    readings: Mapping[str, Reading]
    change: float


@dataclass(frozen=True)
class Tokens:
    """The tokens of a feature.

    Attributes:
      feature: The feature.
      table: What each carries.
      texts: Rows, those that changed most first; of one model, those with the largest attributions.
      least_sightings: How often a token must have been seen.
      has_baseline: Whether the baseline model's tokens are known, too.
    """

    feature: str
    table: TokenTable
    texts: Sequence[Text]

    least_sightings: int = LEAST_SIGHTINGS
    has_baseline: bool = False

    @property
    def widest(self) -> float:
        """The largest mean absolute attribution, which is as wide as a bar gets."""
        return max((part.absolute for one in self.table.tokens for part in one.parts.values()), default=1.0) or 1.0


def tokens_of(
    records: np.ndarray, tables: Mapping[str, TokenTable], class_name: str = "", with_texts: bool = True
) -> list[Tokens]:
    """Returns what the tokens of each feature carry; none where records have no attributions of tokens.

    Args:
      records: Attribution records that texts are chosen from, object `[rows]`.
      tables: By feature, what tokens carry in all records.
      class_name: Of which class, by name or index; empty: the first one of each record.
      with_texts: Whether texts are shown.
    """
    if not tables:
        return []
    batch = decode(records)
    places = places_of(batch, class_name)
    found = []
    for name, table in tables.items():
        models = _models(batch, name)
        by_model = {model: row_tokens(batch, model, name, places) for model in models} if with_texts else {}
        texts = list(_texts(by_model, _values(batch, name))) if with_texts else []
        found.append(Tokens(name, table, texts, has_baseline=columns.BASELINE in models))
    return found


def _models(batch: pa.RecordBatch, feature: str) -> list[str]:
    return [model for model in columns.MODELS if feature in columns.tokenized_features(batch.schema.names, model)]


def _texts(by_model: Mapping[str, Sequence[RowTokens | None]], values: Sequence[bytes | None]) -> Iterator[Text]:
    """Yields the texts that changed most, each once."""
    scored = []
    for index, row in enumerate(zip(*by_model.values(), strict=True)):
        known = [one for one in row if one is not None and one.is_known and len(one.tokens)]
        if len(known) == len(by_model):
            scored.append((_change(*known), index, known))
    seen: set[tuple[bytes, ...]] = set()
    for change, index, known in sorted(scored, key=lambda one: (-one[0], one[1])):
        words = tuple(known[0].tokens.tolist())
        if len(seen) < _TEXTS and words not in seen:
            seen.add(words)
            largest = max(float(np.abs(one.values).max()) for one in known)
            readings = {
                model: _reading(one, values[index], largest) for model, one in zip(by_model, known, strict=True)
            }
            yield Text(readings, change if len(known) > 1 else math.nan)


def _change(candidate: RowTokens, baseline: RowTokens | None = None) -> float:
    """Sums what tokens, by what they are, and the rest carry more or less than in the other model."""
    sums: dict[bytes, float] = collections.defaultdict(float)
    for row, sign in ((candidate, 1.0), (baseline, -1.0)):
        if row is not None:
            for token, value in zip(row.tokens.tolist(), row.values.tolist(), strict=True):
                sums[token] += sign * value
    return math.fsum(map(abs, sums.values())) + abs(candidate.rest - (baseline.rest if baseline else 0.0))


def _reading(found: RowTokens, text: bytes | None, largest: float) -> Reading:
    is_running = text is not None and has_places(found, len(text))
    pieces = pieces_of(found, text if is_running else None, largest)
    attribution = math.fsum([*found.values.tolist(), found.rest])
    left_out = max(0, len(pieces) - _PIECES)
    return Reading(pieces[:_UNFOLDED], pieces[_UNFOLDED:_PIECES], left_out, found.rest, attribution, is_running)


def _values(batch: pa.RecordBatch, feature: str) -> list[bytes | None]:
    """Returns each record's text; None where it has none, or several."""
    lists = lists_of(batch, feature)
    if lists is None:
        return [None] * batch.num_rows
    lengths, starts, values = lists
    return [
        values[start] if length == 1 and isinstance(values[start], bytes) else None
        for length, start in zip(lengths.tolist(), starts.tolist(), strict=True)
    ]
