"""From the Explainer's input artifacts and parameters to what `tfx_explain.beam` takes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.components.util import examples_utils, tfxio_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import io_utils, proto_utils

from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.reading.read import PARQUET, TF_EXAMPLE, Format
from tfx_explain.components import artifacts
from tfx_explain.proto import explanation_pb2

_FORMATS = {
    example_gen_pb2.FORMAT_TF_EXAMPLE: TF_EXAMPLE,
    example_gen_pb2.FORMAT_PARQUET: PARQUET,
}


def explanation_job(input_dict: Mapping[str, list[types.Artifact]], parameters: str) -> ExplanationJob:
    """Returns the job that artifacts and `ExplanationParameters`, as JSON, stand for.

    Raises:
      ValueError: The metadata can't be read.
    """
    message = explanation_pb2.ExplanationParameters()
    proto_utils.json_to_proto(parameters, message)
    metadata = artifact_utils.get_single_instance(input_dict[artifacts.EXPLANATION_METADATA_KEY])
    baseline = input_dict.get(keys.BASELINE_MODEL_KEY)
    return ExplanationJob(
        model_dir=artifacts.serving_model_dir(input_dict[keys.MODEL_KEY]),
        metadata=artifacts.read_explanation_metadata(metadata.uri),
        parameters=message,
        baseline_model_dir=artifacts.serving_model_dir(baseline) if baseline else "",
    )


def examples_format(input_dict: Mapping[str, list[types.Artifact]]) -> Format:
    """Returns how the examples are read; Parquet's columns as the types of the schema, where there is one.

    Raises:
      ValueError: Their payload is no table of features.
    """
    examples = input_dict[keys.EXAMPLES_KEY]
    payload, _ = tfxio_utils.resolve_payload_format_and_data_view_uri(examples)
    if payload not in _FORMATS:
        raise ValueError(
            f"The examples' payload format is {example_gen_pb2.PayloadFormat.Name(payload)}; the Explainer reads "
            "FORMAT_TF_EXAMPLE and FORMAT_PARQUET, of which a row is one value or list of values a feature. Set "
            "output_data_format of the ExampleGen."
        )
    return Format(_FORMATS[payload], _schema(input_dict.get(keys.SCHEMA_KEY)).SerializeToString())


def check_splits(splits: Any) -> Sequence[str]:
    """Returns the names of the splits to explain.

    Raises:
      ValueError: They are no list, none is named, or one is named twice.
    """
    if not splits or not isinstance(splits, list | tuple):
        raise ValueError(f"splits={splits!r}: name the splits to explain in a list, such as ['eval'].")
    if len(set(splits)) < len(splits):
        raise ValueError(f"splits={splits!r}: name each split once.")
    return splits


def split_patterns(examples: list[types.Artifact], splits: Sequence[str]) -> dict[str, list[str]]:
    """Returns the globs of the files of each split.

    Raises:
      ValueError: A split isn't there.
    """
    present = artifact_utils.decode_split_names(examples[0].split_names)
    missing = [split for split in splits if split not in present]
    if missing:
        raise ValueError(
            f"The examples have no split {', '.join(missing)}; they have {', '.join(present) or 'no split at all'}."
        )
    return {split: examples_utils.get_split_file_patterns(examples, split) for split in splits}


def _schema(schemas: list[types.Artifact] | None) -> Any:
    if not schemas:
        return schema_pb2.Schema()
    folder = artifact_utils.get_single_instance(schemas).uri
    return io_utils.SchemaReader().read(os.path.join(folder, "schema.pbtxt"))
