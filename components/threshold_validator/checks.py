"""One `Check` for each threshold on each slice, from the metrics and from what TFMA's validator said of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tensorflow_model_analysis.proto import config_pb2, validation_result_pb2
from tensorflow_model_analysis.slicer import slicer_lib

from tfx_explain.components.threshold_validator import wording
from tfx_explain.components.threshold_validator.evidence import Metrics, SliceKey
from tfx_explain.components.threshold_validator.verdict import Check
from tfx_explain.metrics import configs

Thresholds = Mapping[tfma.metrics.MetricKey, Iterable[tuple["wording.SlicingSpec | None", wording.Threshold]]]
SliceResults = Mapping[SliceKey, validation_result_pb2.ValidationResult]


@dataclass(frozen=True)
class Checker:
    """Makes the checks of one config.

    Attributes:
      config: The config with TFMA's defaults filled in.
      thresholds: Those of its thresholds that TFMA asks.
      baseline_name: The baseline model's name in the config; empty without one.
      features: By metric name, the feature that the metric is about.
    """

    config: config_pb2.EvalConfig
    thresholds: Thresholds
    baseline_name: str
    features: Mapping[str, str]

    @classmethod
    def of(cls, config: config_pb2.EvalConfig) -> Checker:
        """Makes the checker of a config with TFMA's defaults filled in."""
        baseline = tfma.utils.get_baseline_model_spec(config)
        name = baseline.name if baseline else ""
        found = tfma.metrics.metric_thresholds_from_metrics_specs(config.metrics_specs, eval_config=config)
        # TFMA passes over thresholds on the baseline model.
        thresholds = {key: t for key, t in found.items() if not name or key.model_name != name}
        features = {str(m.name): configs.feature_of(m) for m in configs.metric_instances(config)}
        return cls(config, thresholds, name, features)

    def baseline_key(self, key: tfma.metrics.MetricKey) -> tfma.metrics.MetricKey:
        """Returns the key of the baseline model's value of a metric."""
        return key.make_baseline_key(self.baseline_name)

    def unasked_on(self, slice_key: SliceKey) -> set[tfma.metrics.MetricKey]:
        """Returns the gated metrics that no threshold asks for on a slice."""
        return {
            key
            for key, thresholds in self.thresholds.items()
            if not any(_applies(spec, slice_key) for spec, _ in thresholds)
        }

    def on_slices(self, slices: Mapping[SliceKey, Metrics], results: SliceResults) -> Iterator[Check]:
        """Yields the checks of every slice.

        Args:
          slices: The metrics by slice.
          results: By slice, what TFMA's validator said.
        """
        anywhere = {key for metrics in slices.values() for key in metrics}
        for slice_key, metrics in sorted(slices.items(), key=lambda item: _printed(item[0])):
            where = _printed(slice_key)
            failed = {
                (tfma.metrics.MetricKey.from_proto(failure.metric_key), _bytes(_threshold_of(failure)))
                for of_slice in results[slice_key].metric_validations_per_slice
                for failure in of_slice.failures
            }
            for key, thresholds in self.thresholds.items():
                applicable = {_bytes(t): t for spec, t in thresholds if _applies(spec, slice_key)}
                for serialized, threshold in applicable.items():
                    reason = wording.sentence(key, where, threshold, metrics, self._baseline(key, metrics), anywhere)
                    yield self._check(key, threshold, where, metrics, (key, serialized) not in failed, reason)

    def without_slice(self, slices: Iterable[SliceKey]) -> Iterator[Check]:
        """Yields the failed checks of the thresholds whose slicing spec selects none of the slices."""
        slices = list(slices)
        for key, thresholds in self.thresholds.items():
            for spec, threshold in thresholds:
                if not any(_applies(spec, slice_key) for slice_key in slices):
                    reason = wording.no_slice_sentence(key, spec, threshold)
                    yield self._check(key, threshold, wording.describe_slice(spec), {}, False, reason)

    def not_asked(self, asked: Thresholds, why: str) -> Iterator[Check]:
        """Yields the checks of the thresholds that are not among the asked ones, for the given reason."""
        names = {(key.name, key.is_diff) for key in asked}
        for key, thresholds in self.thresholds.items():
            for spec, threshold in () if (key.name, key.is_diff) in names else thresholds:
                where = "every slice" if spec is None else wording.describe_slice(spec)
                reason = f"{key.name} on {where} was not asked, because {why}"
                yield self._check(key, threshold, where, {}, None, reason)

    def _check(
        self,
        key: tfma.metrics.MetricKey,
        threshold: wording.Threshold,
        where: str,
        metrics: Metrics,
        passed: bool | None,
        reason: str,
    ) -> Check:
        value = metrics.get(key)
        baseline = self._baseline(key, metrics)
        is_change = isinstance(threshold, config_pb2.GenericChangeThreshold)
        return Check(
            metric=key.name,
            feature=self.features.get(key.name, ""),
            key=json_format.MessageToDict(key.to_proto(), preserving_proto_field_name=True),
            slice=where,
            kind="change" if is_change else "value",
            direction=config_pb2.MetricDirection.Name(threshold.direction) if is_change else "",
            bounds=wording.bounds_of(threshold),
            observed=metrics.get(key._replace(is_diff=False)),
            baseline=baseline,
            change=value if is_change else None,
            margin=None if value is None else _margin(threshold, value, baseline),
            passed=passed,
            reason=reason,
        )

    def _baseline(self, key: tfma.metrics.MetricKey, metrics: Metrics) -> float | None:
        return metrics.get(self.baseline_key(key)) if self.baseline_name else None


