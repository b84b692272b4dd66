"""A job in a few plain words, and what it means: the models, loaded, with the metadata that fits each."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence

from google.protobuf import struct_pb2

from tfx_explain.beam.explaining.images import with_black_and_white
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import ExplainableModel, Feature, generate_metadata, load_explainable, merge_metadata
from tfx_explain.storage import columns

_OF_VOCABULARY, _TOGETHER = "indicator", "identity"  # encodings


@dataclasses.dataclass(frozen=True)
class ExplanationJob:
    """What to explain and how; small and picklable.

    Attributes:
      model_dir: The candidate's SavedModel.
      metadata: The candidate's explanation metadata.
      parameters: Method, outputs, budget.
      baseline_model_dir: The baseline model's SavedModel, or empty.
      baseline_model_metadata: The baseline model's explanation metadata; None: `completed` finds it.
    """

    model_dir: str
    metadata: explanation_pb2.ExplanationMetadata
    parameters: explanation_pb2.ExplanationParameters
    baseline_model_dir: str = ""
    baseline_model_metadata: explanation_pb2.ExplanationMetadata | None = None

    def completed(self, examples: Sequence[bytes] = ()) -> ExplanationJob:
        """Returns the job with the baseline model's metadata, found once and not on every worker.

        The two models may have different features and vocabularies. The features that both read get the candidate's
        names and groups, and its baselines, so that the two are measured from the same point.

        Args:
          examples: Some serialized tf.Examples, for models that accept no made-up rows.

        Raises:
          ValueError: The baseline model can't be explained, or the candidate and its metadata don't fit.
        """
        if not self.baseline_model_dir or self.baseline_model_metadata is not None:
            return self
        found = _find_metadata(self.baseline_model_dir, examples, self._output_element())
        taken = _carried_over(self, found)
        return dataclasses.replace(self, baseline_model_metadata=merge_metadata(found, taken))

    def _output_element(self) -> tuple[int, ...]:
        """The element of the candidate's output that is explained; () where it is not one of several axes."""
        outputs, name = self.metadata.outputs, self.parameters.output_name
        named = [outputs[name]] if name in outputs else outputs.values()
        own = next((output.output_element for output in named if output.output_element), ())
        return tuple(self.parameters.output_element or own)


def load_models(job: ExplanationJob) -> dict[str, ExplainableModel]:
    """Loads the models of a completed job, by `columns.CANDIDATE` and, where there is one, `columns.BASELINE`.

    Raises:
      ValueError: A model and its metadata don't fit.
    """
    metadata = with_black_and_white(job.metadata, job.parameters)
    models = {columns.CANDIDATE: _load(job.model_dir, metadata, job.parameters)}
    if job.baseline_model_metadata is not None:
        metadata = with_black_and_white(job.baseline_model_metadata, job.parameters)
        models[columns.BASELINE] = _load_baseline(job, metadata, models[columns.CANDIDATE])
        for name, features in unshared_features(models).items():
            if features:
                logging.warning(
                    "Only the %s model has %s; in the other its attribution is 0.", name, ", ".join(map(repr, features))
                )
    return models


def unshared_features(models: dict[str, ExplainableModel]) -> dict[str, list[str]]:
    """Returns, by model, the features that the other lacks, sorted; empty where there is one model."""
    if len(models) < 2:
        return {}
    candidate, baseline = (set(models[name].features) for name in columns.MODELS)
    return {columns.CANDIDATE: sorted(candidate - baseline), columns.BASELINE: sorted(baseline - candidate)}


def _find_metadata(
    model_dir: str, examples: Sequence[bytes], output_element: Sequence[int]
) -> explanation_pb2.ExplanationMetadata:
    try:
        return generate_metadata(model_dir, output_element=output_element)
    except ValueError as error:
        failed = error
    try:
        if examples:
            return generate_metadata(model_dir, examples=examples, output_element=output_element)
    except ValueError as error:
        failed = error
    raise ValueError(f"The baseline model can't be explained. {failed}") from failed


def _carried_over(
    job: ExplanationJob, found: explanation_pb2.ExplanationMetadata
) -> explanation_pb2.ExplanationMetadata:
    """What the candidate's metadata says of the raw features that the baseline model has, too."""
    taken = explanation_pb2.ExplanationMetadata()
    for name, feature in _load(job.model_dir, job.metadata, job.parameters).raw_features.items():
        # Another feature of the baseline model may have the name already.
        if feature.name not in found.inputs or (name != feature.name and name in found.inputs):
            continue
        own, given = found.inputs[feature.name], job.metadata.inputs[name]
        entry = taken.inputs[name]
        entry.input_tensor_name, entry.group_name = feature.name, given.group_name
        # A feature that was retyped between the models has no baseline that fits both.
        if own.input_tensor_dtype == feature.dtype.name and _fit(given.input_baselines, own, feature):
            entry.input_baselines.extend(given.input_baselines)
            entry.baseline_source, entry.modality = given.baseline_source, given.modality
            if given.HasField("domain") and own.encoding == given.encoding:
                entry.domain.CopyFrom(given.domain)
        if own.encoding != _OF_VOCABULARY:  # which is each model's own
            _carry_columns(entry, own, given)
    return taken


def _carry_columns(
    entry: explanation_pb2.InputMetadata, own: explanation_pb2.InputMetadata, given: explanation_pb2.InputMetadata
) -> None:
    """Has the columns of a feature explained as the candidate's are: under its names, or together."""
    width = len(own.index_feature_mapping) or (own.input_tensor_shape[-1] if own.input_tensor_shape else 0)
    if len(given.index_feature_mapping) == width:
        entry.encoding = given.encoding
        entry.index_feature_mapping.extend(given.index_feature_mapping)
    elif not given.index_feature_mapping and own.index_feature_mapping:
        entry.encoding = _TOGETHER


def _fit(baselines: Sequence[struct_pb2.Value], own: explanation_pb2.InputMetadata, feature: Feature) -> bool:
    """Whether baselines of a feature are some of it in another model, too; single numbers and texts always are."""
    lists = any(value.HasField("list_value") for value in baselines)
    return not lists or list(own.input_tensor_shape) == feature.row_shape


def _load_baseline(
    job: ExplanationJob, metadata: explanation_pb2.ExplanationMetadata, candidate: ExplainableModel
) -> ExplainableModel:
    """Loads the baseline model, of which the same quantity is explained as of the candidate."""
    parameters = explanation_pb2.ExplanationParameters(
        output_name=job.parameters.output_name, output_element=job.parameters.output_element
    )
    parameters.output_scale = explanation_pb2.ExplanationParameters.OutputScale.Value(candidate.output.quantity.upper())
    try:
        return _load(job.baseline_model_dir, metadata, parameters)
    except ValueError as error:
        raise ValueError(
            f"The baseline model can't be explained as the candidate is, of which {candidate.output.quantity} are "
            f"explained. {error}"
        ) from error


def _load(
    model_dir: str,
    metadata: explanation_pb2.ExplanationMetadata,
    parameters: explanation_pb2.ExplanationParameters,
) -> ExplainableModel:
    return load_explainable(
        model_dir,
        metadata,
        output_name=parameters.output_name,
        output_scale=parameters.output_scale,
        output_element=parameters.output_element,
    )
