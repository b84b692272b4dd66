"""ThresholdValidator executor: artifacts in, the gate, a blessing and its validation out."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from typing import Any

import apache_beam as beam
from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.components.evaluator import constants
from tfx.components.evaluator import executor as evaluator_executor
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import io_utils, path_utils, proto_utils

from tfx_explain.components.artifacts import ATTRIBUTIONS_KEY, without_empty_baseline
from tfx_explain.components.own_id import COMPONENT_ID_KEY
from tfx_explain.gate.config.verify import Wiring, verify_config
from tfx_explain.gate.model import Model
from tfx_explain.gate.reading.evidence import Sources
from tfx_explain.gate.saying.verdict import TEXT_FILE, Verdict
from tfx_explain.gate.validate import validate
from tfx_explain.proto import explanation_pb2
from tfx_explain.proto.printable import first_line
from tfx_explain.report.beside import REPORT_KEY, report_beside
from tfx_explain.report.history.events import add_events
from tfx_explain.report.history.left import Left
from tfx_explain.storage.columns import BASELINE, CANDIDATE
from tfx_explain.storage.directory import complete_directory
from tfx_explain.storage.no_model import read_no_model

VALIDATION_KEY = "validation"
POLICY_KEY = "policy"
BASELINE_EVALUATION_KEY = "baseline_evaluation"
LOG_DIR_KEY = "tensorboard_log_dir"

_KEYS = {CANDIDATE: keys.MODEL_KEY, BASELINE: keys.BASELINE_MODEL_KEY}
_PROPERTIES = {
    CANDIDATE: (constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY),
    BASELINE: (constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY),
}

_Artifacts = dict[str, list[types.Artifact]]
_LOGGER = logging.getLogger(__name__)


class Executor(evaluator_executor.Executor):
    """Executor of the ThresholdValidator.

    An Evaluator's, because TFX's entrypoint for containers, which knows an artifact by a number of its own, puts the
    orchestrator's names of the models into the blessings of such executors alone; a resolver looks for these names.
    """

    def Do(self, input_dict: _Artifacts, output_dict: _Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Decides on the model and writes the blessing and the validation; see the component for the keys."""
        given = input_dict.get(keys.BASELINE_MODEL_KEY, ())
        input_dict = without_empty_baseline(input_dict)
        model = artifact_utils.get_single_instance(input_dict[keys.MODEL_KEY])
        baselines = input_dict.get(keys.BASELINE_MODEL_KEY)
        baseline = artifact_utils.get_single_instance(baselines) if baselines else None
        blessing = artifact_utils.get_single_instance(output_dict[keys.BLESSING_KEY])
        eval_config, policy = config_pb2.EvalConfig(), explanation_pb2.GatePolicy()
        proto_utils.json_to_proto(exec_properties[keys.EVAL_CONFIG_KEY], eval_config)
        proto_utils.json_to_proto(exec_properties[POLICY_KEY], policy)
        # Of a RuntimeParameter, nobody has seen the value before.
        wired = [bool(input_dict.get(key)) for key in (keys.EVALUATION_KEY, ATTRIBUTIONS_KEY)]
        verify_config(eval_config, policy, Wiring(*wired, baseline=True))
        sources = Sources(
            evaluations=_uris(input_dict, keys.EVALUATION_KEY),
            attributions=_split_folders(input_dict.get(ATTRIBUTIONS_KEY, ())),
            baseline_evaluations=_uris(input_dict, BASELINE_EVALUATION_KEY),
            models={role: _model(one) for role, one in ((CANDIDATE, model), (BASELINE, baseline)) if one},
            no_baseline=next(filter(None, (read_no_model(one.uri) for one in given)), None),
        )
        with complete_directory(artifact_utils.get_single_uri(output_dict[VALIDATION_KEY])) as path:
            verdict = validate(eval_config, policy, sources, self._make_beam_pipeline, path)
            folders = list(sources.attributions.values())
            report_beside(exec_properties.get(REPORT_KEY), path, folders, self._make_beam_pipeline, path)
        validation = artifact_utils.get_single_uri(output_dict[VALIDATION_KEY])
        if log_dir := exec_properties.get(LOG_DIR_KEY):
            _add_events(
                log_dir, Left(validation, _uris(input_dict, ATTRIBUTIONS_KEY), validation), self._make_beam_pipeline
            )
        _log(verdict, os.path.join(validation, TEXT_FILE))
        with complete_directory(blessing.uri) as path:
            name = constants.BLESSED_FILE_NAME if verdict.blessed else constants.NOT_BLESSED_FILE_NAME
            io_utils.write_string_file(os.path.join(path, name), "")
        _mark(blessing, verdict, {CANDIDATE: model, BASELINE: baseline})
        if COMPONENT_ID_KEY in exec_properties:
            blessing.set_string_custom_property("component_id", exec_properties[COMPONENT_ID_KEY])


def _add_events(log_dir: str, left: Left, make_pipeline: Callable[[], beam.Pipeline]) -> None:
    """Adds the run for TensorBoard; the verdict stands whether or not it can be."""
    try:
        add_events(log_dir, left, make_pipeline)
    except Exception as error:
        _LOGGER.warning("Nothing was written for TensorBoard in %s: %s", log_dir, first_line(error), exc_info=True)


def _mark(blessing: types.Artifact, verdict: Verdict, models: dict[str, types.Artifact | None]) -> None:
    """Sets the properties that the Pusher and `LatestBlessedModelStrategy` read."""
    for role, model in models.items():
        if model is not None:
            uri_key, id_key = _PROPERTIES[role]
            blessing.set_string_custom_property(uri_key, model.uri)
            if model.id:
                blessing.set_int_custom_property(id_key, model.id)
    for role, one in verdict.models.items():
        blessing.set_string_custom_property(f"{_KEYS[role]}_fingerprint", one.fingerprint)
    if verdict.overridden and verdict.override is not None:
        for name in ("who", "why", "until"):
            blessing.set_string_custom_property(f"override_{name}", getattr(verdict.override, name))
    blessing.set_string_custom_property("decided_at", verdict.time)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, int(verdict.blessed))


def _log(verdict: Verdict, path: str) -> None:
    """Logs a verdict where people look for it: absl's messages, which TFX silences after some nodes, are not there."""
    is_sound = verdict.blessed and not verdict.overridden and not verdict.warning
    _LOGGER.log(logging.INFO if is_sound else logging.WARNING, "%s", "\n".join(verdict.log_lines(path)))


def _uris(artifacts: _Artifacts, key: str) -> list[str]:
    return [artifact.uri for artifact in artifacts.get(key, ())]


def _split_folders(artifacts: Iterable[types.Artifact]) -> dict[str, str]:
    """Returns the folders of all splits, by a name for people."""
    return {
        f"split {split!r} of the attributions {artifact.uri}": artifact_utils.get_split_uri([artifact], split)
        for artifact in artifacts
        for split in artifact_utils.decode_split_names(artifact.split_names)
    }


def _model(artifact: types.Artifact) -> Model:
    is_old = path_utils.is_old_model_artifact(artifact)
    return Model.at(artifact.uri, path_utils.serving_model_path(artifact.uri, is_old))
