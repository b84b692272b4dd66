"""One `Check` for each threshold on each slice, from the metrics and from what TFMA's validator said of them."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tensorflow_model_analysis.metrics import metric_specs
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.bounds import (
    CHANGE,
    VALUE,
    Bounds,
    Threshold,
    bounds_of,
    config_with_relative_difference,
    with_relative_difference,
)
from tfx_explain.gate.reading.evaluations import Metrics, SliceMetrics
from tfx_explain.gate.saying import wording
from tfx_explain.gate.saying.check import Check, no_interval, no_slice, not_asked, not_found
from tfx_explain.gate.slices import SliceKey, SlicingSpec, printed, selector
from tfx_explain.gate.titles import slices_title, title
from tfx_explain.gate.usual import calibration_of
from tfx_explain.metrics import configs
from tfx_explain.proto import explanation_pb2

_Policy = explanation_pb2.GatePolicy
# A serialized metric key and threshold.
FailureKey = tuple[bytes, bytes]
# The metrics of a slice; it is hashed once.
Present = frozenset[tfma.metrics.MetricKey]


@dataclass(frozen=True)
class Asked:
    """A threshold of the config.

    Attributes:
      key: The metric that it is for: of a change, the difference.
      value_key: The candidate's value of the metric.
      baseline_key: The baseline model's value of the metric; None without a baseline model.
      spec: The slices that it is for; None for every slice, but no cross-slice.
      selects: Whether it is for a slice.
      threshold: As TFMA is asked: its `relative` is a difference.
      bounds: Its bounds.
      failure_key: What a failure of it is found again by.
      fields: The first fields of each of its checks: those before, and those after the slice.
      has_interval: Whether TFMA computes confidence intervals of the metric.
    """

    key: tfma.metrics.MetricKey
    value_key: tfma.metrics.MetricKey
    baseline_key: tfma.metrics.MetricKey | None
    spec: SlicingSpec | None
    selects: Callable[[SliceKey], bool]
    threshold: Threshold
    bounds: Bounds
    failure_key: FailureKey
    fields: tuple[tuple[Any, ...], tuple[Any, ...]]
    has_interval: bool

    def baseline(self, metrics: Metrics) -> float | None:
        """Returns the baseline model's value on a slice."""
        return None if self.baseline_key is None else metrics.get(self.baseline_key)

    def check(self, where: str, *values: Any) -> Check:
        """Returns a check on a slice; `values` are those of its fields from `observed` on."""
        before, after = self.fields
        # By position: there are hundreds of thousands.
        fields: tuple[Any, ...] = (*before, where, *after, *values)
        return Check(*fields)


