"""The artifact types that this project adds to TFX's own, the files in them, and the keys that components share."""

from __future__ import annotations

import os

from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact
from tfx.utils import path_utils

from tfx_explain.components.writing import complete_directory
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import metadata_from_json, metadata_to_json

EXPLANATION_METADATA_KEY = "explanation_metadata"
ATTRIBUTIONS_KEY = "attributions"

METADATA_FILE = "explanation_metadata.json"


class ExplanationMetadata(Artifact):
    """How to explain a model: its features' tensors, baselines and outputs, in `explanation_metadata.json`."""

    # Kubeflow Pipelines wants a namespace before the name.
    TYPE_NAME = "tfx_explain.ExplanationMetadata"


def serving_model_dir(models: list[Artifact]) -> str:
    """Returns the folder of the SavedModel in the one Model artifact."""
    model = artifact_utils.get_single_instance(models)
    return path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))


def read_explanation_metadata(uri: str) -> explanation_pb2.ExplanationMetadata:
    """Reads the metadata of an ExplanationMetadata artifact.

    Raises:
        ValueError: if the file is missing, or cannot be parsed.
    """
    path = os.path.join(uri, METADATA_FILE)
    if not fileio.exists(path):
        raise ValueError(f"{uri!r} holds no {METADATA_FILE}; give the directory that has one.")
    with fileio.open(path, "rb") as file:
        return metadata_from_json(file.read().decode())


def write_explanation_metadata(uri: str, metadata: explanation_pb2.ExplanationMetadata) -> None:
    """Writes the metadata of an ExplanationMetadata artifact; `uri` stays as it was if that fails."""
    with complete_directory(uri) as directory, fileio.open(os.path.join(directory, METADATA_FILE), "wb") as file:
        file.write(metadata_to_json(metadata).encode())
