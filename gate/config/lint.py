"""Warnings about thresholds that TFMA accepts, but that can't do what their author meant."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.bounds import bounds_of
from tfx_explain.gate.ranges import Span, change_span, value_span
from tfx_explain.gate.slices import SlicingSpec
from tfx_explain.metrics import configs
from tfx_explain.proto import explanation_pb2

_DEFAULT = explanation_pb2.GatePolicy()


def lint(eval_config: config_pb2.EvalConfig, policy: explanation_pb2.GatePolicy = _DEFAULT) -> tuple[str, ...]:
    """Returns a sentence, with the remedy, for each threshold that can never pass, never fail, or is never asked.

    Args:
      eval_config: A config that `config.verify_config` accepts.
      policy: How the gate reads `relative`.
    """
    config = configs.with_defaults(eval_config, has_baseline=True)
    metrics = {metric.name: metric for metric in configs.metric_instances(config)}
    baseline = tfma.utils.get_baseline_model_spec(config)
    found = tfma.metrics.metric_thresholds_from_metrics_specs(config.metrics_specs, eval_config=config)
    asked = {key.name for key in found if baseline is None or key.model_name != baseline.name}
    warnings = [
        f"{key.name}: TFMA passes over thresholds on the baseline model; name the candidate in model_names"
        for key in found
        if key.name not in asked
    ]
    is_ratio = policy.relative_change == explanation_pb2.GatePolicy.RATIO
    for key, thresholds in found.items():
        metric = metrics.get(key.name)
        possible = value_span(metric)
        change = change_span(metric)
        for spec, threshold in thresholds:
            warnings += [f"{key.name}: {text}" for text in _slice_warnings(spec)]
            if isinstance(threshold, config_pb2.GenericValueThreshold):
                texts = _value_warnings(bounds_of(threshold), possible)
            else:
                texts = _change_warnings(threshold, possible, change, is_ratio)
            warnings += [f"{key.name}: {text}" for text in texts]
    return tuple(dict.fromkeys(warnings))


def _slice_warnings(spec: SlicingSpec | None) -> Iterator[str]:
    if isinstance(spec, config_pb2.CrossSlicingSpec):
        yield (
            "TFMA's validator misses the cross-slice of every cross_slice_thresholds, also where it is there, so it "
            "can never pass; bound the metric on the slices themselves, by per_slice_thresholds"
        )


def _value_warnings(bounds: Mapping[str, float], possible: Span) -> Iterator[str]:
    low, high = bounds.get("lower_bound", -math.inf), bounds.get("upper_bound", math.inf)
    if low > high:
        yield f"the lower bound {low:g} is above the upper bound {high:g}, so it can never pass; exchange them"
    else:
        yield from _span_warnings(low, high, possible, bounds)


def _change_warnings(
    threshold: config_pb2.GenericChangeThreshold, possible: Span, change: Span, is_ratio: bool
) -> Iterator[str]:
    """Yields what is odd about a change threshold.

    Args:
      threshold: The threshold.
      possible: What the metric's value can be.
      change: What its change can be.
      is_ratio: Whether `relative` is read as candidate / baseline.
    """
    bounds = bounds_of(threshold)
    if not threshold.direction and bounds:
        yield "its change threshold has no direction, so it can never pass; set HIGHER_IS_BETTER or LOWER_IS_BETTER"
        return
    rises = threshold.direction == config_pb2.MetricDirection.HIGHER_IS_BETTER
    if "absolute" in bounds or not bounds:
        low = bounds.get("absolute", -math.inf) if rises else -math.inf
        high = math.inf if rises else bounds.get("absolute", math.inf)
        yield from _span_warnings(low, high, change, bounds)
    if "relative" in bounds:
        warn = _ratio_warnings if is_ratio else _difference_warnings
        yield from warn(bounds["relative"], rises, possible)


def _span_warnings(low: float, high: float, possible: Span, bounds: Mapping[str, float]) -> Iterator[str]:
    """Yields what is odd about allowing values from a closed range."""
    if any(map(math.isnan, bounds.values())):
        yield "a bound is not a number (NaN), so it can never pass; correct it"
    elif low > possible[1] or high < possible[0]:
        yield f"it allows {_span(low, high)}, but the value is {_span(*possible)}, so it can never pass; correct it"
    elif "relative" not in bounds and low <= possible[0] and high >= possible[1]:
        yield f"it allows {_span(low, high)}, which every value is, so only a missing one fails; set a closer bound"


def _difference_warnings(relative: float, rises: bool, possible: Span) -> Iterator[str]:
    """Yields what is odd about a bound on (candidate - baseline) / baseline."""
    if relative < 1 and not (relative <= -1 and possible[0] >= 0):
        return
    if relative <= -1:
        never = "so it can never fail" if rises else "so it can pass only at 0"
        yield f"relative: {relative:g} is a loss of the whole value or more, {never}; set it above -1"
        return
    asks = "asks the value to rise" if rises else "lets the value rise"
    text = (
        f"relative: {relative:g} {asks} by {relative:.0%} of the baseline model's, because TFMA takes (candidate - "
        f"baseline) / baseline; if {relative:g} times the baseline model's value is meant, write {relative - 1:g} or "
        "set the policy's relative_change to RATIO"
    )
    if rises and not math.isinf(possible[1]) and possible[0] >= 0:
        text += f" (as it is, it can never pass once the baseline model's value is above {_most(possible, relative)})"
    yield text


def _ratio_warnings(relative: float, rises: bool, possible: Span) -> Iterator[str]:
    """Yields what is odd about a bound on candidate / baseline."""
    if relative >= 0.5:
        return
    asks = "lets the value fall" if rises else "asks the value to fall"
    yield (
        f"relative: {relative:g} {asks} to {relative:.0%} of the baseline model's, because the policy takes candidate "
        f"/ baseline; if a change by {relative:g} of the baseline model's value is meant, write {1 + relative:g}"
    )


def _most(possible: Span, relative: float) -> str:
    return f"{possible[1] / (1 + relative):.3g}"


def _span(low: float, high: float) -> str:
    if math.isinf(low) and math.isinf(high):
        return "any number"
    if math.isinf(low) or math.isinf(high):
        return f"at most {high:g}" if math.isinf(low) else f"at least {low:g}"
    return f"from {low:g} to {high:g}"
