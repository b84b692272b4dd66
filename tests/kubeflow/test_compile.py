import json
import sys

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from tests.kubeflow import pipelines
from tfx_explain.kubeflow.compile import Target, as_text, compile_pipeline

OURS = ["MetadataGenerator", "Explainer", "ThresholdValidator"]


def executors(spec):
    return spec["deploymentSpec"]["executors"]


@pytest.fixture(scope="module")
def spec():
    (spec,) = compile_pipeline(pipelines.create(), "image:1", Target.KFP)
    return spec


@pytest.fixture(scope="module")
def job():
    (job,) = compile_pipeline(pipelines.with_resolver(), "image:1", Target.VERTEX)
    return job


def test_what_is_written_is_the_messages_of_each_target(spec, job):
    read = yaml.safe_load(as_text([spec], Target.KFP))
    json_format.ParseDict(read, pipeline_spec_pb2.PipelineSpec())
    assert (read["pipelineInfo"]["name"], read["defaultPipelineRoot"]) == ("explained", "minio://mlpipeline/root")
    read = json.loads(as_text([job], Target.VERTEX))
    json_format.ParseDict(read, pipeline_spec_pb2.PipelineJob())
    assert read["runtimeConfig"]["gcsOutputDirectory"] == "gs://bucket/root"


@pytest.mark.parametrize("name", OURS)
def test_our_components_run_in_the_image_by_the_entrypoint_of_the_target(spec, job, name):
    for compiled, module in (
        (spec, "tfx_explain.kubeflow.entrypoint"),
        (job["pipelineSpec"], "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"),
    ):
        container = executors(compiled)[f"{name}_executor"]["container"]
        assert container["image"] == "image:1"
        assert container["command"] == ["python", "-m", module]
        assert container["args"][1].startswith("tfx_explain.components.")


def test_kubeflow_sees_artifacts_of_its_own_type_alone(spec):
    plain = {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}
    for component in spec["components"].values():
        for kind in ("inputDefinitions", "outputDefinitions"):
            artifacts = component.get(kind, {}).get("artifacts", {})
            assert all(artifact["artifactType"] == plain for artifact in artifacts.values())
    arguments = executors(spec)["MetadataGenerator_executor"]["container"]["args"]
    assert "tfx_explain.ExplanationMetadata" in arguments[arguments.index("--json_serialized_outputs_spec_args") + 1]


def test_a_runtime_parameter_keeps_its_default(spec, job):
    for compiled in (spec, job["pipelineSpec"]):
        assert compiled["root"]["inputDefinitions"]["parameters"] == {
            "output": {"parameterType": "STRING", "defaultValue": "score", "isOptional": True}
        }


@pytest.mark.parametrize("producer", [None, "ThresholdValidator"])
def test_only_the_gates_blessings_make_a_baseline_model(producer):
    (job,) = compile_pipeline(pipelines.with_resolver(producer=producer), "image:1", Target.VERTEX)
    resolver = executors(job["pipelineSpec"])["Blessed-model-blessing-resolver_executor"]["resolver"]
    query = resolver["outputArtifactQueries"]["model_blessing"]["filter"]
    assert query.count("component_id") == 1
    assert query.endswith(
        ' AND metadata.blessed.number_value=1 AND metadata.component_id.string_value="ThresholdValidator"'
    )


def test_what_kubeflow_cannot_run_is_named_with_what_to_take():
    with pytest.raises(ValueError, match=r"Blessed is a Resolver.* take LatestPushedModel"):
        compile_pipeline(pipelines.with_resolver(), "image:1", Target.KFP)


@pytest.mark.parametrize(
    ("target", "root", "sentence"),
    [
        (Target.KFP, "/mnt/volume", "'/mnt/volume' must be gs://, s3:// or minio://, or empty"),
        (Target.VERTEX, "s3://bucket/root", "must be a gs:// address for Vertex AI"),
        (Target.VERTEX, "", "must be a gs:// address for Vertex AI"),
    ],
)
def test_a_root_that_the_target_cannot_write_to_is_refused(target, root, sentence):
    with pytest.raises(ValueError, match=sentence):
        compile_pipeline(pipelines.create(root), "image:1", target)


def test_without_a_root_the_cluster_has_its_own():
    (spec,) = compile_pipeline(pipelines.create(root=""), "image:1", Target.KFP)
    assert "defaultPipelineRoot" not in spec


def test_all_that_is_wrong_is_said_at_once():
    pipeline = pipelines.create(root="/mnt", name="My_pipeline")
    with pytest.raises(ValueError, match=r"(?s)'My_pipeline' must be.*'/mnt' must be.*no node 'Trainer'"):
        compile_pipeline(pipeline, "image:1", Target.KFP, {"Trainer": {"retries": 1}})


def test_without_its_package_compiling_says_what_to_install(monkeypatch):
    # As Python marks a module that is not there.
    monkeypatch.setitem(sys.modules, "tfx.orchestration.kubeflow.v2", None)
    with pytest.raises(ImportError, match=r"install tfx-explain\[kubeflow\]"):
        compile_pipeline(pipelines.create(), "image:1", Target.KFP)
