import json

import pytest

from tfx_explain.kubeflow import compile as kubeflow_compile


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    path = tmp_path_factory.mktemp("kubeflow") / "census.json"
    arguments = {"root": "gs://b/root", "data": "gs://b/data", "serving": "gs://b/serving", "image": "census:1"}
    status = kubeflow_compile.main([*(f"--{name}={value}" for name, value in arguments.items()), f"--output={path}"])
    assert status == 0
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def executors(job):
    return job["pipelineSpec"]["deploymentSpec"]["executors"]


def test_every_component_becomes_a_task_of_the_image(job, executors):
    tasks = set(job["pipelineSpec"]["root"]["dag"]["tasks"])
    assert {"CsvExampleGen", "MetadataGenerator", "Explainer", "ThresholdValidator", "Pusher"} < tasks
    assert {executor["container"]["image"] for executor in executors.values() if "container" in executor} == {
        "census:1"
    }


@pytest.mark.parametrize("name", ["MetadataGenerator", "Explainer", "ThresholdValidator"])
def test_our_components_run_their_own_executors(executors, name):
    _, executor_class, *_ = executors[f"{name}_executor"]["container"]["args"]
    assert executor_class.startswith("tfx_explain.components.")


def test_only_the_gates_blessings_make_a_baseline_model(executors):
    query = executors["Resolver-model-blessing-resolver_executor"]["resolver"]["outputArtifactQueries"]
    assert 'metadata.component_id.string_value="ThresholdValidator"' in query["model_blessing"]["filter"]
    assert "metadata.blessed.number_value=1" in query["model_blessing"]["filter"]


def test_without_its_package_compiling_says_what_to_install(monkeypatch, tmp_path, capsys):
    # As Python marks a module that is not there.
    monkeypatch.setitem(kubeflow_compile.sys.modules, "tfx.orchestration.kubeflow.v2", None)
    arguments = ["--root=r", "--data=d", "--serving=s", "--image=i", f"--output={tmp_path / 'x.json'}"]
    assert kubeflow_compile.main(arguments) == 2
    assert "install tfx-explain[kubeflow]" in capsys.readouterr().err
    assert not (tmp_path / "x.json").exists()
