"""Tokens in TFMA's extracts, and what they add up to on a slice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma

from tfx_explain.metrics.lists import places_of, spread_over, values_at
from tfx_explain.metrics.rows import weight
from tfx_explain.metrics.token_rows import RowTokens, row_tokens
from tfx_explain.metrics.token_sums import TokenSums
from tfx_explain.metrics.wanted_tokens import Wanted
from tfx_explain.storage import columns

TOKENS_KEY = "tfx_explain_tokens"


class Asked(NamedTuple):
    """A feature, and the class that its tokens speak of; empty: the first one of each record."""

    feature: str
    class_name: str

    @property
    def key(self) -> str:
        """Names it among the extracts."""
        return repr(tuple(self))


@dataclass(frozen=True)
class RowSums:
    """What the tokens of a row add up to.

    Attributes:
      is_explained: Whether the feature has an attribution.
      whole: The mass of the tokens and the rest; NaN where the row has no attributions of tokens.
      masses: By token.
      sightings: By token.
    """

    is_explained: bool
    whole: float
    masses: Mapping[bytes, float] = field(default_factory=dict)
    sightings: Mapping[bytes, int] = field(default_factory=dict)


@dataclass
class TokenTotals:
    """What the tokens of a slice add up to.

    Attributes:
      rows: Explained rows with attributions of tokens.
      lacking: Explained rows without.
      part: The mass of the wanted tokens.
      whole: The mass of all tokens and the rest.
      sums: Of the wanted tokens.
    """

    rows: int = 0
    lacking: int = 0
    part: float = 0.0
    whole: float = 0.0
    sums: TokenSums = field(default_factory=TokenSums)

    features: tuple[str, ...] = ()  # As the sums of other metrics have them; the feature's name is held against those.


def token_extracts(
    batch: pa.RecordBatch,
    models: Mapping[str, str],
    asked: Sequence[Asked],
    spread: tuple[np.ndarray, int] | None = None,
) -> dict[str, Any]:
    """Returns a batch's extracts, of each feature and model `RowSums`, object `[rows]`; none without a question.

    Args:
      batch: Attribution records.
      models: `columns.CANDIDATE` or `columns.BASELINE` by the name of the model spec.
      asked: What is asked for.
      spread: Where among how many rows the records are; the others are not explained. None: they are all.
    """
    found: dict[str, dict[str, np.ndarray]] = {}
    for one in asked:
        places = places_of(batch, one.class_name)
        found[one.key] = {
            name: spread_over(_row_sums(batch, model, one.feature, places), spread, RowSums(False, np.nan))
            for name, model in models.items()
        }
    return {TOKENS_KEY: found} if asked else {}


def totals_computation(
    asked: Asked, wanted: Wanted | None, model_name: str, output_name: str, example_weighted: bool, class_name: str
) -> tfma.metrics.MetricComputation:
    """Returns the computation of `TokenTotals`; metrics that want the same share it.

    Args:
      asked: The feature and the class.
      wanted: Which tokens; None: all.
      model_name: Of the model spec; empty where the config has one model.
      output_name: Becomes part of the key.
      example_weighted: Whether example weights apply.
      class_name: The class, which `asked` has, too.
    """
    name = f"_tfx_explain_tokens/{wanted.key if wanted else 'all'}/{asked.key}"
    key = tfma.metrics.MetricKey(name, model_name, output_name, example_weighted=example_weighted)
    return tfma.metrics.MetricComputation(
        keys=[key], preprocessors=[_Preprocessor(key, asked, wanted)], combiner=_Combiner(key)
    )


def _row_sums(batch: pa.RecordBatch, model: str, feature: str, places: np.ndarray) -> np.ndarray:
    explained = np.isfinite(values_at(batch, columns.attribution_column(model, feature), places)).tolist()
    result = np.empty(batch.num_rows, object)
    result[:] = [
        _added_up(is_explained, tokens)
        for is_explained, tokens in zip(explained, row_tokens(batch, model, feature, places), strict=True)
    ]
    return result


def _added_up(is_explained: bool, found: RowTokens | None) -> RowSums:
    if found is None or not is_explained:
        return RowSums(is_explained, np.nan)
    masses: dict[bytes, float] = {}
    sightings: dict[bytes, int] = {}
    for token, mass in zip(found.tokens.tolist(), np.abs(found.values).tolist(), strict=True):
        masses[token] = masses.get(token, 0.0) + mass
        sightings[token] = sightings.get(token, 0) + 1
    return RowSums(True, float(np.abs(found.values).sum() + abs(found.rest)), masses, sightings)


class _Preprocessor(tfma.metrics.Preprocessor):
    """Makes `TokenTotals`' parts of an extract, once, before TFMA hands them to every slice that the row belongs to."""

    def __init__(self, key: tfma.metrics.MetricKey, asked: Asked, wanted: Wanted | None) -> None:
        super().__init__(name=key.name)
        self._key, self._asked, self._wanted = key, asked, wanted

    def process(self, extracts: Mapping[str, Any]) -> Iterator[tuple[RowSums, float]]:
        by_model = extracts[TOKENS_KEY][self._asked.key]
        key = self._key
        row: RowSums = np.asarray(
            by_model[key.model_name if key.model_name in by_model else next(iter(by_model))]
        ).item()
        times = weight(extracts, key.model_name, key.output_name) if key.example_weighted else 1.0
        if row.is_explained:
            masses = row.masses
            if self._wanted is not None:
                masses = {token: mass for token, mass in masses.items() if token in self._wanted}
            yield RowSums(True, row.whole, masses, row.sightings), times


class _Combiner(beam.CombineFn):
    def __init__(self, key: tfma.metrics.MetricKey) -> None:
        self._key = key

    def create_accumulator(self) -> TokenTotals:
        return TokenTotals()

    def add_input(self, accumulator: TokenTotals, weighted: tuple[RowSums, float]) -> TokenTotals:
        row, times = weighted
        if not np.isfinite(row.whole):
            accumulator.lacking += 1
            return accumulator
        accumulator.rows += 1
        accumulator.part += sum(row.masses.values()) * times
        accumulator.whole += row.whole * times
        accumulator.sums.add(row.masses, row.sightings, times)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[TokenTotals]) -> TokenTotals:
        """Adds up in a new one: jackknife hands the same accumulator to several samples."""
        result = TokenTotals()
        for one in accumulators:
            result.rows += one.rows
            result.lacking += one.lacking
            result.part += one.part
            result.whole += one.whole
            result.sums.merge(one.sums)
        return result

    def extract_output(self, accumulator: TokenTotals) -> dict[tfma.metrics.MetricKey, TokenTotals]:
        return {self._key: accumulator}
