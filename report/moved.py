"""Where a feature's attributions changed most: a search over slices of raw features, alone and in pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.stats

from tfx_explain.report.records import ATTRIBUTION
from tfx_explain.report.slicing import MIN_ROWS, Slice
from tfx_explain.storage import columns

_SINGLES = 200  # That are combined in pairs, if there are more.
_SHOWN = 3
_ALIKE = 0.5  # Rows in common by rows in the smaller one: slices above say the same.
_SIGNIFICANT = 0.05
_ROUNDING = 1e-6  # Of the size of the attributions, which are float32: no difference is told apart better.


@dataclass(frozen=True)
class Place:
    """A slice in which a feature's attributions changed.

    Attributes:
      title: Of the slice: "sex:Male, hours-per-week at least 45".
      rows: The rows of the sample in it.
      change: Mean change of the feature's absolute attribution there, candidate minus baseline model.
      elsewhere: The same over the other rows.
      p_value: Of no difference between the two, by Welch's t-test, times the number of slices that could have been
        chosen (Bonferroni); at most 1.
    """

    title: str
    rows: int
    change: float
    elsewhere: float
    p_value: float


@dataclass(frozen=True)
class Moved:
    """Where a feature's attributions changed most.

    Attributes:
      feature: The feature.
      change: Mean change of its absolute attribution over the whole sample.
      places: The slices, those told apart most clearly first; none if nothing is significant.
      tried: How many slices could have been chosen.
    """

    feature: str
    change: float
    places: Sequence[Place]
    tried: int


def where_moved(sample: pd.DataFrame, slices: Sequence[Slice], feature: str) -> Moved | None:
    """Searches the slices, and all pairs of slices of different features, for the greatest changes.

    Slices whose change is greater than that of the other rows are ordered by Welch's t: a large change on few rows
    counts as much as a smaller one on many. A slice that shares more than half of its
    rows, or of theirs, with one before is passed over. Rows count as independent.

    Args:
      sample: As `read_attributions` gives it.
      slices: Slices of it.
      feature: The feature; one that a model lacks has the attribution 0 there.

    Returns:
      The places; None without a baseline model.
    """
    sizes = [_sizes(sample, model, feature) for model in columns.MODELS]
    if columns.BASELINE not in sample.columns.get_level_values(0):
        return None
    change = sizes[0] - sizes[1]
    known = np.isfinite(change)
    change = change[known]
    least = _ROUNDING * float((sizes[0] + sizes[1])[known].mean()) if known.any() else 0.0
    masks = np.stack([one.rows for one in slices])[:, known] if slices else np.zeros((0, len(change)), bool)
    tried = len(slices) + _pairs(slices)
    mean = float(change.mean()) if len(change) else 0.0
    return Moved(feature, mean, list(_places(change, masks, slices, tried, least)), tried)


def _sizes(sample: pd.DataFrame, model: str, feature: str) -> np.ndarray:
    column = (model, ATTRIBUTION, feature)
    return np.abs(sample[column].to_numpy(np.float64)) if column in sample.columns else np.zeros(len(sample))


def _pairs(slices: Sequence[Slice]) -> int:
    """Returns how many pairs of slices there are that are not of one feature."""
    _, counts = np.unique([one.feature for one in slices], return_counts=True)
    return (len(slices) ** 2 - int((counts**2).sum())) // 2


def _places(
    change: np.ndarray, masks: np.ndarray, slices: Sequence[Slice], tried: int, least: float
) -> Iterator[Place]:
    """Yields the places that are told apart most clearly."""
    if not len(masks) or len(change) < 2 * MIN_ROWS:
        return
    best, ts, freedom = _pairs_of_best(change, masks, [one.feature for one in slices], least)
    taken: list[np.ndarray] = []
    for flat in np.argsort(-ts, axis=None, kind="stable").tolist():
        i, j = divmod(flat, len(best))
        p_value = float(min(2 * scipy.stats.t.sf(ts[i, j], freedom[i, j]) * tried, 1.0))
        if len(taken) == _SHOWN or not ts[i, j] or not p_value < _SIGNIFICANT:
            return
        rows = masks[best[i]] & masks[best[j]]
        if any((rows & other).sum() > _ALIKE * min(rows.sum(), other.sum()) for other in taken):
            continue
        taken.append(rows)
        title = ", ".join(dict.fromkeys(slices[best[k]].title for k in (i, j)))
        yield Place(title, int(rows.sum()), float(change[rows].mean()), float(change[~rows].mean()), p_value)


def _pairs_of_best(
    change: np.ndarray, masks: np.ndarray, features: Sequence[str], least: float
) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Combines the best slices.

    Returns:
      Which slices these are; Welch's |t| of each pair, of a slice alone on the diagonal, and 0 where there is no such
      pair or the change is not the greater one, float64 `[best, best]`; and the degrees of freedom.
    """
    # Sums of squares of centred numbers don't cancel.
    mean = change.mean()
    centred = (change - mean).astype(np.float64)
    alone, _ = _welch(masks.sum(axis=1), masks @ centred, masks @ centred**2, centred, least)
    best = np.argsort(-np.abs(alone), kind="stable")[:_SINGLES]
    chosen = masks[best].astype(np.float64)
    rows, sums, squares = ((chosen * weight) @ chosen.T for weight in (np.ones_like(centred), centred, centred**2))
    ts, freedom = _welch(rows, sums, squares, centred, least)
    inside, outside = mean + sums / np.maximum(rows, 1), mean - sums / np.maximum(len(centred) - rows, 1)
    names = np.array(features, object)[best]
    is_slice = np.triu(names[:, np.newaxis] != names) | np.eye(len(best), dtype=bool)
    return best.tolist(), np.where(is_slice & (np.abs(inside) > np.abs(outside)), np.abs(ts), 0.0), freedom


def _welch(
    rows: np.ndarray, sums: np.ndarray, squares: np.ndarray, centred: np.ndarray, least: float
) -> tuple[np.ndarray, np.ndarray]:
    """Returns Welch's t of slices against their rest, and its degrees of freedom; 0 and 1 of slices that are too small.

    Args:
      rows: How many rows slices have, any shape.
      sums: Of their values, the same shape.
      squares: Of their squared values, the same shape.
      centred: All values, which add up to 0, float64 `[all rows]`.
      least: The smallest standard error: a slice whose rows all changed alike stands out, and has no spread.
    """
    others = len(centred) - rows
    enough = (rows >= MIN_ROWS) & (others >= MIN_ROWS)
    rows, others = np.where(enough, rows, 2.0), np.where(enough, others, 2.0)
    means = sums / rows, -sums / others
    variances = [
        np.maximum(square - count * mean**2, 0) / (count - 1) / count
        for square, count, mean in ((squares, rows, means[0]), (centred @ centred - squares, others, means[1]))
    ]
    spread = variances[0] + variances[1]
    spread = np.maximum(spread, least**2)
    enough &= spread > 0
    spread = np.where(enough, spread, 1.0)
    ts = np.where(enough, (means[0] - means[1]) / np.sqrt(spread), 0.0)
    parts = variances[0] ** 2 / (rows - 1) + variances[1] ** 2 / (others - 1)
    most = rows + others - 2
    freedom = np.minimum(np.divide(spread**2, parts, out=most.copy(), where=parts > 0), most)
    return ts, np.where(enough, freedom, 1.0)
