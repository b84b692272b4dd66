"""What each token of texts and lists carries, over all rows, in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa

from tfx_explain.metrics.lists import places_of
from tfx_explain.metrics.token_rows import row_tokens
from tfx_explain.metrics.token_sums import TokenSums
from tfx_explain.proto.printable import text_of
from tfx_explain.storage import columns

_TOKENS = 100


@dataclass(frozen=True)
class TokenPart:
    """What one token carries in one model, over its sightings.

    Attributes:
      sightings: How many.
      absolute: Mean absolute attribution.
      mean: Mean attribution.
    """

    sightings: int
    absolute: float
    mean: float


@dataclass(frozen=True)
class Token:
    """A token, by model."""

    token: str
    parts: Mapping[str, TokenPart]


@dataclass(frozen=True)
class TokenTable:
    """The tokens of a feature.

    Attributes:
      rows: In how many rows the candidate's tokens are known.
      tokens: Those with the largest mean absolute attribution in either model, the largest first.
      others: How many more were seen often enough.
      is_bounded: Whether there were too many different tokens to tell all apart, so that those of the least mass were
        forgotten on the way.
    """

    rows: int
    tokens: Sequence[Token]
    others: int
    is_bounded: bool

    def to_dict(self) -> dict[str, Any]:
        """Returns the table as JSON has it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> TokenTable:
        """Returns a table from what `to_dict` made of it."""
        tokens = [
            Token(one["token"], {model: TokenPart(**part) for model, part in one["parts"].items()})
            for one in said["tokens"]
        ]
        return cls(said["rows"], tokens, said["others"], said["is_bounded"])


@dataclass
class TokenTotals:
    """Sums of tokens' attributions; what they come to depends on the order of rows by rounding alone.

    Up to 10,000 different tokens of a feature and model are always told apart, see `TokenSums`.
    """

    _rows: dict[str, int] = field(default_factory=dict)
    _sums: dict[tuple[str, str], TokenSums] = field(default_factory=dict)

    def add(self, batch: pa.RecordBatch, class_name: str) -> None:
        """Adds the tokens of records, of whatever features have some.

        Args:
          batch: The records.
          class_name: Of which class, by name or index; empty: of the first one of each record.
        """
        places = places_of(batch, class_name)
        for model in columns.MODELS:
            for name in columns.tokenized_features(batch.schema.names, model):
                rows = row_tokens(batch, model, name, places)
                known = [row for row in rows if row is not None and row.is_known]
                if model == columns.CANDIDATE:
                    self._rows[name] = self._rows.get(name, 0) + len(known)
                self._of(name, model).add_rows(known)

    def merge(self, other: TokenTotals) -> None:
        """Adds what was added to other sums."""
        for name, rows in other._rows.items():
            self._rows[name] = self._rows.get(name, 0) + rows
        for key, sums in other._sums.items():
            self._of(*key).merge(sums)

    def tables(self) -> dict[str, TokenTable]:
        """Returns the tables of the features whose tokens are known, by name."""
        return {name: self._table(name, rows) for name, rows in sorted(self._rows.items())}

    def _of(self, name: str, model: str) -> TokenSums:
        return self._sums.setdefault((name, model), TokenSums())

    def _table(self, name: str, rows: int) -> TokenTable:
        parts: dict[bytes, dict[str, TokenPart]] = {}
        by_model = {model: self._sums[name, model] for model in columns.MODELS if (name, model) in self._sums}
        for model, sums in by_model.items():
            for token, (sightings, mass, signed) in sums.known().items():
                parts.setdefault(token, {})[model] = TokenPart(sightings, mass / sightings, signed / sightings)
        order = sorted(parts, key=lambda token: (-max(part.absolute for part in parts[token].values()), token))
        tokens = [Token(text_of(token), parts[token]) for token in order[:_TOKENS]]
        is_bounded = any(sums.error > 0 for sums in by_model.values())
        return TokenTable(rows, tokens, max(0, len(order) - _TOKENS), is_bounded)
