"""On Vertex AI a Resolver finds the model that the gate blessed, by what the replayed tasks really write."""

import pytest

from tests.kubeflow import pipelines
from tests.kubeflow.vertex import Vertex
from tfx_explain.kubeflow.compile import Target, compile_pipeline


@pytest.fixture
def job(store):
    """Compiles the pipeline over the store's files."""

    def compiled(bound):
        kept = store / "store" / "minio"
        pipeline = pipelines.with_resolver(
            "gs://bucket/root", bound=bound, model=str(kept / "models" / "1"), examples=str(kept / "examples" / "1")
        )
        return compile_pipeline(pipeline, "image:1", Target.VERTEX)[0]

    return compiled


def baseline(outputs):
    return outputs["Blessed-model-resolver"]["model"]


@pytest.mark.slow
def test_the_first_run_finds_none_and_the_second_the_firsts_model(job, store):
    vertex = Vertex(store)
    first = vertex.run(job(bound=0.9))
    assert baseline(first) == []
    (blessing,) = first["ThresholdValidator"]["blessing"]
    assert (blessing["metadata"]["blessed"], "baseline_model_id" in blessing["metadata"]) == (1, False)
    second = vertex.run(job(bound=0.9))
    assert baseline(second) == first["Model"]["result"]
    (blessing,) = second["ThresholdValidator"]["blessing"]
    assert blessing["metadata"]["baseline_model_id"] == first["Model"]["result"][0]["name"]


@pytest.mark.slow
def test_what_the_gate_rejected_or_another_blessed_is_not_found(job, store):
    vertex = Vertex(store)
    (rejected,) = vertex.run(job(bound=0.25))["ThresholdValidator"]["blessing"]
    assert rejected["metadata"]["blessed"] == 0
    # As an Evaluator with thresholds of its own writes it.
    vertex.add({**rejected, "metadata": {**rejected["metadata"], "blessed": 1.0, "component_id": "Evaluator"}})
    assert baseline(vertex.run(job(bound=0.9))) == []
