"""The Explainer on real artifacts: what its outputs hold, and what it leaves when it refuses."""

import functools
import json
import os

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
import tensorflow_model_analysis as tfma
from pyarrow import parquet
from tfx import types
from tfx.components.bulk_inferrer.executor import Executor as BulkInferrer
from tfx.components.statistics_gen.executor import Executor as StatisticsGen
from tfx.components.util import examples_utils
from tfx.proto import bulk_inferrer_pb2, example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import json_utils, path_utils, proto_utils

from tfx_explain.components import artifacts
from tfx_explain.components.explainer import Explainer
from tfx_explain.components.explainer.executor import Executor
from tfx_explain.metrics import summarize_records
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, metadata_to_json
from tfx_explain.storage.fingerprint import model_fingerprint


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


def _examples(folder, rows, payload=None):
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    artifact.split_names = artifact_utils.encode_split_names(["train", "eval"])
    artifact.span = 3
    if payload is not None:
        examples_utils.set_payload_format(artifact, payload)
    for split in ("train", "eval"):
        path = os.path.join(artifact.uri, f"Split-{split}")
        os.makedirs(path)
        if payload == example_gen_pb2.FORMAT_PARQUET:
            parsed = [tf.train.Example.FromString(row).features.feature for row in rows]
            columns = {name: [one[name].float_list.value[0] for one in parsed] for name in ("x", "y")}
            parquet.write_table(pa.table(columns), os.path.join(path, "data-00000-of-00001.parquet"))
            continue
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


def _execute(
    folder, rows, *, baseline=True, function="serve", splits=("eval",), payload=None, eval_config=None, report=None
):
    """Runs the executor as TFX does: empty output folders, proto parameters as JSON."""
    model = _model(folder / "model", function=function)
    inputs = {
        "model": [model],
        "examples": [_examples(folder / "examples", rows, payload)],
        "explanation_metadata": [_metadata(folder / "metadata", model)],
    }
    if baseline:
        given = baseline if isinstance(baseline, types.Artifact) else _model(folder / "baseline_model", slope=5.0)
        inputs["baseline_model"] = [given]
    outputs = {
        "attributions": [standard_artifacts.Examples()],
        "evaluation": [standard_artifacts.ModelEvaluation()],
    }
    for name, (artifact,) in outputs.items():
        artifact.uri = str(folder / name)
        os.makedirs(artifact.uri)
    parameters = proto_utils.proto_to_json(explanation_pb2.ExplanationParameters())
    properties = {"parameters": parameters, "splits": json_utils.dumps(list(splits))}
    if report:
        properties["report"] = report
    if eval_config:
        properties["eval_config"] = proto_utils.proto_to_json(eval_config)
    Executor().Do(inputs, outputs, properties)
    return outputs["attributions"][0], outputs["evaluation"][0]


@pytest.fixture
def run(tmp_path):
    return functools.partial(_execute, tmp_path)


@pytest.fixture(scope="module")
def of_both(tmp_path_factory):
    """Attributions and evaluation of two models, over rows of which one can't be read."""
    return _execute(tmp_path_factory.mktemp("of_both"), [*_rows(200), b"no example"])


@pytest.fixture(scope="module")
def of_one(tmp_path_factory):
    """Attributions and evaluation without a baseline model, and without a report."""
    return _execute(tmp_path_factory.mktemp("of_one"), _rows(10), baseline=False, report="none")


def test_attributions_are_examples_that_tfdv_reads(of_both):
    attributions, _ = of_both
    assert artifact_utils.decode_split_names(attributions.split_names) == ["eval"]
    assert attributions.span == 3
    (pattern,) = examples_utils.get_split_file_patterns([attributions], "eval")
    statistics = tfdv.generate_statistics_from_tfrecord(pattern)
    names = {feature.path.step[0]: feature for feature in statistics.datasets[0].features}
    assert {"x", "y", "tfx_explain/candidate/attributions/x", "tfx_explain/baseline/attributions/y"} <= set(names)
    x = np.arange(200.0)
    mean = names["tfx_explain/candidate/attributions/x"].num_stats.mean
    assert mean == pytest.approx(np.mean(2 * x + x * (1 - x) / 2), rel=1e-4)
    assert attributions.get_int_custom_property("rows_explained") == 200


def test_a_baseline_model_that_says_it_is_none_is_none(run, empty_model):
    attributions, _ = run(_rows(3), baseline=empty_model)
    files = tf.io.gfile.glob(os.path.join(attributions.uri, "Split-eval", "*.gz"))
    names = {
        name
        for record in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator()
        for name in tf.train.Example.FromString(record).features.feature
    }
    assert "tfx_explain/candidate/attributions/x" in names
    assert not any(name.startswith("tfx_explain/baseline/") for name in names)


def test_a_report_without_thresholds_lies_beside_the_records(of_both):
    attributions, _ = of_both
    with open(os.path.join(attributions.uri, "report.html")) as file:
        page = file.read()
    assert "this report was made of attributions alone" in page
    assert f'<a href="file://{attributions.uri}/dead_letters/Split-eval">' in page
    assert "Baselines (2)" in page
    assert "Single rows" in page


