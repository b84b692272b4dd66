"""Models as a Pusher leaves them, and both of TFX's kinds of launchers."""

import pytest
import tensorflow as tf
from tfx.orchestration import data_types
from tfx.orchestration.launcher import in_process_component_launcher
from tfx.orchestration.metadata import Metadata, sqlite_metadata_connection_config
from tfx.types import artifact_utils, standard_artifacts

from tfx_explain.storage.no_model import NoModel, write_no_model


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory):
    """A SavedModel with a variable."""
    module = tf.Module()
    module.weight = tf.Variable(2.0)
    module.serve = tf.function(lambda x: x * module.weight, input_signature=[tf.TensorSpec([None], tf.float32)])
    path = tmp_path_factory.mktemp("saved") / "model"
    tf.saved_model.save(module, str(path), signatures=module.serve)
    return path


@pytest.fixture
def empty_model(tmp_path):
    """A Model artifact that says that there is none, without properties, as some orchestrators pass it on."""
    artifact = standard_artifacts.Model()
    artifact.uri = str(tmp_path / "empty_model")
    write_no_model(artifact.uri, NoModel("Nothing was pushed.", is_first=True))
    return artifact


@pytest.fixture
def database(tmp_path):
    return sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite"))


@pytest.fixture
def launch(tmp_path, database):
    def run(component, run_id="1", enable_cache=False):
        """Runs a component as Airflow does, by TFX's older launcher; returns its output artifacts."""
        launcher = in_process_component_launcher.InProcessComponentLauncher.create(
            component=component,
            pipeline_info=data_types.PipelineInfo("older", str(tmp_path / "root"), run_id),
            driver_args=data_types.DriverArgs(enable_cache=enable_cache),
            metadata_connection=Metadata(database),
            beam_pipeline_args=[],
            additional_pipeline_args={},
        )
        return {key: artifact_utils.get_single_instance(found) for key, found in launcher.launch().output_dict.items()}

    return run
