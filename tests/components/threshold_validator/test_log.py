"""The verdict in the log of a pipeline, where absl's messages may have been silenced by another node."""

import logging

import absl.logging
import pytest
import tensorflow_model_analysis as tfma
from tfx import v1 as tfx
from tfx.types import standard_artifacts

from tfx_explain.components import ThresholdValidator


@pytest.fixture
def run_pipeline(tmp_path, write_evaluation, config, metric, bound):
    def run(auc, lowest):
        """Runs a gate over an evaluation with LocalDagRunner."""
        (tmp_path / "model").mkdir()
        key = tfma.metrics.MetricKey("auc", example_weighted=False)
        sources = {
            "model": (str(tmp_path / "model"), standard_artifacts.Model),
            "evaluation": (write_evaluation({(): {key: auc}}), standard_artifacts.ModelEvaluation),
        }
        importers = {
            name: tfx.dsl.Importer(source_uri=uri, artifact_type=kind).with_id(name)
            for name, (uri, kind) in sources.items()
        }
        gate = ThresholdValidator(
            **{name: importer.outputs["result"] for name, importer in importers.items()},
            eval_config=config(metric("AUC", bound(lower=lowest))),
        )
        database = tfx.orchestration.metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite"))
        pipeline = tfx.dsl.Pipeline(
            pipeline_name="gate",
            pipeline_root=str(tmp_path / "root"),
            components=[*importers.values(), gate],
            metadata_connection_config=database,
        )
        tfx.orchestration.LocalDagRunner().run(pipeline)
        (path,) = (tmp_path / "root" / "ThresholdValidator" / "validation").glob("*/verdict.txt")
        return path

    return run


@pytest.fixture
def silent_absl():
    before = absl.logging.get_verbosity()
    absl.logging.set_verbosity(absl.logging.FATAL)
    yield
    absl.logging.set_verbosity(before)


@pytest.mark.slow
@pytest.mark.parametrize(("auc", "level"), [(0.6, logging.WARNING), (0.8, logging.INFO)])
def test_the_verdict_is_in_the_log_of_a_local_run(run_pipeline, caplog, silent_absl, auc, level):
    with caplog.at_level(logging.INFO, "tfx_explain"):
        path = run_pipeline(auc, 0.7)
    (record,) = [record for record in caplog.records if record.name.startswith("tfx_explain")]
    assert record.levelno == level
    lines = record.getMessage().splitlines()
    assert lines[0] == path.read_text().splitlines()[0]
    assert lines[0].startswith("NOT BLESSED: 0 of 1" if level == logging.WARNING else "BLESSED: 1 of 1")
    assert lines[1:-1] == (["- auc on Overall is 0.6; allowed: at least 0.7"] if level == logging.WARNING else [])
    assert lines[-1] == f"The whole verdict: {path}"
