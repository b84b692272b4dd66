import json

import pytest
import tensorflow_model_analysis as tfma

from tfx_explain.gate.config.verify import verify_config
from tfx_explain.pipelines.census import features, gate
from tfx_explain.proto import explanation_pb2


@pytest.fixture(scope="module")
def shares() -> dict[str, tfma.MetricConfig]:
    [_, reasons] = gate.gate_config().metrics_specs
    return {json.loads(metric.config)["feature"]: metric for metric in reasons.metrics}


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


def test_no_feature_may_rise_unnoticed(shares):
    assert set(shares) == set(features.FEATURES)
    for metric in shares.values():
        change = metric.threshold.change_threshold
        assert change.direction == tfma.MetricDirection.LOWER_IS_BETTER
        assert 0 < change.absolute.value < 0.15


def test_sex_and_race_are_capped_on_the_whole_and_for_each_sex(shares):
    capped = {name for name, metric in shares.items() if metric.threshold.HasField("value_threshold")}
    assert capped == {"sex", "race"}
    assert list(gate.gate_config().slicing_specs) == [tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=["sex"])]
