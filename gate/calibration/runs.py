"""Runs: what the attributions of sound models add up to, slice by slice, and how far that depends on the rows."""

from __future__ import annotations

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from tfx_explain.gate.slices import SliceKey
from tfx_explain.metrics.agreement import cosines
from tfx_explain.metrics.extractor import model_rows
from tfx_explain.metrics.lists import places_of
from tfx_explain.metrics.naming import positions, unknown_name
from tfx_explain.metrics.token_rows import row_tokens
from tfx_explain.metrics.token_sums import TokenSums
from tfx_explain.proto.printable import text_of
from tfx_explain.storage import columns

RESAMPLES = 200
_MOST_SLICES = 1000

Slices = Sequence[Sequence[str]]


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """One model's attributions of some rows.

    Attributes:
      name: For people.
      features: Names, sorted.
      rows: Number of explained rows, by slice.
      shares: Of the features in the total absolute attribution, by slice, float64 `[features]`; NaN where that is 0.
      noise: By slice, the variance that comes from which rows were explained, of the shares and of their cube roots,
        float64 `[2, features]`.
      model: The model's fingerprint; empty where nothing tells it.
      explained: What was explained, as far as something tells: the places of the examples, and the split.
    """

    name: str
    features: tuple[str, ...]
    rows: Mapping[SliceKey, int]
    shares: Mapping[SliceKey, np.ndarray]
    noise: Mapping[SliceKey, np.ndarray]
    model: str = ""
    explained: tuple[str, ...] = ()

    def places(self, features: Sequence[str]) -> list[int]:
        """Returns where some features are among the run's."""
        places = positions(self.features)
        return [places[feature] for feature in features]


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """Two models' attributions of the same rows.

    Attributes:
      name: For people.
      agreement: Mean cosine between the models' attributions, by slice.
      importances: Sums of absolute attributions by slice, float64 `[2, features of either]`, the candidate's first.
      tokens: By feature, the importances of tokens, of the candidate and of the baseline model.
    """

    name: str
    agreement: Mapping[SliceKey, float]
    importances: Mapping[SliceKey, np.ndarray]
    tokens: Mapping[str, tuple[Mapping[bytes, float], Mapping[bytes, float]]]


