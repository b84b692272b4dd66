"""The artifact types that this project adds to TFX's own, the files in them, and the keys that components share."""

from __future__ import annotations

import os

from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.types.artifact import Artifact
from tfx.utils import path_utils

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import metadata_to_json
from tfx_explain.savedmodel.files import read_metadata
from tfx_explain.savedmodel.metadata.dialects import VERTEX
from tfx_explain.savedmodel.metadata.metadata import FILE_NAME
from tfx_explain.storage.directory import complete_directory
from tfx_explain.storage.no_model import read_no_model

EXPLANATION_METADATA_KEY = "explanation_metadata"
ATTRIBUTIONS_KEY = "attributions"

METADATA_FILE = FILE_NAME
VERTEX_METADATA_FILE = "vertex_explanation_metadata.json"


class ExplanationMetadata(Artifact):
    """How to explain a model: its features' tensors, baselines and outputs, in `explanation_metadata.json`."""

    # Kubeflow Pipelines wants a namespace before the name.
    TYPE_NAME = "tfx_explain.ExplanationMetadata"


def serving_model_dir(models: list[Artifact]) -> str:
    """Returns the folder of the SavedModel in the one Model artifact."""
    model = artifact_utils.get_single_instance(models)
    return path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))


def without_empty_baseline(input_dict: dict[str, list[Artifact]]) -> dict[str, list[Artifact]]:
    """Returns an executor's inputs without a baseline model that says that it is none.

    A file in the artifact says it: properties get lost on some orchestrators.
    """
    baselines = input_dict.get(keys.BASELINE_MODEL_KEY)
    if not baselines:
        return input_dict
    return {**input_dict, keys.BASELINE_MODEL_KEY: [one for one in baselines if read_no_model(one.uri) is None]}


def read_explanation_metadata(uri: str) -> explanation_pb2.ExplanationMetadata:
    """Reads the metadata of an ExplanationMetadata artifact.

    Raises:
        ValueError: if the file is missing, or cannot be parsed.
    """
    return read_metadata(uri)


def write_explanation_metadata(uri: str, metadata: explanation_pb2.ExplanationMetadata) -> None:
    """Writes the metadata of an ExplanationMetadata artifact in both dialects; `uri` stays as it was if that fails."""
    texts = {METADATA_FILE: metadata_to_json(metadata), VERTEX_METADATA_FILE: metadata_to_json(metadata, VERTEX)}
    with complete_directory(uri) as directory:
        for name, text in texts.items():
            with fileio.open(os.path.join(directory, name), "wb") as file:
                file.write(text.encode())
