"""Sentences about thresholds, for people who must find out why a model was not promoted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import tensorflow_model_analysis as tfma
from google.protobuf import text_format
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.metrics.naming import unknown_name

if TYPE_CHECKING:
    from tfx_explain.components.threshold_validator.verdict import Check

Threshold: TypeAlias = "config_pb2.GenericValueThreshold | config_pb2.GenericChangeThreshold"
SlicingSpec: TypeAlias = "config_pb2.SlicingSpec | config_pb2.CrossSlicingSpec"

VALUE, CHANGE = "value", "change"
RATIO = "RATIO"


def number(value: float) -> str:
    """Returns a number with six significant digits."""
    return f"{value:.6g}"


def bounds_of(threshold: Threshold) -> dict[str, float]:
    """Returns a threshold's bounds by their names in the config."""
    names = ("lower_bound", "upper_bound")
    if isinstance(threshold, config_pb2.GenericChangeThreshold):
        names = ("absolute", "relative")
    return {name: getattr(threshold, name).value for name in names if threshold.HasField(name)}


def describe_slice(spec: SlicingSpec | None) -> str:
    """Returns a slicing spec as the config has it, on one line."""
    text = text_format.MessageToString(spec, as_one_line=True) if spec is not None else ""
    return text or "Overall"


def sentence(check: Check) -> str:
    """Says where a metric stands against a threshold that it was held against."""
    value = check.change if check.kind == CHANGE else check.observed
    assert value is not None  # Without a value, the check says why.
    if not check.direction and check.kind == CHANGE and check.bounds:
        return (
            f"{check.metric} on {check.slice} changed by {number(value)}, but its threshold has no direction, so that "
            "no change can pass; set HIGHER_IS_BETTER or LOWER_IS_BETTER"
        )
    said = _change(check, value) if check.kind == CHANGE else _value(check, value)
    return f"{said}; allowed: {check.allowed}{_remark(check, value)}"


def no_slice(check: Check) -> str:
    """Says that no slice matches a threshold's slicing spec."""
    return f"{check.metric} was not checked on {check.slice}: no such slice was found (allowed: {check.allowed})"


def no_interval(check: Check) -> str:
    """Says that a threshold fails for want of a confidence interval."""
    return (
        f"{check.metric} on {check.slice} has no confidence interval, which REQUIRE_SIGNIFICANT_PASS holds against the "
        "bound; set compute_confidence_intervals in the EvalConfig of the node that computes the metric "
        f"(allowed: {check.allowed})"
    )


def not_asked(check: Check, why: str) -> str:
    """Says why a threshold was not asked."""
    return f"{check.metric} on {check.slice} was not asked, because {why}"


def not_found(check: Check, why: str) -> str:
    """Says that there is no value to hold against a threshold.

    Args:
      check: Of the threshold.
      why: A clause of `why_not_found`.
    """
    return f"{check.metric} on {check.slice} was not found: {why} (allowed: {check.allowed})"


def why_not_found(
    key: tfma.metrics.MetricKey, present: Mapping[tfma.metrics.MetricKey, float], is_elsewhere: bool
) -> str:
    """Says what is there instead of a metric.

    Args:
      key: The metric that is missing.
      present: What is there on the slice.
      is_elsewhere: Whether the metric is there on other slices.
    """
    if is_elsewhere:
        return "it is there on other slices only; give the node that computes it the same slicing_specs"
    models = {k.model_name for k in present if k.name == key.name}
    of_model = {k.name for k in present if k.model_name == key.model_name}
    if key.name not in of_model and models:
        return f"it is there for other models only: {unknown_name('model', key.model_name, models)}"
    if key.name not in of_model:
        return unknown_name("metric", key.name, of_model)
    if key.is_diff and not any(k.name == key.name and k.is_diff for k in present):
        return "it has no value for the baseline model there; give the same baseline model to the node that computes it"
    return f"it is there only with another output, class or weighting: {_others(key, present)}"


def _others(key: tfma.metrics.MetricKey, present: Iterable[tfma.metrics.MetricKey]) -> str:
    same = [k._replace(name="", model_name="", is_diff=False) for k in present if k.name == key.name]
    return " or ".join(sorted({str(k) or "none" for k in same}))


def allowed(threshold: Threshold, bounds: Mapping[str, float], relative_change: str) -> str:
    """Returns what a threshold allows: "from 0.1 to 0.2", "a change of at most 0.1".

    Args:
      threshold: The threshold.
      bounds: Its bounds, as the config has them.
      relative_change: How `relative` is read there.
    """
    shown = {name: number(bound) for name, bound in bounds.items()}
    if isinstance(threshold, config_pb2.GenericValueThreshold):
        if len(shown) == 2:
            return f"from {shown['lower_bound']} to {shown['upper_bound']}"
        if "lower_bound" in shown:
            return f"at least {shown['lower_bound']}"
        return f"at most {shown['upper_bound']}" if shown else "any number"
    side = "at least" if threshold.direction == config_pb2.MetricDirection.HIGHER_IS_BETTER else "at most"
    parts = [f"a change of {side} {shown['absolute']}"] if "absolute" in shown else []
    if "relative" in shown:
        what = "a value" if relative_change == RATIO else "a change"
        parts.append(f"{what} of {side} {shown['relative']} times the baseline model's value")
    return " and ".join(parts) or "any change"


def _value(check: Check, value: float) -> str:
    if math.isnan(value):
        return f"{check.metric} on {check.slice} is not a number (NaN), which no threshold accepts"
    if math.isinf(value):
        return f"{check.metric} on {check.slice} is infinite, which no threshold accepts"
    return f"{check.metric} on {check.slice} is {number(value)}"


def _change(check: Check, change: float) -> str:
    where = f"{check.metric} on {check.slice}"
    for whose, value in (("the baseline model's", check.baseline), ("its", check.observed), ("its", change)):
        if value is not None and not math.isfinite(value):
            what = "not a number (NaN)" if math.isnan(value) else "infinite"
            return f"{where} has no change: {whose} value is {what}"
    if check.baseline is None:
        return f"{where}, against the baseline model, is {number(change)}"
    return f"{where} changed by {number(change)} from {number(check.baseline)} to {number(check.baseline + change)}"


def _remark(check: Check, value: float) -> str:
    """Returns what else decided: a baseline of 0, or the confidence interval."""
    if "relative" in check.bounds and check.baseline == 0 and math.isfinite(value):
        return ", and a baseline value of 0 has no relative change"
    if check.interval is not None:
        low, high = map(number, check.interval)
        return f" (95% confidence interval from {low} to {high})"
    return ""
