"""Values that no evaluation can have found: out of their metric's range, or at odds with each other."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.slicer import slicer_lib

from tfx_explain.gate.ranges import ANY, Span, change_span, value_span
from tfx_explain.gate.reading.evaluations import Slices, keys_of
from tfx_explain.gate.saying.digits import number
from tfx_explain.gate.slices import printed

# Values of 32 bits, and sums in another order.
_ROUNDING = 1e-6
# What TFMA adds to every evaluation, whatever the gate's config names.
COUNTS = ("example_count", "weighted_example_count")


def verify_possible(slices: Slices, metrics: Mapping[str, metric_types.Metric]) -> None:
    """Holds values against what they can be, and differences against the two values that they are of.

    Args:
      slices: By slice, what an evaluation says.
      metrics: By name, the metrics whose class is known.

    Raises:
      ValueError: A value can't be.
    """
    keys = keys_of(slices)
    spans, sides = {key: _span(key, metrics) for key in keys}, _sides(keys)
    for slice_key, on_slice in slices.items():
        # A cross-slice has differences between two slices.
        if slicer_lib.is_cross_slice_key(slice_key):
            continue
        for key, value in on_slice.values.items():
            said = _outside(key, value, spans[key])
            if key in sides and not said:
                said = _contradiction(value, *map(on_slice.values.get, sides[key]))
            if said:
                raise ValueError(f"{key.name} on {printed(slice_key)} {said}")


def _span(key: tfma.metrics.MetricKey, metrics: Mapping[str, metric_types.Metric]) -> Span:
    if key.name in COUNTS:
        return ANY if key.is_diff else (0.0, math.inf)
    metric = metrics.get(str(key.name))
    return change_span(metric) if key.is_diff else value_span(metric)


def _outside(key: tfma.metrics.MetricKey, value: float, span: Span) -> str:
    """Says that a value can't be; nothing of one that can."""
    low, high = span
    if math.isnan(value):
        return "is not a number (NaN), which no count is" if key.name in COUNTS and not key.is_diff else ""
    if low - _ROUNDING <= value <= high + _ROUNDING:
        return ""
    what = "a change" if key.is_diff else "it"
    bound = f"less than {number(low)}" if value < low else f"more than {number(high)}"
    return f"is {number(value)}, but {what} can't be {bound}"


def _sides(
    keys: Collection[tfma.metrics.MetricKey],
) -> dict[tfma.metrics.MetricKey, tuple[tfma.metrics.MetricKey, ...]]:
    """Returns, by each difference of two models, the keys of the candidate's and the baseline model's value."""
    models = {key.model_name for key in keys}
    sides = {key: key._replace(is_diff=False) for key in keys if key.is_diff}
    return {
        key: (own, own._replace(model_name=next(iter(models - {key.model_name}))))
        for key, own in sides.items()
        if len(models - {key.model_name}) == 1
    }


def _contradiction(change: float, candidate: float | None, baseline: float | None) -> str:
    """Says that a change isn't the difference of the values that it is of; nothing of one that is."""
    if candidate is None or baseline is None:
        return ""
    expected = candidate - baseline
    if expected == change or (math.isnan(expected) and math.isnan(change)):
        return ""
    if abs(change - expected) <= _ROUNDING * max(abs(candidate), abs(baseline)):
        return ""
    return f"changed by {number(change)}, but its two values are {number(baseline)} and {number(candidate)}"
