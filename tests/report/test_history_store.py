"""A history out of an ML Metadata store that real runs wrote, with the real gate."""

# pyright: reportInvalidTypeArguments=false
# TFX's annotations take their argument by a metaclass, which a type checker doesn't see.

import pytest
import tensorflow as tf
from ml_metadata.proto import metadata_store_pb2
from tfx import v1 as tfx
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples, Model

from tfx_explain.components import ThresholdValidator
from tfx_explain.gate import presets
from tfx_explain.report.history.run import Reading
from tfx_explain.report.history.store import left_by
from tfx_explain.report.history.write import read_history
from tfx_explain.storage import columns


@tfx.dsl.components.component
def Trainer(model: OutputArtifact[Model]):  # noqa: N802
    tf.io.gfile.makedirs(f"{model.uri}/Format-Serving")
    with tf.io.gfile.GFile(f"{model.uri}/Format-Serving/saved_model.pb", "w") as file:
        file.write("a model")


@tfx.dsl.components.component
def Explainer(attributions: OutputArtifact[Examples], share: Parameter[float]):  # noqa: N802
    """Writes 30 rows in which one of two features has such a share, or fails if that is below 0."""
    if share < 0:
        raise ValueError("no attributions today")
    example = tf.train.Example()
    for name, value in {"leak": share, "other": 1 - share}.items():
        example.features.feature[columns.attribution_column(columns.CANDIDATE, name)].float_list.value.append(value)
    tf.io.gfile.makedirs(f"{attributions.uri}/Split-eval")
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    path = f"{attributions.uri}/Split-eval/attributions-00000-of-00001.gz"
    with tf.io.TFRecordWriter(path, options) as writer:
        for _ in range(30):
            writer.write(example.SerializeToString())
    attributions.split_names = artifact_utils.encode_split_names(["eval"])


def run(folder, share):
    """Runs the pipeline once."""
    trainer, explainer = Trainer(), Explainer(share=share)
    validator = ThresholdValidator(
        model=trainer.outputs["model"],
        attributions=explainer.outputs["attributions"],
        eval_config=presets.release_config(presets.capped(["leak"], at_most=0.3), label_key="label"),
        report="none",
    )
    pipeline = tfx.dsl.Pipeline(
        pipeline_name="tiny",
        pipeline_root=str(folder),
        components=[trainer, explainer, validator],
        metadata_connection_config=sqlite_metadata_connection_config(str(folder / "metadata.sqlite")),
        enable_cache=False,
    )
    tfx.orchestration.LocalDagRunner().run(pipeline)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for share in (0.1, 0.6):
        run(folder, share)
    with pytest.raises(Exception, match="no attributions today"):
        run(folder, -1.0)
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(folder / "metadata.sqlite")
    return connection


def test_it_is_what_the_runs_did(store, tmp_path):
    first, second, failed = read_history(left_by(store), Reading(str(tmp_path)))
    assert [run.is_blessed for run in (first, second, failed)] == [True, False, False]
    assert first.shares() == pytest.approx({"leak": 0.1, "other": 0.9})
    assert second.shares() == pytest.approx({"leak": 0.6, "other": 0.4})
    assert (second.drift["last_blessed"].run, second.drift["last_blessed"].change) == (1, pytest.approx(0.5))
    # Two runs may be decided on in one second, which is what verdicts tell.
    assert "" < first.time <= second.time
    assert first.problems == second.problems == []
    assert failed.problems == ["The metadata store knows of no attributions and no verdict of this run."]
    # What a verdict says of its records is what a reader of the directories goes by.
    assert len(first.decision.records) == 1


def test_a_pipeline_is_asked_for_by_its_name(store):
    assert len(left_by(store, "tiny")) == 3
    with pytest.raises(ValueError, match="unknown pipeline 'tinny'; did you mean 'tiny'"):
        left_by(store, "tinny")


def test_an_empty_store_and_none_are_one_sentence(tmp_path):
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(tmp_path / "metadata.sqlite")
    with pytest.raises(ValueError, match=r"The metadata store has 0 pipelines \(none\)"):
        left_by(connection)
    connection.sqlite.filename_uri = str(tmp_path / "no" / "folder")
    with pytest.raises(ValueError, match="The metadata store can't be read: "):
        left_by(connection)
