"""Warnings about what contradicts or hides something else in the same config."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_specs
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.bounds import Threshold, bounds_of
from tfx_explain.gate.config.known import default_name, is_class
from tfx_explain.gate.ranges import Span
from tfx_explain.gate.slices import SlicingSpec
from tfx_explain.gate.titles import slices_title, title

_Sliced: TypeAlias = "tuple[SlicingSpec | None, Threshold]"


def listed_twice(config: config_pb2.EvalConfig) -> Iterator[str]:
    """Yields a sentence for each metric that two MetricConfigs ask for, of which TFMA keeps one.

    Not for a metric that stands twice without a threshold and with the same settings, as in TFMA's own lists.

    Args:
      config: With TFMA's defaults filled in.
    """
    seen: dict[tfma.metrics.MetricKey, config_pb2.MetricConfig] = {}
    for key, metric, _ in metric_specs.keys_and_metrics_from_specs(config, config.metrics_specs):
        if key in seen and (seen[key] != metric or _is_gated(metric)):
            yield (
                f"{title(key)}: it is listed twice, and only one of the two is computed; put all its thresholds into "
                'one MetricConfig, or give one of them another "name" in its config'
            )
        seen.setdefault(key, metric)


def classes_for_names(config: config_pb2.EvalConfig) -> Iterator[str]:
    """Yields a sentence for each key of `thresholds` that is a metric's class, where it should be its name."""
    for spec in config.metrics_specs:
        for key in dict.fromkeys((*spec.thresholds, *spec.per_slice_thresholds, *spec.cross_slice_thresholds)):
            if is_class(key) and default_name(key) != key:
                yield (
                    f"{key}: it is a class, where the keys of thresholds are metrics' names, so it can never pass; "
                    f"write {default_name(key)!r}"
                )


def contradictions(key: tfma.metrics.MetricKey, thresholds: Sequence[_Sliced]) -> Iterator[str]:
    """Yields a sentence for each two thresholds on one metric that no value can pass together.

    Args:
      key: The metric.
      thresholds: All of its thresholds, with the slices that they are for.
    """
    spans = [_spans(threshold) for _, threshold in thresholds]
    for one, other in itertools.combinations(range(len(thresholds)), 2):
        if _exclude(spans[one], spans[other]) and _overlap(thresholds[one][0], thresholds[other][0]):
            both = f"{_described(*thresholds[one])} and {_described(*thresholds[other])}"
            yield f"{title(key)}: two thresholds contradict each other, so that one always fails: {both}"


def _described(spec: SlicingSpec | None, threshold: Threshold) -> str:
    bounds = " and ".join(f"{name} {bound:g}" for name, bound in bounds_of(threshold).items())
    if isinstance(threshold, config_pb2.GenericChangeThreshold):
        bounds += f" {config_pb2.MetricDirection.Name(threshold.direction)}"
    return f"{bounds} on {'every slice' if spec is None else slices_title(spec)}"


def _is_gated(metric: config_pb2.MetricConfig) -> bool:
    return metric.HasField("threshold") or bool(metric.per_slice_thresholds or metric.cross_slice_thresholds)


def _spans(threshold: Threshold) -> Mapping[str, Span]:
    """Returns what a threshold allows, by what it bounds."""
    bounds = bounds_of(threshold)
    if isinstance(threshold, config_pb2.GenericValueThreshold):
        return {"value": (bounds.get("lower_bound", -math.inf), bounds.get("upper_bound", math.inf))}
    if threshold.direction == config_pb2.MetricDirection.HIGHER_IS_BETTER:
        return {name: (bound, math.inf) for name, bound in bounds.items()}
    return {name: (-math.inf, bound) for name, bound in bounds.items()}


def _exclude(ones: Mapping[str, Span], others: Mapping[str, Span]) -> bool:
    """Tells whether two thresholds, of which each allows something, allow nothing together."""
    return any(
        max(one[0], others[name][0]) > min(one[1], others[name][1])
        for name, one in ones.items()
        if name in others and one[0] <= one[1] and others[name][0] <= others[name][1]
    )


def _overlap(one: SlicingSpec | None, other: SlicingSpec | None) -> bool:
    """Tells whether a slice can be one of both; of SQL and of cross-slices, only where they are the same."""
    if one is None or other is None or one == other:
        return not isinstance(one, config_pb2.CrossSlicingSpec) and not isinstance(other, config_pb2.CrossSlicingSpec)
    plain = [s for s in (one, other) if isinstance(s, config_pb2.SlicingSpec) and not s.slice_keys_sql]
    if len(plain) < 2 or _features(plain[0]) != _features(plain[1]):
        return False
    first, second = (dict(spec.feature_values) for spec in plain)
    return all(second.get(name, value) == value for name, value in first.items())


def _features(spec: config_pb2.SlicingSpec) -> set[str]:
    names: Iterable[str] = (*spec.feature_keys, *spec.feature_values)
    return set(names)
