"""The component on TFX's launchers: what it copies, what it says, and that it always looks again."""

import logging
import shutil

import pytest
import tensorflow as tf
from tfx import v1 as tfx
from tfx.components.pusher import executor as pusher_executor
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from tfx_explain.components import LatestPushedModel
from tfx_explain.components.artifacts import serving_model_dir
from tfx_explain.storage.fingerprint import model_fingerprint
from tfx_explain.storage.no_model import read_no_model


@pytest.fixture
def serving(tmp_path):
    return tmp_path / "serving"


def test_what_the_pusher_pushed_is_copied_to_where_tfx_looks_for_it(launch, serving, saved_model, tmp_path, caplog):
    model, pushed = standard_artifacts.Model(), standard_artifacts.PushedModel()
    model.uri, pushed.uri = str(tmp_path / "model"), str(tmp_path / "pushed")
    shutil.copytree(saved_model, tmp_path / "model" / "Format-Serving")
    destination = pusher_pb2.PushDestination(
        filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=str(serving))
    )
    properties = {"push_destination": proto_utils.proto_to_json(destination)}
    pusher_executor.Executor().Do({"model": [model]}, {"pushed_model": [pushed]}, properties)

    with caplog.at_level(logging.INFO, "tfx_explain"):
        found = launch(LatestPushedModel(base_directory=str(serving)))["model"]
    (version,) = serving.iterdir()
    assert tf.saved_model.load(serving_model_dir([found])).serve(tf.constant([3.0])).numpy() == [6.0]
    assert found.get_string_custom_property("copied_from") == str(version)
    assert found.get_string_custom_property("model_fingerprint") == model_fingerprint(str(saved_model))
    assert f"The baseline model is {version}: It is the newest whole one of 1 versions" in caplog.text


def test_that_there_is_no_model_stands_in_a_file_and_in_the_log(launch, serving, caplog):
    found = launch(LatestPushedModel(base_directory=str(serving)))["model"]
    assert read_no_model(found.uri).is_first
    assert found.get_string_custom_property("no_model") == f"No version was pushed to {str(serving)!r} yet."
    (record,) = [record for record in caplog.records if record.name.startswith("tfx_explain")]
    assert record.levelno == logging.WARNING
    assert "No baseline model: No version was pushed" in record.getMessage()


def run_locally(tmp_path, component, database):
    pipeline = tfx.dsl.Pipeline(
        pipeline_name="local",
        pipeline_root=str(tmp_path / "root"),
        components=[component],
        metadata_connection_config=database,
        enable_cache=True,
    )
    tfx.orchestration.LocalDagRunner().run(pipeline)


@pytest.mark.parametrize("runner", ["older", "local"])
def test_it_is_never_answered_from_a_cache(launch, serving, saved_model, tmp_path, database, runner):
    """The same component, so that nothing about it is another than the first time."""
    component = LatestPushedModel(base_directory=str(serving))
    for run_id in ("1", "2", "3"):
        if runner == "older":
            launch(component, run_id, enable_cache=True)
        else:
            run_locally(tmp_path, component, database)
        if run_id == "2":
            shutil.copytree(saved_model, serving / "7")
    found = sorted((tmp_path / "root" / "LatestPushedModel" / "model").iterdir(), key=lambda path: int(path.name))
    assert [[entry.name for entry in folder.iterdir()] for folder in found] == [
        ["no_model.json"],
        ["no_model.json"],
        ["Format-Serving"],
    ]
