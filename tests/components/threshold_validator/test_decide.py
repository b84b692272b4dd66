"""Decisions on drawn configs and values, against the thresholds' definition written down once more."""

import math

import tensorflow_model_analysis as tfma
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.components.threshold_validator.decide import decide
from tfx_explain.components.threshold_validator.evidence import Evidence
from tfx_explain.proto import explanation_pb2

MALE, FEMALE = (("sex", "Male"),), (("sex", "Female"),)
SLICES = {(): {}, MALE: {"feature_values": {"sex": "Male"}}, FEMALE: {"feature_keys": ["sex"]}}
NUMBERS = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 2.0])
VALUES = st.one_of(NUMBERS, st.just(math.nan), st.just(math.inf))
DIRECTIONS = [config_pb2.MetricDirection.HIGHER_IS_BETTER, config_pb2.MetricDirection.LOWER_IS_BETTER]


@st.composite
def thresholds(draw):
    threshold = config_pb2.MetricThreshold()
    if draw(st.booleans()):
        for name in draw(st.sets(st.sampled_from(["lower_bound", "upper_bound"]), min_size=1)):
            getattr(threshold.value_threshold, name).value = draw(NUMBERS)
    else:
        threshold.change_threshold.direction = draw(st.sampled_from(DIRECTIONS))
        for name in draw(st.sets(st.sampled_from(["absolute", "relative"]), min_size=1)):
            getattr(threshold.change_threshold, name).value = draw(NUMBERS)
    return threshold


@st.composite
def evidences(draw):
    """AUC on some slices, for the candidate and the baseline model or for one of them alone."""
    per_slice = [
        config_pb2.PerSliceMetricThreshold(threshold=draw(thresholds()), slicing_specs=[SLICES[draw(slices)]])
        for slices in [st.sampled_from(sorted(SLICES))] * draw(st.integers(1, 4))
    ]
    auc = config_pb2.MetricConfig(class_name="AUC", per_slice_thresholds=per_slice)
    evidence = Evidence(
        config_pb2.EvalConfig(
            model_specs=[config_pb2.ModelSpec()], metrics_specs=[config_pb2.MetricsSpec(metrics=[auc])]
        )
    )
    evidence.has_baseline = True
    key = tfma.metrics.MetricKey("auc", "candidate", example_weighted=False)
    for slice_key in draw(st.sets(st.sampled_from(sorted(SLICES)), min_size=1)):
        metrics = {k: draw(VALUES) for k in draw(st.sets(st.sampled_from([key, key.make_baseline_key("baseline")])))}
        if len(metrics) == 2:
            metrics[key.make_diff_key()] = metrics[key] - metrics[key.make_baseline_key("baseline")]
        evidence.slices[slice_key] = metrics
    return evidence


def holds(check) -> bool:
    """What a check's own numbers say of its bounds."""
    value = check.observed if check.kind == "value" else check.change
    if value is None or math.isnan(value):
        return False
    bounds = dict(check.bounds)
    if check.kind == "value":
        return bounds.get("lower_bound", value) <= value <= bounds.get("upper_bound", value)
    sides = [value - bounds["absolute"]] if "absolute" in bounds else []
    if "relative" in bounds:
        sides += [value / check.baseline - bounds["relative"]] if check.baseline else [math.nan]
    return all(side >= 0 if check.direction == "HIGHER_IS_BETTER" else side <= 0 for side in sides)


@settings(max_examples=300, deadline=None)
@given(evidences())
def test_a_model_is_blessed_if_and_only_if_every_bound_holds(evidence):
    verdict = decide(evidence, explanation_pb2.GatePolicy())
    assert verdict.checks
    assert [check.passed for check in verdict.checks] == [holds(check) for check in verdict.checks]
    assert verdict.blessed == all(check.passed for check in verdict.checks) == verdict.validation.validation_ok
    assert verdict.reasons == tuple(check.reason for check in verdict.checks if not check.passed)
    assert all(check.reason for check in verdict.checks)
    asked = {(tuple(sorted(check.bounds.items())), check.kind, check.direction) for check in verdict.checks}
    (metric,) = evidence.eval_config.metrics_specs[0].metrics
    assert len(asked) == len({t.threshold.SerializeToString(deterministic=True) for t in metric.per_slice_thresholds})
    assert verdict.to_json()
    assert verdict.to_text().startswith("BLESSED" if verdict.blessed else "NOT BLESSED")
