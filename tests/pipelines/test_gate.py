import json

import tensorflow_model_analysis as tfma

from tfx_explain.gate.config.lint import lint
from tfx_explain.gate.config.verify import verify_config
from tfx_explain.gate.usual import calibration_of
from tfx_explain.pipelines.census import features, gate
from tfx_explain.proto import explanation_pb2


def test_the_gate_understands_its_config():
    verify_config(gate.gate_config(), explanation_pb2.GatePolicy())


def test_the_evaluator_gates_auc_by_value_and_by_change():
    [[metric]] = [spec.metrics for spec in gate.evaluator_config().metrics_specs]
    [threshold] = metric.per_slice_thresholds
    assert metric.class_name == "AUC"
    assert threshold.threshold.value_threshold.HasField("lower_bound")
    assert threshold.threshold.change_threshold.direction == tfma.MetricDirection.HIGHER_IS_BETTER


def test_the_gate_asks_whatever_the_evaluator_asks():
    evaluator, own = gate.evaluator_config(), gate.gate_config()
    assert own.metrics_specs[0] == evaluator.metrics_specs[0]
    assert own.slicing_specs == evaluator.slicing_specs


def test_no_feature_may_rise_or_go_dead_unnoticed():
    metrics = [metric for spec in gate.gate_config().metrics_specs for metric in spec.metrics]
    bounded: dict[str, set[str]] = {}
    for metric in metrics:
        for sliced in metric.per_slice_thresholds:
            if metric.class_name == "AttributionShare" and sliced.slicing_specs[0] == tfma.SlicingSpec():
                feature = json.loads(metric.config)["feature"]
                bounded[feature] = {
                    name for name in ("value_threshold", "change_threshold") if sliced.threshold.HasField(name)
                }
    assert bounded == {feature: {"value_threshold", "change_threshold"} for feature in features.FEATURES}


def test_the_bounds_know_what_is_usual():
    calibration = calibration_of(gate.gate_config())
    assert calibration is not None
    assert calibration.rate == 0.01
    assert {where for _, _, where in calibration.usual} == {"Overall", "sex:Female", "sex:Male"}
    assert lint(gate.gate_config()) == ()


def test_sex_and_race_are_capped_on_the_whole_and_for_each_sex():
    capped = [spec.metrics[0] for spec in gate.gate_config().metrics_specs if "capped" in spec.metrics[0].config]
    assert {json.loads(metric.config)["feature"] for metric in capped} == {"sex", "race"}
    assert all(metric.threshold.value_threshold.HasField("upper_bound") for metric in capped)
    assert list(gate.gate_config().slicing_specs) == [tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=["sex"])]
