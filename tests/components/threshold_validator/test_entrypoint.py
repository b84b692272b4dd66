"""The blessing as TFX's entrypoint for containers passes it on, from an ExecutorInput as Vertex AI fills it in."""

import json
import shutil

import pytest
from tfx import v1 as tfx
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
from tfx.types.standard_artifacts import Model, ModelEvaluation

from tfx_explain.components import ThresholdValidator

STORE = "projects/1/locations/here/metadataStores/default/artifacts"


@pytest.fixture
def task(config, metric, bound):
    """Compiles a gate; returns its command's arguments and its parameters."""
    kinds = {"model": Model, "baseline_model": Model, "evaluation": ModelEvaluation}
    given = {key: tfx.dsl.Importer(source_uri="/x", artifact_type=kind).with_id(key) for key, kind in kinds.items()}
    gate = ThresholdValidator(
        **{key: importer.outputs["result"] for key, importer in given.items()},
        eval_config=config(metric("AUC", bound(lower=0.6))),
    ).with_id("Gate")
    settings = kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(default_image="image", use_pipeline_spec_2_1=True)
    job = kubeflow_v2_dag_runner.KubeflowV2DagRunner(settings).run(
        tfx.dsl.Pipeline("gated", "/root", components=[*given.values(), gate]), write_out=False
    )["pipelineSpec"]
    parameters = job["root"]["dag"]["tasks"]["Gate"]["inputs"]["parameters"]
    arguments = job["deploymentSpec"]["executors"]["Gate_executor"]["container"]["args"]
    return arguments, {name: one["runtimeValue"]["constant"] for name, one in parameters.items()}


@pytest.fixture
def run_task(task, tmp_path, one_model_evaluation):
    def run(models):
        """Runs the command; returns the blessing's metadata as the orchestrator gets them."""
        arguments, parameters = task
        inputs = {"evaluation": ("ModelEvaluation", one_model_evaluation, f"{STORE}/12"), **models}
        outputs = {"blessing": "ModelBlessing", "validation": "ModelEvaluation"}
        executor_input = {
            "inputs": {
                "parameterValues": parameters,
                "artifacts": {key: artifact(kind, uri, name) for key, (kind, uri, name) in inputs.items()},
            },
            "outputs": {
                "artifacts": {key: artifact(kind, str(tmp_path / key), "") for key, kind in outputs.items()},
                "outputFile": str(tmp_path / "task" / "executor_output.json"),
            },
        }
        filled = [json.dumps(executor_input) if argument == "{{$}}" else argument for argument in arguments]
        kubeflow_v2_run_executor.main(kubeflow_v2_run_executor._parse_flags(filled))
        written = json.loads((tmp_path / "task" / "executor_output.json").read_text())
        return written["artifacts"]["blessing"]["artifacts"][0]["metadata"]

    return run


def artifact(kind, uri, name):
    return {"artifacts": [{"name": name, "uri": uri, "type": {"instanceSchema": f"title: tfx.{kind}\ntype: object\n"}}]}


def test_a_blessing_names_models_as_the_orchestrator_does_and_the_node(run_task, tmp_path, saved_model):
    shutil.copytree(saved_model, tmp_path / "model" / "Format-Serving")
    model = "Model", str(tmp_path / "model"), f"{STORE}/7"
    blessing = run_task({"model": model, "baseline_model": (*model[:2], f"{STORE}/5")})
    assert blessing["blessed"] == 1
    assert blessing["component_id"] == "Gate"
    assert (blessing["current_model_id"], blessing["baseline_model_id"]) == (f"{STORE}/7", f"{STORE}/5")


def test_a_model_without_a_name_is_left_out(run_task, tmp_path):
    """Where an orchestrator gives artifacts no names."""
    blessing = run_task({"model": ("Model", str(tmp_path / "model"), "")})
    assert blessing["blessed"] == 1
    assert "current_model_id" not in blessing


def test_a_baseline_model_that_says_it_is_none_is_not_named(run_task, tmp_path, empty_model):
    model = "Model", str(tmp_path / "model"), f"{STORE}/7"
    blessing = run_task({"model": model, "baseline_model": ("Model", empty_model.uri, f"{STORE}/5")})
    assert "baseline_model_id" not in blessing
    assert "baseline_model" not in blessing
