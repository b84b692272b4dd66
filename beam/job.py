"""A job in a few plain words, and what it means: the models, loaded, and the method that explains them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfx_explain.attribution import IntegratedGradients, SampledShapley
from tfx_explain.metrics import columns
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import ExplainableModel, generate_metadata, load_explainable


@dataclasses.dataclass(frozen=True)
class ExplanationJob:
    """What to explain and how; small and picklable.

    Attributes:
      model_dir: The candidate's SavedModel.
      metadata: The candidate's explanation metadata.
      parameters: Method, output, budget.
      baseline_model_dir: The baseline model's SavedModel, or empty. Its metadata is found on the fly, with the
        candidate's baselines for the features that both have, so that the two are measured from the same point.
    """

    model_dir: str
    metadata: explanation_pb2.ExplanationMetadata
    parameters: explanation_pb2.ExplanationParameters
    baseline_model_dir: str = ""


def load_models(job: ExplanationJob) -> dict[str, ExplainableModel]:
    """Loads the models of a job, by `columns.CANDIDATE` and, where there is one, `columns.BASELINE`.

    Raises:
      ValueError: A model and its metadata don't fit.
    """
    models = {columns.CANDIDATE: _load(job.model_dir, job.metadata, job.parameters)}
    if job.baseline_model_dir:
        metadata = baseline_model_metadata(job.baseline_model_dir, job.metadata)
        models[columns.BASELINE] = _load(job.baseline_model_dir, metadata, job.parameters)
    return models


def make_method(parameters: explanation_pb2.ExplanationParameters) -> IntegratedGradients | SampledShapley:
    """Builds the method that the parameters name; integrated gradients where they name none."""
    if parameters.WhichOneof("method") == "sampled_shapley_attribution":
        shapley = parameters.sampled_shapley_attribution
        return SampledShapley(
            seed=parameters.seed,
            **_given(paths=shapley.path_count, tolerance=shapley.tolerance, max_evaluations=shapley.max_evaluations),
        )
    path = parameters.integrated_gradients_attribution
    return IntegratedGradients(
        **_given(steps=path.step_count, tolerance=path.tolerance, max_gradients=path.max_gradients)
    )


def baseline_model_metadata(
    model_dir: str, candidate: explanation_pb2.ExplanationMetadata
) -> explanation_pb2.ExplanationMetadata:
    """Finds the baseline model's metadata, with the candidate's baselines for the features that both have."""
    metadata = generate_metadata(model_dir)
    for name in set(metadata.inputs) & set(candidate.inputs):
        given = candidate.inputs[name]
        if given.input_baselines:
            del metadata.inputs[name].input_baselines[:]
            metadata.inputs[name].input_baselines.extend(given.input_baselines)
            metadata.inputs[name].baseline_source = given.baseline_source
    return metadata


def _given(**settings: float) -> dict[str, Any]:
    """Drops what is 0, proto3's "not set", so that the method's own default holds."""
    return {name: value for name, value in settings.items() if value}


def _load(
    model_dir: str,
    metadata: explanation_pb2.ExplanationMetadata,
    parameters: explanation_pb2.ExplanationParameters,
) -> ExplainableModel:
    return load_explainable(
        model_dir, metadata, output_name=parameters.output_name, output_scale=parameters.output_scale
    )


def fixed_target(
    parameters: explanation_pb2.ExplanationParameters, models: Mapping[str, ExplainableModel]
) -> int | None:
    """Returns the class that the parameters say to explain; None to explain the predicted one.

    Raises:
      ValueError: They name several, or one that a model lacks.
    """
    if not parameters.output_indices:
        return None
    if len(parameters.output_indices) > 1:
        raise ValueError(
            f"output_indices has {len(parameters.output_indices)} entries; a record holds the attributions of one "
            "output. Give one index, or none to explain the predicted class."
        )
    (index,) = parameters.output_indices
    for name, model in models.items():
        if model.num_outputs is not None and not 0 <= index < model.num_outputs:
            raise ValueError(
                f"output_indices names output {index}; the {name} model has outputs 0 to {model.num_outputs - 1}."
            )
    return index