class Sums:
    """Adds up the records of one directory: for each model, and for both together."""

    def __init__(self, slices: Slices, class_name: str = "", seed: int = 0) -> None:
        """Initializes sums over no record.

        Args:
          slices: Features to slice by, each alone or some together; the whole is always among the slices.
          class_name: The class; empty: the first one of each record.
          seed: Of the resamples.
        """
        self._slices, self._class_name = slices, class_name
        self._generator = np.random.default_rng(seed)
        self._features: dict[str, tuple[str, ...]] = {}
        self._rows: dict[str, dict[SliceKey, int]] = {model: defaultdict(int) for model in columns.MODELS}
        # Of the rows, then of resamples of them: float64 `[1 + RESAMPLES, features]`.
        self._sums: dict[str, dict[SliceKey, np.ndarray]] = {model: {} for model in columns.MODELS}
        self._agreement: dict[SliceKey, np.ndarray] = {}
        self._tokens: dict[str, dict[str, TokenSums]] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        """Adds records.

        Raises:
          ValueError: They lack a feature that is sliced by, or are of other features than those before.
        """
        found = {}
        for model in columns.MODELS:
            features = columns.attributed_features(batch.schema.names, model)
            if self._features.setdefault(model, features) != features:
                odd = sorted(set(features) ^ set(self._features[model]))
                raise ValueError(f"its records disagree about their features: {', '.join(odd)} are in some only")
            if features:
                found[model] = model_rows(batch, model, features, self._class_name)
        # Poisson's bootstrap: how often each row is in each resample, after a first one that has each row once.
        counts = self._generator.poisson(1.0, (1 + RESAMPLES, batch.num_rows)).astype(np.float64)
        counts[0] = 1.0
        for slice_key, is_in in memberships(batch, self._slices):
            for model, rows in found.items():
                chosen = is_in & rows.explained
                self._rows[model][slice_key] += int(chosen.sum())
                added = counts[:, chosen] @ np.abs(rows.attributions[chosen])
                before = self._sums[model].get(slice_key)
                self._sums[model][slice_key] = added if before is None else before + added
            if len(found) == len(columns.MODELS):
                chosen = is_in & np.logical_and.reduce([rows.explained for rows in found.values()])
                both = (self._everywhere(model, found[model].attributions[chosen]) for model in columns.MODELS)
                added = np.array([chosen.sum(), cosines(*both).sum()])
                self._agreement[slice_key] = self._agreement.get(slice_key, 0.0) + added

        if len(found) == len(columns.MODELS):
            self._add_tokens(batch)

    def _add_tokens(self, batch: pa.RecordBatch) -> None:
        """Adds the tokens of features of which both models' records have some."""
        places = places_of(batch, self._class_name)
        names = [columns.tokenized_features(batch.schema.names, model) for model in columns.MODELS]
        for name in sorted(set.intersection(*map(set, names))):
            for model, sums in self._tokens.setdefault(name, {m: TokenSums() for m in columns.MODELS}).items():
                rows = row_tokens(batch, model, name, places)
                sums.add_rows([row for row in rows if row is not None and row.is_known])

    def run(self, model: str, name: str, fingerprint: str = "", explained: tuple[str, ...] = ()) -> Run | None:
        """Returns what was added of `columns.CANDIDATE` or `columns.BASELINE`; None where there is nothing."""
        if not any(self._rows[model].values()):
            return None
        shares, noise = {}, {}
        for slice_key, sums in self._sums[model].items():
            total = sums.sum(axis=1, keepdims=True)
            found = np.divide(sums, total, out=np.full_like(sums, np.nan), where=total > 0)
            shares[slice_key] = found[0]
            # A resample without any row that has an attribution says nothing.
            known = found[1:][total[1:, 0] > 0]
            noise[slice_key] = np.stack([known.var(axis=0), np.cbrt(known).var(axis=0)])
        return Run(name, self._features[model], dict(self._rows[model]), shares, noise, fingerprint, explained)

    def comparison(self, name: str) -> Comparison | None:
        """Returns what both models together came to; None where the records are of one."""
        agreement = {key: float(total / rows) for key, (rows, total) in self._agreement.items() if rows}
        importances = {
            key: np.stack([self._everywhere(model, self._sums[model][key][:1])[0] for model in columns.MODELS])
            for key in agreement
        }
        tokens = {
            feature: (sums[columns.CANDIDATE].importances(), sums[columns.BASELINE].importances())
            for feature, sums in self._tokens.items()
        }
        return Comparison(name, agreement, importances, tokens) if agreement else None

    def _everywhere(self, model: str, values: np.ndarray) -> np.ndarray:
        """Returns values of a model's features, `[some, features]`, as those of either model's features."""
        every = sorted({name for features in self._features.values() for name in features})
        places, result = positions(every), np.zeros((len(values), len(every)))
        result[:, [places[feature] for feature in self._features[model]]] = values
        return result


def memberships(batch: pa.RecordBatch, slices: Slices) -> Iterator[tuple[SliceKey, np.ndarray]]:
    """Yields the whole and each slice of some records, with which of them are in it, bool `[rows]`.

    Raises:
      ValueError: There is no such feature, or it has too many values to slice by.
    """
    yield (), np.ones(batch.num_rows, bool)
    by_value = {name: _by_value(batch, name) for name in sorted({name for keys in slices for name in keys})}
    for keys in dict.fromkeys(tuple(sorted(set(keys))) for keys in slices if keys):
        for chosen in itertools.product(*(by_value[name].items() for name in keys)):
            is_in = np.logical_and.reduce([rows for _, rows in chosen])
            if is_in.any():
                yield tuple(zip(keys, (value for value, _ in chosen), strict=True)), is_in


def _by_value(batch: pa.RecordBatch, name: str) -> dict[str | int | float, np.ndarray]:
    """Returns which rows have each value of a feature; a row with several values has each of them."""
    if name not in batch.schema.names:
        known = [one for one in batch.schema.names if not columns.is_explanation_column(one)]
        raise ValueError(f"its records have an {unknown_name('feature', name, known)} to slice by")
    column = batch.column(batch.schema.get_field_index(name))
    if pa.types.is_null(column.type):
        return {}
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(batch.num_rows), lengths)
    encoded = column.flatten().dictionary_encode()
    codes, values = encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()
    if len(values) > _MOST_SLICES:
        raise ValueError(f"it has more than {_MOST_SLICES} slices by {name!r}; slice by features of fewer values")
    result: dict[str | int | float, np.ndarray] = {}
    for code, value in enumerate(values):
        is_in = np.zeros(batch.num_rows, bool)
        is_in[rows[codes == code]] = True
        result[text_of(value) if isinstance(value, bytes) else value] = is_in
    return result
