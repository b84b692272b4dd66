"""Sentences about thresholds, for people who must find out why a model was not promoted."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping
from typing import TypeAlias

import tensorflow_model_analysis as tfma
from google.protobuf import text_format
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.metrics.naming import unknown_name

Threshold: TypeAlias = "config_pb2.GenericValueThreshold | config_pb2.GenericChangeThreshold"
SlicingSpec: TypeAlias = "config_pb2.SlicingSpec | config_pb2.CrossSlicingSpec"


def number(value: float) -> str:
    """Returns a number with six significant digits."""
    return f"{value:.6g}"


def bounds_of(threshold: Threshold) -> dict[str, float]:
    """Returns a threshold's bounds by their names in the config."""
    names = ("lower_bound", "upper_bound")
    if isinstance(threshold, config_pb2.GenericChangeThreshold):
        names = ("absolute", "relative")
    return {name: getattr(threshold, name).value for name in names if threshold.HasField(name)}


def allowed(threshold: Threshold) -> str:
    """Returns what a threshold allows: "from 0.1 to 0.2", "a change of at most 0.1"."""
    bounds = bounds_of(threshold)
    if isinstance(threshold, config_pb2.GenericChangeThreshold):
        least = threshold.direction == config_pb2.MetricDirection.HIGHER_IS_BETTER
        side = "at least" if least else "at most"
        parts = [f"{number(bounds['absolute'])}"] if "absolute" in bounds else []
        parts += [f"{number(bounds['relative'])} times the baseline model's value"] if "relative" in bounds else []
        return f"a change of {side} " + f" and {side} ".join(parts) if parts else "any change"
    if len(bounds) == 2:
        return f"from {number(bounds['lower_bound'])} to {number(bounds['upper_bound'])}"
    if "lower_bound" in bounds:
        return f"at least {number(bounds['lower_bound'])}"
    return f"at most {number(bounds['upper_bound'])}" if bounds else "any number"


def describe_slice(spec: SlicingSpec | None) -> str:
    """Returns a slicing spec as the config has it, on one line."""
    text = text_format.MessageToString(spec, as_one_line=True) if spec is not None else ""
    return text or "Overall"


def sentence(
    key: tfma.metrics.MetricKey,
    where: str,
    threshold: Threshold,
    metrics: Mapping[tfma.metrics.MetricKey, float],
    baseline: float | None,
    anywhere: Container[tfma.metrics.MetricKey] = (),
) -> str:
    """Says where a metric stands against a threshold.

    Args:
      key: What the threshold is for.
      where: The slice.
      threshold: The threshold.
      metrics: Every metric of the slice.
      baseline: The baseline model's value, where it is known.
      anywhere: The metrics of all slices.
    """
    value = metrics.get(key)
    if value is None and key in anywhere:
        return (
            f"{key.name} on {where} was not found: it is there on other slices only; give the node that computes it "
            f"the same slicing_specs (allowed: {allowed(threshold)})"
        )
    if value is None:
        return _not_found(key, where, threshold, metrics)
    if isinstance(threshold, config_pb2.GenericChangeThreshold):
        return _change(key.name, where, threshold, value, baseline)
    if math.isnan(value):
        return f"{key.name} on {where} is not a number (NaN), which no threshold accepts; allowed: {allowed(threshold)}"
    return f"{key.name} on {where} is {number(value)}; allowed: {allowed(threshold)}"


def no_slice_sentence(key: tfma.metrics.MetricKey, spec: SlicingSpec | None, threshold: Threshold) -> str:
    """Says that no slice matches a threshold's slicing spec."""
    where = describe_slice(spec)
    return f"{key.name} was not checked on {where}: no such slice was found (allowed: {allowed(threshold)})"


def _change(
    name: str, where: str, threshold: config_pb2.GenericChangeThreshold, change: float, baseline: float | None
) -> str:
    if math.isnan(change):
        whose = "the baseline model's" if baseline is not None and math.isnan(baseline) else "its"
        return f"{name} on {where} has no change: {whose} value is not a number (NaN); allowed: {allowed(threshold)}"
    if baseline is None:
        return f"{name} on {where}, against the baseline model, is {number(change)}; allowed: {allowed(threshold)}"
    span = f"from {number(baseline)} to {number(baseline + change)}"
    text = f"{name} on {where} changed by {number(change)} {span}; allowed: {allowed(threshold)}"
    if threshold.HasField("relative") and math.isclose(baseline, 0.0):
        text += ", and a baseline value of 0 has no relative change"
    return text


def _not_found(
    key: tfma.metrics.MetricKey, where: str, threshold: Threshold, present: Iterable[tfma.metrics.MetricKey]
) -> str:
    """Says that a metric is missing, and what is there instead."""
    present = list(present)
    of_model = {k.name for k in present if k.model_name == key.model_name}
    if key.name not in of_model:
        why = unknown_name("metric", key.name, of_model)
    elif key.is_diff and not any(k.name == key.name and k.is_diff for k in present):
        why = "it has no value for the baseline model there; give the same baseline model to the node that computes it"
    else:
        why = "it is there only with another output, class or weighting"
    return f"{key.name} on {where} was not found: {why} (allowed: {allowed(threshold)})"
