"""Explainer executor: artifacts in, one call to `tfx_explain.beam`, artifacts out."""

from __future__ import annotations

import os
from typing import Any

from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import json_utils, proto_utils

from tfx_explain.beam.run import explain_splits
from tfx_explain.components import artifacts
from tfx_explain.components.explainer import inputs
from tfx_explain.metrics import evaluate_attributions
from tfx_explain.report.beside import REPORT_KEY, report_beside
from tfx_explain.storage import columns
from tfx_explain.storage.directory import complete_directory
from tfx_explain.storage.summary import COUNTS, SECONDS, SUMMARY_FILE, Summary

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
        input_dict = artifacts.without_empty_baseline(input_dict)
        examples = input_dict[keys.EXAMPLES_KEY]
        form = inputs.examples_format(input_dict)
        patterns = inputs.split_patterns(examples, inputs.check_splits(json_utils.loads(exec_properties[SPLITS_KEY])))
        job = inputs.explanation_job(input_dict, exec_properties[PARAMETERS_KEY])
        eval_config = _eval_config(exec_properties)
        attributions = artifact_utils.get_single_instance(output_dict[artifacts.ATTRIBUTIONS_KEY])
        evaluation = artifact_utils.get_single_instance(output_dict[keys.EVALUATION_KEY])
        with complete_directory(evaluation.uri) as evaluation_dir, complete_directory(attributions.uri) as records_dir:
            summaries = explain_splits(self._make_beam_pipeline, patterns, job, records_dir, form)
            with self._make_beam_pipeline() as pipeline:
                records = [f"{records_dir}/Split-{split}/*.gz" for split in patterns]
                # The records move to their artifact when all is done: that is where people will look for them.
                evaluate_attributions(pipeline, records, evaluation_dir, eval_config, data_location=attributions.uri)
            # So that whoever has the evaluation alone can tell whose it is.
            fileio.copy(os.path.join(records_dir, SUMMARY_FILE), os.path.join(evaluation_dir, SUMMARY_FILE))
        # Of what is in its place: the page names the folders of what it shows.
        folders = [os.path.join(attributions.uri, f"Split-{split}") for split in patterns]
        report_beside(exec_properties.get(REPORT_KEY), attributions.uri, folders, self._make_beam_pipeline)
        for artifact in (attributions, evaluation):
            _set_provenance(artifact, input_dict, summaries)
        _set_properties(attributions, examples, summaries)


def _eval_config(exec_properties: dict[str, Any]) -> config_pb2.EvalConfig | None:
    text = exec_properties.get(keys.EVAL_CONFIG_KEY)
    if not text:
        return None
    eval_config = config_pb2.EvalConfig()
    proto_utils.json_to_proto(text, eval_config)
    return eval_config


def _set_provenance(
    artifact: types.Artifact, input_dict: dict[str, list[types.Artifact]], summaries: dict[str, Summary]
) -> None:
    """Notes of what the artifact is; `summary.json` has more of it."""
    provenance = next(iter(summaries.values())).provenance
    for name, key in {columns.CANDIDATE: keys.MODEL_KEY, columns.BASELINE: keys.BASELINE_MODEL_KEY}.items():
        if name in provenance["models"]:
            artifact.set_string_custom_property(f"{key}_uri", input_dict[key][0].uri)
            artifact.set_string_custom_property(f"{key}_fingerprint", provenance["models"][name]["fingerprint"])
    examples = [one.uri for one in input_dict[keys.EXAMPLES_KEY]]
    for name, value in {"examples": examples, "explained_splits": sorted(summaries)}.items():
        artifact.set_string_custom_property(name, json_utils.dumps(value))
    artifact.set_string_custom_property("metadata", provenance["metadata"])
    for name in ("parameters", "versions"):
        artifact.set_string_custom_property(name, json_utils.dumps(provenance[name]))


def _set_properties(
    attributions: types.Artifact, examples: list[types.Artifact], summaries: dict[str, Summary]
) -> None:
    attributions.split_names = artifact_utils.encode_split_names(sorted(summaries))
    attributions.span = examples[0].span
    attributions.version = examples[0].version
    examples_utils.set_payload_format(attributions, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(attributions, _FILE_FORMAT)
    total = Summary.merge(summaries.values())
    for name in COUNTS:
        attributions.set_int_custom_property(name, getattr(total, name))
    for name in SECONDS:
        attributions.set_float_custom_property(name, getattr(total, name))
