import json

import pytest
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.metrics import configs

FEATURES = ("age", "capital-gain", "capital-loss", "Capital")


def config(class_name, settings, **thresholds):
    metric = config_pb2.MetricConfig(
        class_name=class_name, module="tfx_explain.metrics", config=json.dumps(settings), **thresholds
    )
    return config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=[metric])])


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("capital-*", ["capital-gain", "capital-loss"]),
        ("*", ["Capital", "age", "capital-gain", "capital-loss"]),
        ("capital-[gx]*", ["capital-gain"]),
        ("?ge", ["age"]),
        ("age", ["age"]),
        ("none*", ["none*"]),
    ],
)
def test_a_glob_stands_for_the_features_that_match(glob, expected):
    threshold = config_pb2.MetricThreshold(value_threshold={"upper_bound": {"value": 0.5}})
    eval_config = config("AttributionShare", {"feature": glob}, threshold=threshold)
    (spec,) = configs.with_features(eval_config, FEATURES).metrics_specs
    assert [json.loads(m.config)["feature"] for m in spec.metrics] == expected
    assert all(m.threshold == threshold for m in spec.metrics)
    names = [m.name for m in configs.metric_instances(config_pb2.EvalConfig(metrics_specs=[spec]))]
    assert names == [f"attribution_share/{feature}" for feature in expected]


def test_a_feature_whose_name_looks_like_a_glob_is_taken_by_its_name():
    expanded = configs.with_features(config("AttributionShare", {"feature": "a[0]*"}), ["a[0]*", "a0b"])
    assert [m.name for m in configs.metric_instances(expanded)] == ["attribution_share/a[0]*"]


def test_names_that_were_given_stay_apart():
    expanded = configs.with_features(config("AttributionShare", {"feature": "capital-*", "name": "money"}), FEATURES)
    assert [m.name for m in configs.metric_instances(expanded)] == ["money/capital-gain", "money/capital-loss"]


def test_metrics_of_no_feature_are_left_alone():
    eval_config = config("FailedRows", {})
    assert configs.with_features(eval_config, FEATURES) == eval_config


def test_original_features_are_read_for_slices_and_weights_and_all_of_them_for_sql():
    eval_config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(example_weight_key="w")],
        slicing_specs=[config_pb2.SlicingSpec(feature_keys=["sex"])],
    )
    assert configs.features_read(eval_config) == {"sex", "w"}
    eval_config.slicing_specs.add(slice_keys_sql="SELECT STRUCT(age) FROM example.age WHERE age > 9")
    assert configs.features_read(eval_config) is None