def test_no_report_lies_there_where_none_is_wanted(of_one):
    attributions, _ = of_one
    assert sorted(os.listdir(attributions.uri)) == [
        "Split-eval",
        "dead_letters",
        "explanation_metadata.json",
        "summary.json",
    ]
    with pytest.raises(ValueError, match="The Explainer's report is 'all'; give one of everything, sums, none"):
        Explainer(model=None, examples=None, explanation_metadata=None, report="all")


def test_statistics_gen_reads_the_attributions(of_one, tmp_path):
    attributions, _ = of_one
    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(tmp_path / "statistics")
    StatisticsGen().Do({"examples": [attributions]}, {"statistics": [statistics]}, {})
    assert artifact_utils.decode_split_names(statistics.split_names) == ["eval"]
    read = tfdv.load_stats_binary(os.path.join(statistics.uri, "Split-eval", "FeatureStats.pb"))
    assert read.datasets[0].num_examples == 10


def test_bulk_inferrer_reads_the_attributions(of_one, tmp_path):
    attributions, _ = of_one
    results = standard_artifacts.InferenceResult()
    results.uri = str(tmp_path / "inference")
    model = _model(tmp_path / "model")
    properties = {
        "model_spec": proto_utils.proto_to_json(bulk_inferrer_pb2.ModelSpec()),
        "data_spec": proto_utils.proto_to_json(bulk_inferrer_pb2.DataSpec()),
        "output_example_spec": None,
    }
    BulkInferrer().Do({"examples": [attributions], "model": [model]}, {"inference_result": [results]}, properties)
    files = tf.io.gfile.glob(os.path.join(results.uri, "*.gz"))
    assert len(list(tf.data.TFRecordDataset(files, "GZIP"))) == 10


def test_parquet_is_explained_as_tf_examples_are(run, tmp_path):
    attributions, _ = run(_rows(10), baseline=False, payload=example_gen_pb2.FORMAT_PARQUET)
    assert attributions.get_int_custom_property("rows_explained") == 10
    assert examples_utils.get_payload_format(attributions) == example_gen_pb2.FORMAT_TF_EXAMPLE


def test_the_evaluation_has_the_slices_that_are_asked_for(run):
    config = tfma.EvalConfig(slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=["x"])])
    attributions, evaluation = run(_rows(3), baseline=False, eval_config=config)
    result = tfma.load_eval_result(evaluation.uri)
    assert {key for key, _ in result.slicing_metrics} == {(), (("x", 0.0),), (("x", 1.0),), (("x", 2.0),)}
    assert result.data_location == attributions.uri


def test_evaluation_is_read_by_tfma(of_both):
    _, evaluation = of_both
    assert tfma.load_eval_result(evaluation.uri).slicing_metrics


def test_without_a_baseline_model_only_the_candidate_is_explained(of_one):
    attributions, _ = of_one
    with open(os.path.join(attributions.uri, "summary.json")) as file:
        summary = json.load(file)
    assert summary["eval"]["rows_explained"] == 10
    assert list(summary["eval"]["provenance"]["models"]) == ["candidate"]


def test_both_artifacts_say_of_what_they_are(of_both):
    attributions, evaluation = of_both
    summaries = []
    for artifact in (attributions, evaluation):
        with open(os.path.join(artifact.uri, "summary.json")) as file:
            summaries.append(json.load(file)["eval"])
        provenance = summaries[-1]["provenance"]
        for name, key in (("candidate", "model"), ("baseline", "baseline_model")):
            fingerprint = artifact.get_string_custom_property(f"{key}_fingerprint")
            assert provenance["models"][name]["fingerprint"] == fingerprint
            assert model_fingerprint(provenance["models"][name]["uri"]) == fingerprint
            assert provenance["models"][name]["uri"].startswith(artifact.get_string_custom_property(f"{key}_uri"))
        (folder,) = provenance["examples"]
        assert folder == f"{json.loads(artifact.get_string_custom_property('examples'))[0]}/Split-eval"
        assert provenance["split"] == "eval"
        assert json.loads(artifact.get_string_custom_property("versions")) == provenance["versions"]
        assert json.loads(artifact.get_string_custom_property("parameters")) == provenance["parameters"]
        assert artifact.get_string_custom_property("metadata") == provenance["metadata"]
    assert summaries[0] == summaries[1]
    found = summarize_records([os.path.join(attributions.uri, "Split-eval", "*")])
    assert int(summaries[0]["records_digest"], 16) == found.digest


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"splits": ()}, "name the splits to explain in a list"),
        ({"splits": ("valid",)}, "no split valid; they have train, eval"),
        ({"function": "serve_steps", "baseline": False}, "'x', 'y'.*sampled_shapley_attribution"),
        ({"rows": []}, "Split 'eval' of the examples has no records"),
        ({"payload": example_gen_pb2.FORMAT_PROTO}, "payload format is FORMAT_PROTO; the Explainer reads"),
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
    with pytest.raises(ValueError, match="name each split once"):
        Explainer(**channels, splits=["eval", "eval"])
    with pytest.raises(ValueError, match="top_k is 2; give one of them"):
        Explainer(**channels, parameters=explanation_pb2.ExplanationParameters(top_k=2, output_indices=[0]))
