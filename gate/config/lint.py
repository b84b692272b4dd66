"""Warnings about thresholds that TFMA accepts, but that can't do what their author meant."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_specs, metric_types
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.bounds import Threshold, bounds_of
from tfx_explain.gate.config import known, relations
from tfx_explain.gate.config.unusual import unusual_bounds
from tfx_explain.gate.ranges import Span, change_span, value_span
from tfx_explain.gate.slices import SlicingSpec
from tfx_explain.gate.titles import title
from tfx_explain.gate.usual import calibration_of
from tfx_explain.metrics import configs
from tfx_explain.proto import explanation_pb2
from tfx_explain.proto.printable import printable

_DEFAULT = explanation_pb2.GatePolicy()
# From here on, `relative` is rather what TFX's guide says, candidate / baseline, than a change by half and more.
_LEAST_RATIO = 0.5


def lint(eval_config: config_pb2.EvalConfig, policy: explanation_pb2.GatePolicy = _DEFAULT) -> tuple[str, ...]:
    """Returns a sentence, with the remedy, for each threshold that can't do what its author meant.

    It can never pass, never fail or is never asked, means the other reading of `relative` or the other direction,
    contradicts another one, is on a metric that is listed twice, or bounds what the config says is usual.

    Args:
      eval_config: A config that `config.verify_config` accepts.
      policy: How the gate reads `relative`.
    """
    config = configs.with_defaults(eval_config, has_baseline=True)
    baseline = tfma.utils.get_baseline_model_spec(config)
    found = tfma.metrics.metric_thresholds_from_metrics_specs(config.metrics_specs, eval_config=config)
    asked = {key.name for key in found if baseline is None or key.model_name != baseline.name}
    warnings = [
        f"{title(key)}: TFMA passes over thresholds on the baseline model; name the candidate in model_names"
        for key in found
        if key.name not in asked
    ]
    is_ratio = policy.relative_change == explanation_pb2.GatePolicy.RATIO
    instances = {metric.name: metric for metric in configs.metric_instances(config)}
    calibration = calibration_of(config)
    metrics = {metric_specs.metric_instance(m).name: m for spec in config.metrics_specs for m in spec.metrics}
    for key, thresholds in found.items():
        metric = metrics.get(key.name) or config_pb2.MetricConfig(class_name=known.class_of(key.name))
        if not known.is_one_number(metric):
            name = title(key) if key.name else metric.class_name  # Some of them have none.
            text = "is not one number, so a threshold on it can never pass; bound a metric that is"
            warnings.append(f"{name}: {metric.class_name} {text}")
            continue
        for spec, threshold in thresholds:
            texts = _threshold_warnings(metric.class_name, instances.get(key.name), threshold, is_ratio)
            warnings += [f"{title(key)}: {text}" for text in (*_slice_warnings(spec), *texts)]
            warnings += unusual_bounds(key, spec, threshold, calibration) if calibration else ()
        warnings += relations.contradictions(key, list(thresholds))
    warnings += [*relations.listed_twice(config), *relations.classes_for_names(config)]
    return tuple(dict.fromkeys(map(printable, warnings)))


def _threshold_warnings(
    class_name: str, metric: metric_types.Metric | None, threshold: Threshold, is_ratio: bool
) -> Iterator[str]:
    possible = value_span(metric)
    if isinstance(threshold, config_pb2.GenericValueThreshold):
        yield from _value_warnings(bounds_of(threshold), possible)
        return
    change = change_span(metric)
    yield from _change_warnings(threshold, possible, change, is_ratio)
    good = known.good_direction(class_name)
    if threshold.direction and good and threshold.direction != good and not _never_passes(threshold, change):
        names = [config_pb2.MetricDirection.Name(direction) for direction in (threshold.direction, good)]
        side = "lower" if good == config_pb2.MetricDirection.LOWER_IS_BETTER else "higher"
        yield (
            f"its change threshold says {names[0]}, but a {side} {class_name} is better, so it lets a worse model pass "
            f"and stops a better one; set {names[1]}"
        )


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
        yield from _span_warnings(*_absolute_span(threshold), change, bounds)
    if "relative" in bounds:
        warn = _ratio_warnings if is_ratio else _difference_warnings
        yield from warn(bounds["relative"], rises, possible)


def _absolute_span(threshold: config_pb2.GenericChangeThreshold) -> Span:
    rises = threshold.direction == config_pb2.MetricDirection.HIGHER_IS_BETTER
    bounds = bounds_of(threshold)
    low = bounds.get("absolute", -math.inf) if rises else -math.inf
    return low, math.inf if rises else bounds.get("absolute", math.inf)


def _never_passes(threshold: config_pb2.GenericChangeThreshold, change: Span) -> bool:
    low, high = _absolute_span(threshold)
    return low > change[1] or high < change[0]


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
    is_ratio = relative >= _LEAST_RATIO if rises else relative > _LEAST_RATIO
    if not is_ratio and not (relative <= -1 and possible[0] >= 0):
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
    if relative >= _LEAST_RATIO:
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
