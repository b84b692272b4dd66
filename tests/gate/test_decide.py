"""Decisions on drawn configs and values: against TFMA's, and against the thresholds' definition written down again."""

import math

import tensorflow_model_analysis as tfma
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_model_analysis.evaluators import metrics_validator
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer

from tfx_explain.gate.deciding.decide import decide
from tfx_explain.gate.reading.evaluations import SliceMetrics
from tfx_explain.gate.reading.evidence import Evidence
from tfx_explain.gate.slices import printed
from tfx_explain.metrics import configs
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
        evidence.slices[slice_key] = SliceMetrics(metrics)
    return evidence


def holds(check) -> bool:
    """What a check's own numbers say of its bounds."""
    value = check.observed if check.kind == "value" else check.change
    if value is None or not math.isfinite(value):
        return False
    if check.kind == "change" and not math.isfinite(check.baseline):
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


METRICS = [
    {"class_name": "AUC"},
    {"class_name": "ExampleCount"},
    {"class_name": "BinaryAccuracy", "config": '{"name": "accuracy", "threshold": 0.3}'},
    {"class_name": "AttributionShare", "module": "tfx_explain.metrics", "config": '{"feature": "age"}'},
]
SPECS = [
    {},
    {"output_names": ["first", "second"]},
    {"binarize": {"class_ids": {"values": [0, 2]}}},
    {"query_key": "query"},
    {"example_weights": {"weighted": True, "unweighted": True}},
]
CROSSES = [
    {"baseline_spec": {}, "slicing_specs": [{"feature_keys": ["sex"]}]},
    {"baseline_spec": SLICES[MALE], "slicing_specs": [SLICES[FEMALE]]},
]
SLICE_KEYS = [*SLICES, (("sex", "Male"), ("age", 3)), ((), MALE), (MALE, FEMALE)]
SLICINGS = [
    *SLICES.values(),
    {"feature_keys": ["sex", "age"]},
    {"feature_keys": ["age"], "feature_values": {"sex": "X"}},
]


@st.composite
def metric_configs(draw):
    metric = config_pb2.MetricConfig(**draw(st.sampled_from(METRICS)))
    if draw(st.booleans()):
        metric.threshold.CopyFrom(draw(thresholds()))
    for slicing in draw(st.lists(st.sampled_from(SLICINGS), max_size=2)):
        metric.per_slice_thresholds.add(threshold=draw(thresholds()), slicing_specs=[slicing])
    for cross in draw(st.lists(st.sampled_from(CROSSES), max_size=1)):
        metric.cross_slice_thresholds.add(threshold=draw(thresholds()), cross_slicing_specs=[cross])
    return metric


@st.composite
def eval_configs(draw):
    """Several specs with several metrics, by class and by name; without and with a direction."""
    config = config_pb2.EvalConfig(model_specs=[config_pb2.ModelSpec(example_weight_key="weight")])
    for settings_of_spec in draw(st.lists(st.sampled_from(SPECS), min_size=1, max_size=2, unique_by=str)):
        metrics = draw(st.lists(metric_configs(), max_size=2, unique_by=lambda m: m.class_name))
        spec = config.metrics_specs.add(metrics=metrics, **settings_of_spec)
        for name in draw(st.sets(st.sampled_from(["loss", "by_name"]), max_size=1)):
            spec.thresholds[name].CopyFrom(draw(thresholds()))
            per_slice = {"threshold": draw(thresholds()), "slicing_specs": [draw(st.sampled_from(SLICINGS))]}
            spec.per_slice_thresholds[name].thresholds.add(**per_slice)
    if draw(st.booleans()):
        for metric in (m for spec in config.metrics_specs for m in spec.metrics):
            if metric.threshold.HasField("change_threshold"):
                metric.threshold.change_threshold.direction = config_pb2.MetricDirection.UNKNOWN
    return config


@st.composite
def wide_evidences(draw):
    """Any such config, and some of its metrics on some slices, plain and crossed."""
    evidence = Evidence(draw(eval_configs()), has_baseline=draw(st.booleans()))
    config = configs.with_defaults(evidence.eval_config, evidence.has_baseline)
    table = tfma.metrics.metric_thresholds_from_metrics_specs(config.metrics_specs, eval_config=config)
    values = st.one_of(NUMBERS, st.just(math.nan))
    for slice_key in draw(st.sets(st.sampled_from(SLICE_KEYS), max_size=4)):
        metrics = evidence.slices.setdefault(slice_key, SliceMetrics()).values
        for key in draw(st.sets(st.sampled_from(sorted(table, key=str)))) if table else ():
            # A value that a change was made of stays as it was.
            candidate = metrics.setdefault(key._replace(is_diff=False), draw(values))
            if key.is_diff:
                metrics[key] = candidate - metrics.setdefault(key.make_baseline_key("baseline"), draw(values))
    return evidence


def stock_result(evidence):
    """What TFMA says, by the functions that the stock Evaluator runs."""
    config = configs.with_defaults(evidence.eval_config, evidence.has_baseline)
    combiner = metrics_plots_and_validations_writer.CombineValidations(config, rubber_stamp=not evidence.has_baseline)
    accumulator = combiner.create_accumulator()
    # Of a single and a crossed slicing spec, TFMA keeps the details of the one that comes first.
    for slice_key, metrics in sorted(evidence.slices.items(), key=lambda item: printed(item[0])):
        accumulator = combiner.add_input(
            accumulator, metrics_validator.validate_metrics((slice_key, metrics.values), config)
        )
    return combiner.extract_output(accumulator)


def asks_for_the_whole_in_vain(evidence) -> bool:
    """Whether a threshold is on the whole, which is not there: TFMA takes it for one on every slice."""
    config = configs.with_defaults(evidence.eval_config, evidence.has_baseline)
    table = tfma.metrics.metric_thresholds_from_metrics_specs(config.metrics_specs, eval_config=config)
    asked = [spec for key, found in table.items() if key.model_name != "baseline" for spec, _ in found]
    return () not in evidence.slices and config_pb2.SlicingSpec() in asked


def test_the_whole_is_missed_where_tfma_misses_nothing(config, metric, bound):
    on_the_whole = [config_pb2.PerSliceMetricThreshold(threshold=bound(lower=0.1), slicing_specs=[{}])]
    evidence = Evidence(config(metric("AUC", bound(lower=0.1), per_slice_thresholds=on_the_whole)))
    key = tfma.metrics.MetricKey("auc", example_weighted=False)
    evidence.slices[MALE] = SliceMetrics({key: 0.5})
    assert asks_for_the_whole_in_vain(evidence)
    assert stock_result(evidence).validation_ok
    assert decide(evidence, explanation_pb2.GatePolicy()).reasons == (
        "auc was not checked on Overall: no such slice was found (allowed: at least 0.1)",
    )


@settings(max_examples=300, deadline=None)
@given(wide_evidences())
def test_any_config_decides_as_in_tfma(said_by_tfma, evidence):
    verdict = decide(evidence, explanation_pb2.GatePolicy())
    expected = stock_result(evidence)
    if asks_for_the_whole_in_vain(evidence):
        assert not verdict.blessed
        return
    assert said_by_tfma(verdict.validation) == said_by_tfma(expected)
    assert verdict.blessed == verdict.validation.validation_ok == expected.validation_ok
    assert verdict.validation.rubber_stamp == expected.rubber_stamp
    failed = sum(len(of_slice.failures) for of_slice in expected.metric_validations_per_slice)
    assert sum(not check.passed for check in verdict.checks) >= failed
    assert len(verdict.reasons) >= (not verdict.blessed)
