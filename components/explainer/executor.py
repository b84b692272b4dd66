"""Explainer executor: artifacts in, one call to `tfx_explain.beam`, artifacts out."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import json_utils, proto_utils

from tfx_explain.beam.job import ExplanationJob
from tfx_explain.beam.run import explain_splits
from tfx_explain.beam.summary import Summary
from tfx_explain.components import artifacts
from tfx_explain.components.writing import complete_directory
from tfx_explain.metrics import evaluate_attributions
from tfx_explain.proto import explanation_pb2

PARAMETERS_KEY = "parameters"
SPLITS_KEY = "splits"

_FILE_FORMAT = "tfrecords_gzip"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Executor of the Explainer."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Explains the chosen splits and aggregates the attributions; see the component for inputs and outputs."""
        examples = input_dict[keys.EXAMPLES_KEY]
        patterns = _split_patterns(examples, json_utils.loads(exec_properties[SPLITS_KEY]))
        job = _job(input_dict, exec_properties)
        attributions = artifact_utils.get_single_instance(output_dict[artifacts.ATTRIBUTIONS_KEY])
        evaluation = artifact_utils.get_single_instance(output_dict[keys.EVALUATION_KEY])
        with complete_directory(evaluation.uri) as evaluation_dir, complete_directory(attributions.uri) as records_dir:
            summaries = explain_splits(self._make_beam_pipeline, patterns, job, records_dir)
            with self._make_beam_pipeline() as pipeline:
                records = [f"{records_dir}/Split-{split}/*.gz" for split in patterns]
                evaluate_attributions(pipeline, records, evaluation_dir)
        _set_properties(attributions, examples, summaries)


def _job(input_dict: dict[str, list[types.Artifact]], exec_properties: dict[str, Any]) -> ExplanationJob:
    parameters = explanation_pb2.ExplanationParameters()
    proto_utils.json_to_proto(exec_properties[PARAMETERS_KEY], parameters)
    metadata = artifact_utils.get_single_instance(input_dict[artifacts.EXPLANATION_METADATA_KEY])
    baseline = input_dict.get(keys.BASELINE_MODEL_KEY)
    return ExplanationJob(
        model_dir=artifacts.serving_model_dir(input_dict[keys.MODEL_KEY]),
        metadata=artifacts.read_explanation_metadata(metadata.uri),
        parameters=parameters,
        baseline_model_dir=artifacts.serving_model_dir(baseline) if baseline else "",
    )


def _split_patterns(examples: list[types.Artifact], splits: list[str]) -> dict[str, list[str]]:
    if examples_utils.get_payload_format(examples[0]) != example_gen_pb2.FORMAT_TF_EXAMPLE:
        raise ValueError(
            f"The examples' payload format is {examples_utils.get_payload_format_string(examples[0])}; the Explainer "
            "reads FORMAT_TF_EXAMPLE. Set output_data_format of the ExampleGen."
        )
    present = artifact_utils.decode_split_names(examples[0].split_names)
    missing = [split for split in splits if split not in present]
    if missing:
        raise ValueError(f"The examples have no split {', '.join(missing)}; they have {', '.join(present)}.")
    return {split: examples_utils.get_split_file_patterns(examples, split) for split in splits}


def _set_properties(
    attributions: types.Artifact, examples: list[types.Artifact], summaries: dict[str, Summary]
) -> None:
    attributions.split_names = artifact_utils.encode_split_names(sorted(summaries))
    attributions.span = examples[0].span
    attributions.version = examples[0].version
    examples_utils.set_payload_format(attributions, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(attributions, _FILE_FORMAT)
    total = Summary.merge(summaries.values())
    for name in ("rows_read", "rows_explained", "rows_failed", "tolerance_not_met", "evaluations"):
        attributions.set_int_custom_property(name, getattr(total, name))
