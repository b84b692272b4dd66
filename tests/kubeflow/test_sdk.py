"""Compiled pipelines are read by the SDK that people's clients have, in an environment of its own."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.kubeflow import pipelines
from tfx_explain.kubeflow.compile import Target, as_text, compile_pipeline

pytestmark = pytest.mark.kubeflow

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "default": {"volumes": {"/data": "claim"}, "secrets": {"P": {"secret": "s", "key": "k"}}, "memory_limit": 4}
}


@pytest.fixture
def read(tmp_path):
    def with_sdk(pipeline, target, settings=None):
        path = tmp_path / ("pipeline.yaml" if target is Target.KFP else "pipeline.json")
        path.write_text(as_text(compile_pipeline(pipeline, "image:1", target, settings), target))
        command = [ROOT / ".venv-kfp" / "bin" / "python", Path(__file__).with_name("sdk.py"), path]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return with_sdk


def test_the_sdk_loads_what_kubeflow_takes(read):
    found = read(pipelines.create(), Target.KFP, SETTINGS)
    assert found["inputs"] == {"output": ["String", "score"]}
    assert found["kubernetes"]["Explainer_executor"] == ["/data", "P=s/k"]


def test_the_newest_messages_are_what_vertex_takes(read):
    assert read(pipelines.with_resolver(), Target.VERTEX) == {
        "inputs": {"output": ["STRING", "score"]},
        "kubernetes": {},
    }
