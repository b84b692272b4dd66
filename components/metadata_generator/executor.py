"""MetadataGenerator executor: artifacts in, one call to `tfx_explain.savedmodel`, one file out."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx import types
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import io_utils, json_utils, proto_utils

from tfx_explain.components import artifacts
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata
from tfx_explain.savedmodel.files import read_examples

SIGNATURE_NAME_KEY = "signature_name"
OUTPUT_NAME_KEY = "output_name"
OUTPUT_ELEMENT_KEY = "output_element"
TAGS_KEY = "tags"
BASELINES_KEY = "baselines"
COLUMNS_KEY = "columns"
OVERRIDES_KEY = "overrides"

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
            output_name=exec_properties.get(OUTPUT_NAME_KEY),
            output_element=json_utils.loads(exec_properties.get(OUTPUT_ELEMENT_KEY) or "[]"),
            tags=json_utils.loads(exec_properties.get(TAGS_KEY) or "[]"),
            statistics=_statistics(input_dict.get(keys.STATISTICS_KEY)),
            schema=_schema(input_dict.get(keys.SCHEMA_KEY)),
            examples=_examples(input_dict.get(keys.EXAMPLES_KEY)),
            baselines=json_utils.loads(exec_properties.get(BASELINES_KEY) or "[]"),
            columns=json_utils.loads(exec_properties.get(COLUMNS_KEY) or "null"),
            overrides=_overrides(exec_properties.get(OVERRIDES_KEY)),
        )
        output = artifact_utils.get_single_instance(output_dict[artifacts.EXPLANATION_METADATA_KEY])
        artifacts.write_explanation_metadata(output.uri, metadata)


def _statistics(statistics: list[types.Artifact] | None) -> statistics_pb2.DatasetFeatureStatisticsList | None:
    """The statistics of the training split, or of the first one where none is called so."""
    if not statistics:
        return None
    artifact = artifact_utils.get_single_instance(statistics)
    return stats_artifact_utils.load_statistics(artifact, _split(artifact)).proto()


def _examples(examples: list[types.Artifact] | None) -> Iterator[bytes] | None:
    """The records of the training split, or of the first one where none is called so."""
    if not examples:
        return None
    if examples_utils.get_payload_format(examples[0]) != example_gen_pb2.FORMAT_TF_EXAMPLE:
        raise ValueError(
            f"The examples' payload format is {examples_utils.get_payload_format_string(examples[0])}; the "
            "MetadataGenerator reads FORMAT_TF_EXAMPLE. Set output_data_format of the ExampleGen."
        )
    patterns = examples_utils.get_split_file_patterns(examples, _split(examples[0]))
    return itertools.chain.from_iterable(map(read_examples, patterns))


def _split(artifact: types.Artifact) -> str:
    splits = artifact_utils.decode_split_names(artifact.split_names)
    if not splits:
        raise ValueError(f"The artifact at {artifact.uri!r} has no split; run its component on examples that have.")
    return _TRAIN if _TRAIN in splits else splits[0]


def _overrides(text: str | None) -> explanation_pb2.ExplanationMetadata | None:
    return proto_utils.json_to_proto(text, explanation_pb2.ExplanationMetadata()) if text else None


def _schema(schema: list[types.Artifact] | None) -> schema_pb2.Schema | None:
    if not schema:
        return None
    path = os.path.join(artifact_utils.get_single_uri(schema), _SCHEMA_FILE)
    return io_utils.parse_pbtxt_file(path, schema_pb2.Schema())
