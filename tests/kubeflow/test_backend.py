"""Compiled tasks run as the local backend starts them: a model that is imported, explained and judged."""

import json
import re

import pytest
import yaml
from google.protobuf import json_format

from tests.kubeflow import pipelines, pods
from tests.kubeflow.backend import Backend, TaskError
from tests.kubeflow.conftest import fill_store
from tfx_explain.kubeflow.compile import Target, as_text, compile_pipeline


def compiled(pipeline, settings=None):
    return as_text(compile_pipeline(pipeline, "image:1", Target.KFP, settings), Target.KFP)


def files_under(folder):
    """Contents of files, in which a pod's folders are at `/`, as in an image, and seconds are left out."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    differing = rb'(?<=")[^"]*/pods/[^/]+(?=/)|(?<=_seconds": )[0-9.e-]+'
    return {name: re.sub(differing, b"", path.read_bytes()) for name, path in files.items()}


def has_begun_to_write(pod):
    return pod.task == "Explainer" and any((pod.files / "minio").glob("**/Explainer/*/attributions*/**/*"))


@pytest.fixture(scope="module")
def tried_again(tmp_path_factory):
    """A run with values for its parameters, whose first Explainer was killed; and the tasks that it attempted."""
    attempts = []

    def start(pod):
        attempts.append(pod.task)
        return pods.run_process(pod, has_begun_to_write if attempts.count("Explainer") == 1 else lambda pod: False)

    cluster = Backend(fill_store(tmp_path_factory.mktemp("cluster")), start, pods.process_root)
    given = {"model": "minio://models/2", "output": "other", "splits": '["eval"]'}
    given["eval_config"] = json_format.MessageToJson(pipelines.threshold(0.99))
    run = cluster.run(compiled(pipelines.with_parameters(), {"Explainer": {"retries": 1}}), given)
    return run, list(attempts)


@pytest.mark.slow
def test_a_task_that_is_killed_and_tried_again_gives_the_same(tried_again):
    run, attempts = tried_again
    assert attempts.count("Explainer") == 2
    blessing = run.outputs["ThresholdValidator"]["blessing"]["metadata"]
    assert (blessing["component_id"], blessing["blessed"]) == ("ThresholdValidator", 0.0)
    explained = files_under(run.path("Explainer", "attributions"))
    run.outputs["Explainer"] = run.execute("Explainer")  # once more, elsewhere in the store, and nobody kills it
    assert len(explained) > 1
    assert explained == files_under(run.path("Explainer", "attributions"))


@pytest.mark.slow
def test_parameters_of_a_run_reach_its_tasks(tried_again):
    run, _ = tried_again
    metadata = json.loads(
        (run.path("MetadataGenerator", "explanation_metadata") / "explanation_metadata.json").read_text()
    )
    assert list(metadata["outputs"]) == ["other"]
    verdict = json.loads((run.path("ThresholdValidator", "validation") / "verdict.json").read_text())
    assert [each["bounds"] for each in verdict["thresholds"]] == [{"upper_bound": 0.99}]


def failing(started):
    """Starts pods that fail, which are added to `started`."""

    def start(pod):
        started.append(pod)
        return 1

    return start


def test_a_parameter_without_a_value_is_named_before_anything_runs(backend):
    with pytest.raises(ValueError, match=r"without a value, or unknown: \['eval_config', 'model', 'splits'\]"):
        backend(start=None).run(compiled(pipelines.with_parameters()))


def test_a_task_that_goes_on_failing_ends_the_run(backend):
    attempts = []
    with pytest.raises(TaskError, match="MetadataGenerator failed 3 times"):
        backend(failing(attempts)).run(compiled(pipelines.create(), {"MetadataGenerator": {"retries": 2}}))
    assert [pod.task for pod in attempts] == ["MetadataGenerator"] * 3


def test_settings_reach_the_pod(backend, store):
    pods_started = []
    secret = {"secret": "store", "key": "password"}
    settings = {"default": {"volumes": {"/data": "claim"}, "environment": {"A": "1"}, "secrets": {"P": secret}}}
    cluster = backend(failing(pods_started), claims={"claim": store}, secrets={("store", "password"): "open"})
    with pytest.raises(TaskError):
        cluster.run(compiled(pipelines.create(), settings))
    (pod,) = pods_started
    assert pod.volumes == {"/data": store}
    assert pod.environment == {"A": "1", "P": "open"}


def test_resolvers_are_refused_before_anything_runs(backend):
    (job,) = compile_pipeline(pipelines.with_resolver(), "image:1", Target.VERTEX)
    with pytest.raises(NotImplementedError, match=r"Blessed-model.* non-container and non-importer"):
        backend(start=None).run(yaml.safe_dump(job["pipelineSpec"]))
