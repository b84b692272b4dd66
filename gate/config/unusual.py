"""Warnings about bounds that what is known of sound retrainings speaks against."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.bounds import CHANGE, VALUE, Threshold, bounds_of
from tfx_explain.gate.slices import SlicingSpec, printed
from tfx_explain.gate.titles import title
from tfx_explain.gate.usual import Calibration, Usual, t_quantile

_FAR = 5
"""So many times as far from what is usual as the promised rate asks is too far for anything but a catastrophe."""


def unusual_bounds(
    key: tfma.metrics.MetricKey, spec: SlicingSpec | None, threshold: Threshold, calibration: Calibration
) -> Iterator[str]:
    """Yields a sentence for each bound that lies inside of the usual variation, or too far outside of it.

    Inside is a bound that stops, by itself, more sound models than the whole config is for. A `relative` bound is not
    looked at.

    Args:
      key: The metric.
      spec: The slices that the threshold is for; None for every slice.
      threshold: On the metric.
      calibration: What the config says is usual.
    """
    is_change = isinstance(threshold, config_pb2.GenericChangeThreshold)
    for (metric, kind, where), usual in calibration.usual.items():
        if metric != key.name or kind != (CHANGE if is_change else VALUE) or not _is_for(spec, where):
            continue
        for name, bound in bounds_of(threshold).items():
            if name != "relative":
                better = getattr(threshold, "direction", None) == config_pb2.MetricDirection.HIGHER_IS_BETTER
                at_least = better if is_change else name == "lower_bound"
                yield from _warnings(f"{title(key)} on {where}: {name} {bound:g}", bound, at_least, usual, calibration)


def _warnings(what: str, bound: float, at_least: bool, usual: Usual, calibration: Calibration) -> Iterator[str]:
    times, alarms = usual.times(bound), usual.alarms(bound, at_least)
    calibrated = f"{usual.bound(calibration.each, at_least):.3g}"
    if alarms > calibration.rate / calibration.horizon:
        yield (
            f"{what} lies inside the usual variation between retrainings ({times:.1f} times it, known from "
            f"{usual.runs} runs): by itself it stops {alarms:.2g} of all sound models, where the whole config is for "
            f"{calibration.rate / calibration.horizon:.2g}; set {calibrated}"
        )
    elif times > _FAR * t_quantile(usual.runs, calibration.each):
        yield (
            f"{what} is {times:.0f} times the usual variation between retrainings (known from {usual.runs} runs), so "
            f"far outside that nothing plausible breaks it; set {calibrated}"
        )


def _is_for(spec: SlicingSpec | None, where: str) -> bool:
    """Tells whether a slicing spec is for a slice that is known by how TFMA prints it."""
    if spec is None:
        return True
    if isinstance(spec, config_pb2.CrossSlicingSpec) or spec.slice_keys_sql:
        return False
    if spec.feature_keys and not spec.feature_values:
        return where.startswith("_X_".join(sorted(spec.feature_keys)) + ":")
    return not spec.feature_keys and where == printed(tuple(sorted(spec.feature_values.items())))