def _margin(threshold: wording.Threshold, value: float, baseline: float | None) -> float | None:
    """Returns how far a value stays inside the nearest bound; None where there is no bound."""
    bounds = wording.bounds_of(threshold)
    margins = []
    if isinstance(threshold, config_pb2.GenericValueThreshold):
        margins += [value - bounds["lower_bound"]] if "lower_bound" in bounds else []
        margins += [bounds["upper_bound"] - value] if "upper_bound" in bounds else []
        return min(margins, default=None)
    sign = 1 if threshold.direction == config_pb2.MetricDirection.HIGHER_IS_BETTER else -1
    if "absolute" in bounds:
        margins.append(sign * (value - bounds["absolute"]))
    if "relative" in bounds and baseline is not None:
        relative = math.nan if math.isclose(baseline, 0.0) else value / baseline
        margins.append(sign * (relative - bounds["relative"]))
    return math.nan if any(map(math.isnan, margins)) else min(margins, default=None)


def _applies(spec: wording.SlicingSpec | None, slice_key: SliceKey) -> bool:
    """Tells whether a threshold's slicing spec, None for every slice, selects a slice; as TFMA's validator does."""
    is_cross = slicer_lib.is_cross_slice_key(slice_key)
    if isinstance(spec, config_pb2.CrossSlicingSpec):
        return is_cross and slicer_lib.is_cross_slice_applicable(cross_slice_key=slice_key, cross_slicing_spec=spec)
    if is_cross:
        return False
    return spec is None or tfma.slicer.SingleSliceSpec(spec=spec).is_slice_applicable(slice_key)


def _threshold_of(failure: validation_result_pb2.ValidationFailure) -> wording.Threshold:
    threshold = failure.metric_threshold
    return threshold.value_threshold if threshold.HasField("value_threshold") else threshold.change_threshold


def _bytes(threshold: wording.Threshold) -> tuple[str, bytes]:
    return type(threshold).__name__, threshold.SerializeToString(deterministic=True)


def _printed(slice_key: SliceKey) -> str:
    if slicer_lib.is_cross_slice_key(slice_key):
        baseline, comparison = map(tfma.slicer.stringify_slice_key, slice_key)
        return f"{baseline} against {comparison}"
    return tfma.slicer.stringify_slice_key(slice_key)
