"""The Explainer on real artifacts: what its outputs hold, and what it leaves when it refuses."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
import tensorflow_model_analysis as tfma
from tfx import types
from tfx.components.util import examples_utils
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import json_utils, path_utils, proto_utils

from tfx_explain.components import artifacts
from tfx_explain.components.explainer import Explainer
from tfx_explain.components.explainer.executor import Executor
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, metadata_to_json


class Served(tf.Module):
    """A regression on two floats behind a tf.Example parser; `gate` only chooses a branch."""

    def __init__(self, slope):
        super().__init__()
        self.slope = tf.Variable(slope)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples):
        spec = {name: tf.io.FixedLenFeature([], tf.float32) for name in ("x", "y")}
        parsed = tf.io.parse_example(examples, spec)
        return {"value": self.slope * parsed["x"] + parsed["x"] * parsed["y"]}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve_steps(self, examples):
        spec = {name: tf.io.FixedLenFeature([], tf.float32) for name in ("x", "y")}
        parsed = tf.io.parse_example(examples, spec)
        return {"value": self.slope * tf.cast((parsed["x"] > 1.0) & (parsed["y"] > 1.0), tf.float32)}


def _model(folder, slope=2.0, function="serve"):
    artifact = standard_artifacts.Model()
    artifact.uri = str(folder)
    served = Served(slope)
    path = path_utils.serving_model_dir(artifact.uri)
    tf.saved_model.save(served, path, signatures={"serving_default": getattr(served, function)})
    return artifact


def _examples(folder, rows):
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    artifact.split_names = artifact_utils.encode_split_names(["train", "eval"])
    artifact.span = 3
    for split in ("train", "eval"):
        path = os.path.join(artifact.uri, f"Split-{split}")
        os.makedirs(path)
        options = tf.io.TFRecordOptions(compression_type="GZIP")
        with tf.io.TFRecordWriter(os.path.join(path, "data_tfrecord-00000-of-00001.gz"), options) as writer:
            for row in rows:
                writer.write(row)
    return artifact


def _rows(count):
    def feature(value):
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))

    return [
        tf.train.Example(
            features=tf.train.Features(feature={"x": feature(float(i)), "y": feature(1.0 - i)})
        ).SerializeToString()
        for i in range(count)
    ]


def _metadata(folder, model):
    artifact = artifacts.ExplanationMetadata()
    artifact.uri = str(folder)
    os.makedirs(artifact.uri)
    metadata = generate_metadata(path_utils.serving_model_path(model.uri))
    with open(os.path.join(artifact.uri, "explanation_metadata.json"), "w") as file:
        file.write(metadata_to_json(metadata))
    return artifact


@pytest.fixture
def run(tmp_path):
    """Runs the executor as TFX does: empty output folders, proto parameters as JSON."""

    def execute(rows, *, baseline=True, function="serve", splits=("eval",)):
        model = _model(tmp_path / "model", function=function)
        inputs = {
            "model": [model],
            "examples": [_examples(tmp_path / "examples", rows)],
            "explanation_metadata": [_metadata(tmp_path / "metadata", model)],
        }
        if baseline:
            inputs["baseline_model"] = [_model(tmp_path / "baseline_model", slope=5.0)]
        outputs = {
            "attributions": [standard_artifacts.Examples()],
            "evaluation": [standard_artifacts.ModelEvaluation()],
        }
        for name, (artifact,) in outputs.items():
            artifact.uri = str(tmp_path / name)
            os.makedirs(artifact.uri)
        parameters = proto_utils.proto_to_json(explanation_pb2.ExplanationParameters())
        properties = {"parameters": parameters, "splits": json_utils.dumps(list(splits))}
        Executor().Do(inputs, outputs, properties)
        return outputs["attributions"][0], outputs["evaluation"][0]

    return execute


def test_attributions_are_examples_that_tfdv_reads(run):
    attributions, _ = run(_rows(30))
    assert artifact_utils.decode_split_names(attributions.split_names) == ["eval"]
    assert attributions.span == 3
    (pattern,) = examples_utils.get_split_file_patterns([attributions], "eval")
    statistics = tfdv.generate_statistics_from_tfrecord(pattern)
    names = {feature.path.step[0]: feature for feature in statistics.datasets[0].features}
    assert {"x", "y", "tfx_explain/candidate/attributions/x", "tfx_explain/baseline/attributions/y"} <= set(names)
    x = np.arange(30.0)
    mean = names["tfx_explain/candidate/attributions/x"].num_stats.mean
    assert mean == pytest.approx(np.mean(2 * x + x * (1 - x) / 2), rel=1e-4)
    assert attributions.get_int_custom_property("rows_explained") == 30


def test_evaluation_is_read_by_tfma(run):
    attributions, evaluation = run(_rows(30))
    result = tfma.load_eval_result(evaluation.uri)
    assert result.slicing_metrics
    assert result.data_location == attributions.uri


def test_without_a_baseline_model_only_the_candidate_is_explained(run):
    attributions, _ = run(_rows(5), baseline=False)
    with open(os.path.join(attributions.uri, "summary.json")) as file:
        summary = json.load(file)
    assert summary["eval"]["rows_explained"] == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"splits": ("valid",)}, "no split valid; they have train, eval"),
        ({"function": "serve_steps", "baseline": False}, "'x', 'y'.*sampled_shapley_attribution"),
        ({"rows": []}, "Split 'eval' of the examples has no records"),
    ],
)
def test_a_refusal_leaves_no_artifact_that_looks_finished(options, message, run, tmp_path):
    with pytest.raises(ValueError, match=message):
        run(**{"rows": _rows(5), **options})
    assert list((tmp_path / "attributions").iterdir()) == []
    assert list((tmp_path / "evaluation").iterdir()) == []
    assert not list(tmp_path.glob("*.incomplete"))


def test_component_refuses_an_empty_list_of_splits():
    channels = {
        "model": types.Channel(type=standard_artifacts.Model),
        "examples": types.Channel(type=standard_artifacts.Examples),
        "explanation_metadata": types.Channel(type=artifacts.ExplanationMetadata),
    }
    assert set(Explainer(**channels).outputs) == {"attributions", "evaluation"}
    with pytest.raises(ValueError, match="name the splits"):
        Explainer(**channels, splits=[])
