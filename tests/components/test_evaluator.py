"""The Evaluator's executor: the stock one's results, without a baseline model where that says that it is none."""

import os

import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tfx.components.evaluator import component as stock_component
from tfx.components.evaluator import executor as stock
from tfx.types import Channel, artifact_utils, standard_artifacts
from tfx.utils import proto_utils

from tfx_explain.components import Evaluator
from tfx_explain.components.evaluator.executor import Executor


def feature(value):
    return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))


@pytest.fixture
def served(tmp_path):
    """A Model artifact whose prediction is its one feature."""
    spec = {"x": tf.io.FixedLenFeature([1], tf.float32)}
    module = tf.Module()
    module.serve = tf.function(
        lambda examples: {"value": tf.io.parse_example(examples, spec)["x"]},
        input_signature=[tf.TensorSpec([None], tf.string, name="examples")],
    )
    artifact = standard_artifacts.Model()
    artifact.uri = str(tmp_path / "model")
    tf.saved_model.save(module, f"{artifact.uri}/Format-Serving", signatures=module.serve)
    return artifact


@pytest.fixture
def examples(tmp_path):
    artifact = standard_artifacts.Examples()
    artifact.uri = str(tmp_path / "examples")
    artifact.split_names = artifact_utils.encode_split_names(["eval"])
    os.makedirs(f"{artifact.uri}/Split-eval")
    with tf.io.TFRecordWriter(f"{artifact.uri}/Split-eval/rows-00000-of-00001.gz", "GZIP") as writer:
        for value in (0.0, 1.0, 2.0):
            row = tf.train.Example(features=tf.train.Features(feature={"x": feature(value), "label": feature(1.0)}))
            writer.write(row.SerializeToString())
    return artifact


@pytest.mark.parametrize("baseline", ["none", "says so", "model"])
def test_results_are_the_stock_evaluators(tmp_path, served, examples, empty_model, baseline):
    outputs = {"blessing": [standard_artifacts.ModelBlessing()], "evaluation": [standard_artifacts.ModelEvaluation()]}
    for name, (artifact,) in outputs.items():
        artifact.uri = str(tmp_path / name)
    change = tfma.GenericChangeThreshold(absolute={"value": 0.1}, direction=tfma.MetricDirection.LOWER_IS_BETTER)
    threshold = tfma.MetricThreshold(value_threshold={"upper_bound": {"value": 0.7}}, change_threshold=change)
    metric = tfma.MetricConfig(class_name="MeanSquaredError", threshold=threshold)
    config = tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(label_key="label", signature_name="serving_default")],
        metrics_specs=[tfma.MetricsSpec(metrics=[metric])],
    )
    baselines = {"none": [], "says so": [empty_model], "model": [served]}[baseline]
    inputs = {"model": [served], "examples": [examples], "baseline_model": baselines}
    Executor().Do(inputs, outputs, {"eval_config": proto_utils.proto_to_json(config), "example_splits": "null"})
    (blessing,) = outputs["blessing"]
    assert blessing.get_int_custom_property("blessed") == 1
    assert blessing.has_custom_property("baseline_model") == (baseline == "model")
    (of_whole,) = tfma.load_metrics(str(tmp_path / "evaluation"))
    compared = [item.key.is_diff for item in of_whole.metric_keys_and_values]
    assert any(compared) == (baseline == "model")


def test_the_component_is_the_stock_one_with_this_executor():
    assert issubclass(Executor, stock.Executor)
    assert Evaluator.EXECUTOR_SPEC.executor_class is Executor
    assert Evaluator.__name__ == stock_component.Evaluator.__name__


def test_its_blessings_name_the_node():
    """The stock executor writes what it finds under this key."""
    node = Evaluator(examples=Channel(type=standard_artifacts.Examples), eval_config=tfma.EvalConfig())
    assert node.with_id("Fairness").exec_properties["current_component_id"] == "Fairness"