class Checker:
    """Makes the checks of one config."""

    def __init__(self, eval_config: config_pb2.EvalConfig, policy: explanation_pb2.GatePolicy) -> None:
        """Initializes the checker.

        Args:
          eval_config: A config with TFMA's defaults filled in.
          policy: How `relative` and the confidence intervals are read.
        """
        self._confidence = policy.confidence
        baseline = tfma.utils.get_baseline_model_spec(eval_config)
        self._baseline_name = baseline.name if baseline else ""
        # The config as TFMA is asked.
        self.config = eval_config
        self._asked: dict[tfma.metrics.MetricKey, list[Asked]] = {}
        # By serialized slicing spec: there are few, and thresholds share them.
        self._selectors: dict[bytes, Callable[[SliceKey], bool]] = {}
        self._why: dict[Any, str] = {}
        calibration = calibration_of(eval_config)
        self._usual = calibration.usual if calibration else {}
        if policy.relative_change == _Policy.RATIO:
            self.config = config_with_relative_difference(eval_config)
        self._collect(eval_config, policy.relative_change)

    def _collect(self, written: config_pb2.EvalConfig, relative: _Policy.RelativeChange) -> None:
        features = {str(m.name): configs.feature_of(m) for m in configs.metric_instances(written)}
        exact = metric_specs.metric_keys_to_skip_for_confidence_intervals(written.metrics_specs, written)
        found = tfma.metrics.metric_thresholds_from_metrics_specs(written.metrics_specs, eval_config=written)
        weighted = {key._replace(example_weighted=None) for key in found if key.example_weighted}
        for key, thresholds in found.items():
            # TFMA passes over thresholds on the baseline model.
            if self._baseline_name and key.model_name == self._baseline_name:
                continue
            feature, has_interval = features.get(str(key.name), ""), key._replace(is_diff=False) not in exact
            name = title(key, says_unweighted=key._replace(example_weighted=None) in weighted)
            about = str(key.name), name, feature
            self._asked[key] = [
                _asked(
                    key, self.baseline_key(key), spec, self._selector(spec), threshold, about, relative, has_interval
                )
                for spec, threshold in thresholds
            ]

    def _selector(self, spec: SlicingSpec | None) -> Callable[[SliceKey], bool]:
        serialized = b"" if spec is None else type(spec).__name__.encode() + spec.SerializeToString()
        return self._selectors.setdefault(serialized, selector(spec))

    @property
    def gated(self) -> Collection[tfma.metrics.MetricKey]:
        """The metrics that a threshold is for."""
        return self._asked.keys()

    @property
    def relative_to(self) -> list[tfma.metrics.MetricKey]:
        """The baseline model's values that a relative bound is for."""
        relative = (asked for asked in self._all() if any(is_relative for *_, is_relative in asked.bounds.sides))
        return [asked.baseline_key for asked in relative if asked.baseline_key is not None]

    def baseline_key(self, key: tfma.metrics.MetricKey) -> tfma.metrics.MetricKey | None:
        """Returns the key of the baseline model's value of a metric; None without a baseline model."""
        return key.make_baseline_key(self._baseline_name) if self._baseline_name else None

    def asks(self, key: tfma.metrics.MetricKey, slice_key: SliceKey) -> bool:
        """Tells whether any threshold asks for a gated metric on a slice."""
        return any(asked.selects(slice_key) for asked in self._asked[key])

    def on_slice(
        self,
        slice_key: SliceKey,
        known: SliceMetrics,
        failed: Collection[FailureKey],
        anywhere: Collection[tfma.metrics.MetricKey],
    ) -> Iterator[tuple[Asked, Check]]:
        """Yields the thresholds that are asked on a slice, and their checks.

        Args:
          slice_key: The slice.
          known: What is known there.
          failed: What TFMA's validator says has failed there.
          anywhere: The metrics of all slices.
        """
        where, present = printed(slice_key), functools.cache(lambda: frozenset(known.values))
        selected = {id(select) for select in self._selectors.values() if select(slice_key)}
        for key, thresholds in self._asked.items():
            value = known.values.get(key)
            done = set()
            for asked in thresholds:
                # TFMA misses a metric that is nowhere on a slice also where no threshold asks for it.
                is_asked = id(asked.selects) in selected or (value is None and asked.failure_key in failed)
                if is_asked and asked.failure_key not in done:
                    done.add(asked.failure_key)
                    if value is None:
                        yield asked, self._missing(asked, where, known.values, present(), key in anywhere)
                    else:
                        yield asked, self._held(asked, where, known, value, asked.failure_key not in failed)

    def without_slice(self, slices: Collection[SliceKey]) -> Iterator[Check]:
        """Yields the failed checks of the thresholds whose slicing spec selects none of the slices."""
        for asked in self._all():
            if not any(asked.selects(slice_key) for slice_key in slices):
                where = slices_title(asked.spec)
                why = no_slice(asked.check(where))
                yield asked.check(where, None, None, None, None, None, False, why)

    def not_asked(self, asked: Iterable[tfma.metrics.MetricKey], why: str) -> Iterator[Check]:
        """Yields the checks of the thresholds that are not among the asked ones, for the given reason."""
        names = {(key.name, key.is_diff) for key in asked}
        for one in self._all():
            if (one.key.name, one.key.is_diff) not in names:
                where = "every slice" if one.spec is None else slices_title(one.spec)
                sentence = not_asked(one.check(where), why)
                yield one.check(where, None, None, None, None, None, None, sentence)

    def _held(self, asked: Asked, where: str, known: SliceMetrics, value: float, tfma_passed: bool) -> Check:
        is_change, baseline = asked.key.is_diff, asked.baseline(known.values)
        interval = known.intervals.get(asked.key) if known.intervals else None
        # TFMA takes infinity for a number like any other.
        finite = math.isfinite(value) and (not is_change or baseline is None or math.isfinite(baseline))
        confidence = self._confidence if asked.has_interval else _Policy.POINT_ESTIMATE
        passed = finite and asked.bounds.passes(confidence, tfma_passed, baseline, interval)
        check = asked.check(
            where,
            known.values.get(asked.value_key) if is_change else value,
            baseline,
            value if is_change else None,
            interval,
            asked.bounds.margin(value, baseline),
            passed,
            "",
            self._usual.get((str(asked.key.name), CHANGE if is_change else VALUE, where)),
            known.notes.get(asked.key) or known.notes.get(asked.value_key, ""),
        )
        if finite and not passed and interval is None and confidence == _Policy.REQUIRE_SIGNIFICANT_PASS:
            return dataclasses.replace(check, why=no_interval(check))
        return check

    def _missing(self, asked: Asked, where: str, metrics: Metrics, present: Present, is_elsewhere: bool) -> Check:
        sentence = not_found(asked.check(where), self._why_not_found(asked.key, metrics, present, is_elsewhere))
        observed, baseline = metrics.get(asked.value_key), asked.baseline(metrics)
        return asked.check(where, observed, baseline, None, None, None, False, sentence)

    def _all(self) -> Iterator[Asked]:
        return (asked for thresholds in self._asked.values() for asked in thresholds)

    def _why_not_found(
        self, key: tfma.metrics.MetricKey, metrics: Metrics, present: Present, is_elsewhere: bool
    ) -> str:
        # The search for the nearest name takes its time, and a metric is usually missing on all slices alike.
        about = key, is_elsewhere, present
        if about not in self._why:
            self._why[about] = wording.why_not_found(key, metrics, is_elsewhere)
        return self._why[about]


