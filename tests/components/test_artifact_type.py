"""The project's own artifact type, as TFX's container entrypoint and a metadata store know it."""

import subprocess
import sys

import pytest
from kfp.pipeline_spec import pipeline_spec_pb2
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration.kubeflow.v2 import compiler_utils
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils
from tfx.types import artifact_utils

import tfx_explain
from tfx_explain.components.artifacts import ExplanationMetadata


def test_the_container_entrypoint_imports_it_by_its_schema_title():
    schema = pipeline_spec_pb2.ArtifactTypeSchema(
        instance_schema=compiler_utils.get_artifact_schema(ExplanationMetadata)
    )
    raw = pipeline_spec_pb2.RuntimeArtifact(name="1", uri="/metadata", type=schema)
    inputs = {"metadata": pipeline_spec_pb2.ArtifactList(artifacts=[raw])}
    ((artifact,),) = kubeflow_v2_entrypoint_utils.parse_raw_artifact_dict(inputs).values()
    assert type(artifact) is ExplanationMetadata
    assert artifact.uri == "/metadata"


def test_a_store_that_holds_the_type_goes_on():
    config = metadata_store_pb2.ConnectionConfig()
    config.fake_database.SetInParent()
    store = metadata_store.MetadataStore(config)
    # As stores hold it since the first release; the name must not change.
    stored = metadata_store_pb2.ArtifactType(name="tfx_explain.ExplanationMetadata")
    type_id = store.put_artifact_type(stored)
    (old,) = store.put_artifacts([metadata_store_pb2.Artifact(type_id=type_id, uri="/old")])
    (new,) = store.put_artifacts(
        [metadata_store_pb2.Artifact(type_id=store.put_artifact_type(ExplanationMetadata().artifact_type), uri="/new")]
    )
    found = store.get_artifacts_by_type(ExplanationMetadata.TYPE_NAME)
    assert {artifact.id for artifact in found} == {old, new}
    read = artifact_utils.deserialize_artifact(store.get_artifact_type(ExplanationMetadata.TYPE_NAME), found[0])
    assert type(read) is ExplanationMetadata


def test_the_package_alone_brings_no_tfx():
    code = "import sys, tfx_explain; sys.exit('tfx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_package_has_no_other_attributes():
    with pytest.raises(AttributeError, match="no attribute 'ExplanationMetadat'"):
        tfx_explain.ExplanationMetadat  # noqa: B018
