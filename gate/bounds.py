"""A threshold's bounds as numbers: how far inside them a value is, and what a confidence interval says of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.proto import explanation_pb2

VALUE, CHANGE = "value", "change"
"""What a threshold bounds: the candidate's value, or how it differs from the baseline model's."""

Interval = tuple[float, float]
Threshold: TypeAlias = "config_pb2.GenericValueThreshold | config_pb2.GenericChangeThreshold"
_Policy = explanation_pb2.GatePolicy


@dataclass(frozen=True)
class Bounds:
    """The bounds of one threshold.

    Attributes:
      sides: For each bound, 1 if the value must not be less and -1 if it must not be more, the bound, and whether the
        value is divided by the baseline model's first.
    """

    sides: tuple[tuple[int, float, bool], ...]

    @classmethod
    def of(cls, threshold: Threshold) -> Bounds:
        """Takes the bounds out of a threshold whose `relative` is a difference, as TFMA has it."""
        bounds = bounds_of(threshold)
        sign = 1
        if isinstance(threshold, config_pb2.GenericChangeThreshold):
            sign = 1 if threshold.direction == config_pb2.MetricDirection.HIGHER_IS_BETTER else -1
        signs = {"lower_bound": 1, "upper_bound": -1, "absolute": sign, "relative": sign}
        return cls(tuple((signs[name], bound, name == "relative") for name, bound in bounds.items()))

    def margin(self, value: float, baseline: float | None) -> float | None:
        """Returns how far a value stays inside the nearest bound; None without a bound or, under one, a baseline."""
        # For hundreds of thousands of values, hence a plain loop.
        nearest = None
        for sign, bound, relative in self.sides:
            if relative and baseline is None:
                continue
            margin = sign * ((_quotient(value, baseline) if relative else value) - bound)
            if math.isnan(margin):
                return margin
            nearest = margin if nearest is None or margin < nearest else nearest
        return nearest

    def passes(
        self,
        confidence: explanation_pb2.GatePolicy.Confidence,
        of_value: bool,
        baseline: float | None,
        interval: Interval | None,
    ) -> bool:
        """Tells whether a threshold passes, from TFMA's decision on the value and from the confidence interval.

        Args:
          confidence: What is asked of the interval.
          of_value: TFMA's decision.
          baseline: The baseline model's value.
          interval: Of the value; without one, nothing is significant.
        """
        if confidence == _Policy.POINT_ESTIMATE:
            return of_value
        low, high = ([], []) if interval is None else (self._margins(end, baseline) for end in interval)
        if confidence == _Policy.REQUIRE_SIGNIFICANT_PASS:
            return of_value and interval is not None and all(m is not None and m >= 0 for m in (*low, *high))
        if of_value or interval is None:
            return of_value
        # NaN, from a baseline of 0, is no margin that a value could be within.
        return all(max(a, b) >= 0 for a, b in zip(low, high, strict=True) if a is not None and b is not None)

    def _margins(self, value: float, baseline: float | None) -> list[float | None]:
        return [
            sign * ((_quotient(value, baseline) if relative else value) - bound)
            if not relative or baseline is not None
            else None
            for sign, bound, relative in self.sides
        ]


def bounds_of(threshold: Threshold) -> dict[str, float]:
    """Returns a threshold's bounds by their names in the config."""
    names = ("lower_bound", "upper_bound")
    if isinstance(threshold, config_pb2.GenericChangeThreshold):
        names = ("absolute", "relative")
    return {name: getattr(threshold, name).value for name in names if threshold.HasField(name)}


def with_relative_difference(threshold: config_pb2.GenericChangeThreshold) -> config_pb2.GenericChangeThreshold:
    """Returns a threshold on candidate / baseline as TFMA has it, on (candidate - baseline) / baseline."""
    result = config_pb2.GenericChangeThreshold()
    result.CopyFrom(threshold)
    if result.HasField("relative"):
        result.relative.value -= 1
    return result


def config_with_relative_difference(eval_config: config_pb2.EvalConfig) -> config_pb2.EvalConfig:
    """Returns a config whose every `relative` is on candidate / baseline as TFMA has it."""
    result = config_pb2.EvalConfig()
    result.CopyFrom(eval_config)
    for spec in result.metrics_specs:
        thresholds = list(spec.thresholds.values())
        thresholds += [t.threshold for many in spec.per_slice_thresholds.values() for t in many.thresholds]
        thresholds += [t.threshold for many in spec.cross_slice_thresholds.values() for t in many.thresholds]
        for metric in spec.metrics:
            thresholds += [metric.threshold] if metric.HasField("threshold") else []
            thresholds += [t.threshold for t in (*metric.per_slice_thresholds, *metric.cross_slice_thresholds)]
        for threshold in thresholds:
            if threshold.HasField("change_threshold"):
                threshold.change_threshold.CopyFrom(with_relative_difference(threshold.change_threshold))
    return result


def _quotient(value: float, baseline: float | None) -> float:
    return value / baseline if baseline else math.nan
