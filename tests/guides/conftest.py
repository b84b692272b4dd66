"""The guides' code blocks, and what the guides take for granted: models, rows, what components wrote."""

import os
import re
import textwrap
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tensorflow_model_analysis.proto import config_pb2
from tfx.types import channel, standard_artifacts

from tfx_explain.beam import ExplanationJob
from tfx_explain.beam.run import explain_splits
from tfx_explain.components import artifacts
from tfx_explain.gate import presets
from tfx_explain.gate.reading.evidence import Sources
from tfx_explain.gate.validate import validate
from tfx_explain.metrics import evaluate_attributions
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, metadata_to_json

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FEATURES = {"age": 0.1, "fnlwgt": 0.01, "hours": 0.05}


def blocks(page, language):
    """The code blocks of a page in one language, also those inside of lists."""
    found = re.findall(rf"(?m)^( *)```{language}\n(.*?)^\1```", page.read_text(), re.DOTALL)
    return [textwrap.dedent(code) for _, code in found]


def model(scale):
    """A classifier of tf.Examples."""
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(examples):
        parsed = tf.io.parse_example(examples, {name: tf.io.FixedLenFeature([], tf.float32) for name in FEATURES})
        return {"score": tf.sigmoid(sum(parsed[name] * weight * scale for name, weight in FEATURES.items()) - 4)}

    module.serve = serve
    return module


def write_rows(path):
    generator = np.random.default_rng(0)
    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions("GZIP")) as writer:
        for _ in range(120):
            example = tf.train.Example()
            for name in FEATURES:
                example.features.feature[name].float_list.value.append(generator.uniform(1, 60))
            example.features.feature["sex"].bytes_list.value.append(generator.choice([b"Male", b"Female"]))
            writer.write(example.SerializeToString())


def write_evaluation(folder):
    """As an Evaluator does, of one model."""
    folder.mkdir()
    key = tfma.metrics.MetricKey("auc", example_weighted=False)
    metrics = tfma.writers.convert_slice_metrics_to_proto(((), {key: 0.9}), add_metrics_callbacks=[])
    with tf.io.TFRecordWriter(str(folder / "metrics-00000-of-00001.tfrecord")) as writer:
        writer.write(metrics.SerializeToString())


def write_statistics(at):
    """As StatisticsGen and SchemaGen do."""
    statistics, schema = statistics_pb2.DatasetFeatureStatisticsList(), schema_pb2.Schema()
    dataset = statistics.datasets.add(num_examples=120)
    for name in FEATURES:
        schema.feature.add(name=name, type=schema_pb2.FLOAT)
        feature = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.FLOAT)
        feature.path.step.append(name)
        feature.num_stats.median = 30
        feature.num_stats.common_stats.num_non_missing = 120
    (at / "statistics/Split-train").mkdir(parents=True)
    (at / "statistics/Split-train/FeatureStats.pb").write_bytes(statistics.SerializeToString())
    (at / "schema.pbtxt").write_text(text_format.MessageToString(schema))


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """A folder with all that the guides' code names."""
    at = tmp_path_factory.mktemp("world")
    for folder in ("serving", "data", "artifacts/Explainer/attributions", "artifacts/ThresholdValidator/validation"):
        (at / folder).mkdir(parents=True)
    for version in (0, 1):
        served = model(1 + version / 10)
        tf.saved_model.save(served, str(at / f"serving/{version}"), signatures={"serving_default": served.serve})
    write_rows(at / "data/eval-0.gz")
    job = ExplanationJob(
        str(at / "serving/1"),
        generate_metadata(str(at / "serving/1")),
        explanation_pb2.ExplanationParameters(),
        str(at / "serving/0"),
    )
    explain_splits(beam.Pipeline, {"eval": [str(at / "data/eval-0.gz")]}, job, str(at / "attributions"))
    (at / "explanation_metadata").mkdir()
    (at / "explanation_metadata/explanation_metadata.json").write_text(metadata_to_json(job.metadata))
    with beam.Pipeline() as pipeline:
        evaluate_attributions(pipeline, [str(at / "attributions/Split-eval/*.gz")], str(at / "evaluation"))
    for name in ("EVALUATION", "EARLIER"):
        write_evaluation(at / name)
    write_statistics(at)
    gate = presets.release_config(presets.metric("AUC", at_least=0.8), *presets.GUARDS, label_key="label")
    (at / "gate.textproto").write_text(text_format.MessageToString(gate))
    (at / "policy.textproto").write_text("relative_change: RATIO")
    sources = Sources([str(at / "EVALUATION")], {"the split": str(at / "attributions/Split-eval")})
    config = text_format.Parse((at / "gate.textproto").read_text(), config_pb2.EvalConfig())
    validate(config, explanation_pb2.GatePolicy(), sources, beam.Pipeline, str(at / "validation"))
    links = {"gate.textproto": ["gate.pbtxt"], "data/eval-0.gz": ["eval-0.gz"], "EVALUATION": ["EVALUATION_DIR"]}
    links |= {"serving/1": ["MODEL", "MODEL_DIR", "model"], "serving/0": ["BLESSED"]}
    links["attributions"] = ["ATTRIBUTIONS", "explained", "RUN_1", "RUN_2", "RUN_3"]
    links["validation"] = ["VERDICT_DIR", "artifacts/ThresholdValidator/validation/1"]
    for target, names in links.items():
        for name in names:
            os.symlink(at / target, at / name)
    os.symlink(at / "attributions", at / "artifacts/Explainer/attributions/1")
    for run in (1, 2, 3):
        (at / f"run-{run}").mkdir()
        for each in (at / "attributions").iterdir():
            os.symlink(each, at / f"run-{run}" / each.name)
    return at


@pytest.fixture(scope="session")
def wired():
    """Components before ours, and what ours are given where a guide writes `...`."""
    kinds = {
        "model": standard_artifacts.Model,
        "examples": standard_artifacts.Examples,
        "schema": standard_artifacts.Schema,
        "statistics": standard_artifacts.ExampleStatistics,
        "evaluation": standard_artifacts.ModelEvaluation,
        "attributions": standard_artifacts.Examples,
        "explanation_metadata": artifacts.ExplanationMetadata,
    }

    class Node:
        outputs = {name: channel.Channel(type=kind) for name, kind in kinds.items()}

    given = {name: Node.outputs[name] for name in ("model", "examples", "explanation_metadata")}
    gate = {name: Node.outputs[name] for name in ("model", "evaluation", "attributions")}
    gate["baseline_model"] = Node.outputs["model"]
    gate["eval_config"] = presets.release_config(*presets.GUARDS, label_key="label")
    nodes = "trainer example_gen schema_gen statistics_gen baseline evaluator fairness_evaluator explainer"
    names = dict.fromkeys([*nodes.split(), "metadata_generator"], Node)
    return names, {"Explainer": given, "ThresholdValidator": gate}
