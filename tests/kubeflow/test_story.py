"""The demonstration's three runs as Kubeflow Pipelines runs them, each task in the image."""

import json
import os
import subprocess

import pytest
from tfx.orchestration import data_types

from tests.kubeflow import pods
from tests.kubeflow.backend import Backend
from tfx_explain.kubeflow.compile import Target, as_text, compile_pipeline
from tfx_explain.pipelines.census import story
from tfx_explain.pipelines.census.pipeline import create_pipeline
from tfx_explain.pipelines.demonstration import outcome

pytestmark = pytest.mark.kubeflow

RUNS = int(os.environ.get("RUNS", "3"))  # two are the short form


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster that starts the image that `make test-kubeflow` built."""
    container = subprocess.run(
        ["buildah", "from", "localhost/tfx-explain:test"], check=True, capture_output=True, text=True
    ).stdout.strip()
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "volume").mkdir()
    yield Backend(folder, pods.ImagePods(container).run, claims={"census": folder / "volume"})
    subprocess.run(["buildah", "rm", container], check=True)


def read(run):
    """What a run came to, in the demonstration's words."""
    decided = json.loads((run.path("ThresholdValidator", "validation") / "verdict.json").read_text())
    pushed = run.outputs["Pusher"]["pushed_model"]["metadata"]
    models = {role: model["fingerprint"] for role, model in decided["models"].items()}
    return outcome.Outcome(
        model=models["candidate"],
        baseline_model=models.get("baseline"),
        evaluator_blessed=bool(run.outputs["Evaluator"]["blessing"]["metadata"]["blessed"]),
        gate_blessed=bool(run.outputs["ThresholdValidator"]["blessing"]["metadata"]["blessed"]),
        thresholds=decided["thresholds"],
        reasons=decided["reasons"],
        not_asked=len(decided["not_asked"]),
        validation_uri=run.outputs["ThresholdValidator"]["validation"]["uri"],
        pushed_to=pushed["pushed_destination"] if pushed["pushed"] else None,
    )


def test_all_runs_come_out_as_told(cluster):
    volume = cluster.claims["census"]
    pipeline = create_pipeline("", data_types.RuntimeParameter("data_dir", str), "/volume/serving")
    settings = {"default": {"volumes": {"/volume": "census"}}}
    text = as_text(compile_pipeline(pipeline, "localhost/tfx-explain:test", Target.KFP, settings), Target.KFP)
    outcomes = []
    for month in range(RUNS):
        story.write_rows(month, month == 1, True, volume / f"month-{month}")
        for path in (volume, *volume.rglob("*")):
            os.chown(path, pods.USER, pods.USER)
        outcomes.append(read(cluster.run(text, {"data_dir": f"/volume/month-{month}"})))
    assert story.deviations(*outcomes) == []
