"""Pictures of single features: how attributions are distributed, and how they depend on the feature's value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfx_explain.report.records import ATTRIBUTION, ROW, VALUE, as_numbers
from tfx_explain.report.svg import Cloud, path, piled, placed
from tfx_explain.storage import columns

POINTS = 400
_CATEGORIES = 8
_THIRDS = (1 / 3, 2 / 3)
_NAMED = 2


@dataclass(frozen=True)
class Distribution:
    """The candidate's attributions of a feature, a point a row, in up to three groups by the feature's value.

    Attributes:
      feature: The feature.
      cloud: The points, a path a group.
      groups: By path what values it has, for people, and its look: thirds of numbers, the two commonest texts and all
        others; one group without a name where the records lack values.
    """

    feature: str
    cloud: Cloud
    groups: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Dependence:
    """Attributions of a feature over its value.

    Attributes:
      feature: The feature.
      models: What the cloud's paths are of, "candidate" and "baseline".
      cloud: The points.
      left_out: How many rows have a value that is not among the commonest.
    """

    feature: str
    models: Sequence[str]
    cloud: Cloud
    left_out: int


def distributions(sample: pd.DataFrame, features: Sequence[str]) -> Iterator[Distribution]:
    """Yields a picture of each feature that has attributions in the candidate, of the first rows of a sample."""
    rows = sample.head(POINTS)
    for feature in features:
        attributions = _attributions(rows, columns.CANDIDATE, feature)
        finite = np.isfinite(attributions)
        if not finite.any():
            continue
        found = attributions[finite]
        low, high = float(found.min()), float(found.max())
        x = placed(found, low, high)
        groups, names = _groups(rows.loc[finite], feature)
        y = piled(x)
        paths = [path(x[groups == group], y[groups == group]) for group in range(len(names))]
        ticks = [(f"{low:.3g}", 0.0), (f"{high:.3g}", 1.0)]
        yield Distribution(feature, Cloud(paths, ticks, np.nan, np.nan, _zero(low, high)), names)


def dependence(sample: pd.DataFrame, feature: str) -> Dependence | None:
    """Returns a picture of a feature, of the first rows of a sample; None if the records lack its values,
    or no two texts or lists of them are the same."""
    rows = sample.head(POINTS)
    if (ROW, VALUE, feature) not in rows.columns:
        return None
    x, ticks = _axis(pd.Series(rows[ROW, VALUE, feature]))
    found = {model: _attributions(rows, model, feature) for model in columns.MODELS}
    found = {model: values for model, values in found.items() if np.isfinite(values).any()}
    there = {model: np.isfinite(values) & np.isfinite(x) for model, values in found.items()}
    if not any(known.any() for known in there.values()):
        return None
    every = np.concatenate([values[there[model]] for model, values in found.items()])
    low, high = float(every.min()), float(every.max())
    paths = [path(x[there[model]], placed(values[there[model]], low, high)) for model, values in found.items()]
    cloud = Cloud(paths, ticks, low, high, _zero(low, high))
    return Dependence(feature, list(found), cloud, int(np.isnan(x).sum()))


def _attributions(rows: pd.DataFrame, model: str, feature: str) -> np.ndarray:
    column = (model, ATTRIBUTION, feature)
    return rows[column].to_numpy(np.float64) if column in rows.columns else np.full(len(rows), np.nan)


def _zero(low: float, high: float) -> float | None:
    return -low / (high - low) if low <= 0 <= high and high > low else None


def _groups(rows: pd.DataFrame, feature: str) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """Returns the group that each row is in by its value, int `[rows]`, and the groups' names and looks."""
    column = (ROW, VALUE, feature)
    raw = pd.Series(rows[column]) if column in rows.columns else pd.Series(np.nan, rows.index)
    if not raw.notna().to_numpy().any():
        return np.zeros(len(rows), int), [("", "plain")]
    if pd.api.types.is_numeric_dtype(raw):
        values = raw.to_numpy(np.float64)
        known = values[np.isfinite(values)]
        low, high = np.quantile(known, _THIRDS).tolist() if len(known) else (0.0, 0.0)
        shown = [f"{edge:,.0f}" if abs(edge) >= 1000 else f"{edge:.4g}" for edge in (low, high)]
        names = [f"up to {shown[0]}", f"up to {shown[1]}", f"above {shown[1]}", "missing"]
        groups = np.where(np.isnan(values), 3, np.searchsorted([low, high], values))
        return groups, list(zip(names, ("low", "middle", "high", "plain"), strict=True))
    texts, commonest = _commonest(raw)
    names = commonest[:_NAMED]
    if not names:
        return np.zeros(len(rows), int), [("", "plain")]
    groups = np.select([texts == name for name in names], range(len(names)), _NAMED)
    looks = [*zip(names, ("low", "high"), strict=False)]
    return groups, [*looks, *[("", "plain")] * (_NAMED - len(looks)), ("others", "middle")]


def _axis(values: pd.Series) -> tuple[np.ndarray, list[tuple[str, float]]]:
    """Returns where values stand on an axis, from 0 to 1, NaN if nowhere, and the names of places on it."""
    if pd.api.types.is_numeric_dtype(values):
        numbers = as_numbers(values)
        if np.isnan(numbers).all():
            return numbers, []
        low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
        return placed(numbers, low, high), [(f"{low:.6g}", 0.0), (f"{high:.6g}", 1.0)]
    texts, commonest = _commonest(values)
    names = sorted(commonest)
    places = {name: (index + 0.5) / len(names) for index, name in enumerate(names)}
    # Spread within a category, by the order of the rows, so that points don't lie on each other.
    spread = (np.arange(len(texts)) % 11 - 5) / 10 * 0.6 / max(len(names), 1)
    return texts.map(places).to_numpy(np.float64) + spread, [(name, places[name]) for name in names]


def _commonest(values: pd.Series) -> tuple[pd.Series, list[str]]:
    """Returns values as texts, and the commonest of these; none where no two rows have the same, as of embeddings."""
    texts = values.map(str, na_action="ignore")
    counts = sorted(texts.value_counts().items(), key=lambda item: (-item[1], str(item[0])))
    if len(counts) > _CATEGORIES and counts[0][1] == 1:
        return texts, []
    return texts, [str(name) for name, _ in counts[:_CATEGORIES]]
