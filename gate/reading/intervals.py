"""Which confidence intervals count: resampling a few rows, or equal ones, says nothing of rows that weren't seen."""

from __future__ import annotations

import math
from collections.abc import Collection

import tensorflow_model_analysis as tfma
from scipy import special

from tfx_explain.gate.bounds import Interval
from tfx_explain.gate.reading.evaluations import SliceMetrics, Slices

# TFMA splits a slice into as many parts. With fewer rows, some of them are empty.
FEWEST_ROWS = 20
_TAIL = 0.025
# Of a proportion in float32.
_ROUNDING = 1e-6


def sound_intervals(slices: Slices, counts: Collection[str], proportions: Collection[str]) -> None:
    """Drops the confidence intervals that say nothing, or puts a binomial one in their place.

    An interval counts if its ends are numbers, the lower one first and not the same, and if the slice has at least
    `FEWEST_ROWS` rows, where an evaluation counts them. A proportion of all rows has the exact binomial interval
    (Clopper and Pearson, 1934) of their number instead: near 0 and 1 a resampled one is too narrow.

    Args:
      slices: Metrics by slice; their intervals are changed.
      counts: Names of the metrics that are numbers of rows.
      proportions: Names of the metrics that are proportions of all rows.
    """
    for metrics in slices.values():
        if not metrics.intervals:
            continue
        found = [value for key, value in metrics.values.items() if key.name in counts and not key.is_diff]
        rows = min(found, default=None)
        intervals = {
            key: _sound(key, interval, metrics, rows, proportions) for key, interval in metrics.intervals.items()
        }
        metrics.intervals = {key: interval for key, interval in intervals.items() if interval is not None}


def _sound(
    key: tfma.metrics.MetricKey,
    interval: Interval,
    metrics: SliceMetrics,
    rows: float | None,
    proportions: Collection[str],
) -> Interval | None:
    low, high = interval
    if math.isnan(low) or math.isnan(high) or (rows is not None and rows < FEWEST_ROWS):
        return None
    resampled = interval if low < high else None
    is_proportion = key.name in proportions and not key.is_diff and not key.example_weighted
    if not is_proportion or rows is None or key.aggregation_type is not None:
        return resampled
    return _binomial(metrics.values[key], rows) or resampled


def _binomial(value: float, rows: float) -> Interval | None:
    """Returns the exact 95% interval of a proportion; None of a number that isn't one of so many rows."""
    hits = value * rows
    if not 0 <= value <= 1 or abs(hits - round(hits)) > _ROUNDING * rows:
        return None
    hits = round(hits)
    low = special.betaincinv(hits, rows - hits + 1, _TAIL) if hits else 0.0
    high = special.betaincinv(hits + 1, rows - hits, 1 - _TAIL) if hits < rows else 1.0
    return float(low), float(high)