def _asked(
    key: tfma.metrics.MetricKey,
    baseline_key: tfma.metrics.MetricKey | None,
    spec: SlicingSpec | None,
    selects: Callable[[SliceKey], bool],
    threshold: Threshold,
    about: tuple[str, ...],
    relative: _Policy.RelativeChange,
    has_interval: bool,
) -> Asked:
    key_proto = key.to_proto()
    key_fields = json_format.MessageToDict(key_proto, preserving_proto_field_name=True)
    bounds, kind, direction, reading = bounds_of(threshold), VALUE, "", ""
    as_tfma = threshold
    if isinstance(threshold, config_pb2.GenericChangeThreshold):
        kind, reading = CHANGE, _Policy.RelativeChange.Name(relative)
        direction = config_pb2.MetricDirection.Name(threshold.direction) if threshold.direction else ""
        as_tfma = with_relative_difference(threshold) if relative == _Policy.RATIO else threshold
    allowed = wording.allowed(threshold, bounds, reading)
    return Asked(
        key=key,
        value_key=key._replace(is_diff=False),
        baseline_key=baseline_key,
        spec=spec,
        selects=selects,
        threshold=as_tfma,
        bounds=Bounds.of(as_tfma),
        failure_key=(key_proto.SerializeToString(), as_tfma.SerializeToString()),
        fields=((*about, key_fields), (kind, direction, reading, bounds, allowed)),
        has_interval=has_interval,
    )
