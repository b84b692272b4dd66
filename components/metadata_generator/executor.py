"""MetadataGenerator executor: artifacts in, one call to `tfx_explain.savedmodel`, one file out."""

from __future__ import annotations

import os
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx import types
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import io_utils

from tfx_explain.components import artifacts
from tfx_explain.savedmodel import generate_metadata

SIGNATURE_NAME_KEY = "signature_name"

_TRAIN = "train"
_SCHEMA_FILE = "schema.pbtxt"


class Executor(base_executor.BaseExecutor):
    """Executor of the MetadataGenerator."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Finds the metadata of a model and writes it; see the component for inputs and outputs."""
        metadata = generate_metadata(
            artifacts.serving_model_dir(input_dict[keys.MODEL_KEY]),
            signature_name=exec_properties.get(SIGNATURE_NAME_KEY),
            statistics=_statistics(input_dict.get(keys.STATISTICS_KEY)),
            schema=_schema(input_dict.get(keys.SCHEMA_KEY)),
        )
        output = artifact_utils.get_single_instance(output_dict[artifacts.EXPLANATION_METADATA_KEY])
        artifacts.write_explanation_metadata(output.uri, metadata)


def _statistics(statistics: list[types.Artifact] | None) -> statistics_pb2.DatasetFeatureStatisticsList | None:
    """The statistics of the training split, or of the first one where none is called so."""
    if not statistics:
        return None
    artifact = artifact_utils.get_single_instance(statistics)
    splits = artifact_utils.decode_split_names(artifact.split_names)
    if not splits:
        raise ValueError(f"The statistics at {artifact.uri!r} have no split; run StatisticsGen on examples that have.")
    split = _TRAIN if _TRAIN in splits else splits[0]
    return stats_artifact_utils.load_statistics(artifact, split).proto()


def _schema(schema: list[types.Artifact] | None) -> schema_pb2.Schema | None:
    if not schema:
        return None
    path = os.path.join(artifact_utils.get_single_uri(schema), _SCHEMA_FILE)
    return io_utils.parse_pbtxt_file(path, schema_pb2.Schema())
