"""Explainer component definition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.orchestration import data_types
from tfx.types import component_spec, standard_artifacts
from tfx.types import standard_component_specs as keys
from tfx.utils import json_utils

from tfx_explain.components import artifacts
from tfx_explain.components.explainer import executor
from tfx_explain.proto import explanation_pb2


class ExplainerSpec(component_spec.ComponentSpec):
    """Explainer component spec."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        executor.PARAMETERS_KEY: component_spec.ExecutionParameter(
            type=explanation_pb2.ExplanationParameters, optional=True
        ),
        executor.SPLITS_KEY: component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS: ClassVar[dict[str, Any]] = {
        keys.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        keys.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        artifacts.EXPLANATION_METADATA_KEY: component_spec.ChannelParameter(type=artifacts.ExplanationMetadata),
        keys.BASELINE_MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS: ClassVar[dict[str, Any]] = {
        artifacts.ATTRIBUTIONS_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        keys.EVALUATION_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
    }


class Explainer(base_beam_component.BaseBeamComponent):
    """A TFX component that attributes a model's predictions to its raw features.

    Every record of the chosen splits is explained by integrated gradients (each row until its completeness gap is
    within the tolerance) or sampled Shapley values (until the standard error is), for the candidate and, when there is
    one, for the baseline model on the same record.

    ## Example
    ```python
    explainer = Explainer(
        model=trainer.outputs['model'],
        examples=example_gen.outputs['examples'],
        explanation_metadata=metadata_generator.outputs['explanation_metadata'],
        baseline_model=model_resolver.outputs['model'],
    )
    ```

    Component `outputs` contains:

     - `attributions`: Channel of type `standard_artifacts.Examples`: the records of each explained split with the
                       columns that `tfx_explain.metrics.columns` describes; beside them `summary.json` (the counts) and
                       `dead_letters/` (records that could not be explained, each with its error).
     - `evaluation`: Channel of type `standard_artifacts.ModelEvaluation`: the mean, the mean absolute attribution and
                     the share of every feature, for `tfma.load_eval_result` and `tfma.load_metrics`.
    """

    SPEC_CLASS = ExplainerSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        explanation_metadata: types.BaseChannel,
        baseline_model: types.BaseChannel | None = None,
        parameters: explanation_pb2.ExplanationParameters | data_types.RuntimeParameter | None = None,
        splits: Sequence[str] = ("eval",),
    ) -> None:
        """Constructs an Explainer component.

        Args:
          model: A channel of type `standard_artifacts.Model`, usually from a Trainer.
          examples: A channel of type `standard_artifacts.Examples` (tf.Example records), usually from an ExampleGen.
          explanation_metadata: A channel of type `ExplanationMetadata`, from a MetadataGenerator or an Importer of a
            file written by hand.
          baseline_model: A channel of type `standard_artifacts.Model`, usually from a Resolver; may be empty, as on a
            first run.
          parameters: Method, tolerance, budget and output; integrated gradients of the predicted class by default.
          splits: Names of the splits to explain.

        Raises:
          ValueError: No split is named.
        """
        if not splits or isinstance(splits, str):
            raise ValueError(f"splits={splits!r}: name the splits to explain in a list, such as ['eval'].")
        super().__init__(
            spec=ExplainerSpec(
                **{
                    keys.MODEL_KEY: model,
                    keys.EXAMPLES_KEY: examples,
                    artifacts.EXPLANATION_METADATA_KEY: explanation_metadata,
                    keys.BASELINE_MODEL_KEY: baseline_model,
                    executor.PARAMETERS_KEY: parameters or explanation_pb2.ExplanationParameters(),
                    executor.SPLITS_KEY: json_utils.dumps(list(splits)),
                    artifacts.ATTRIBUTIONS_KEY: types.Channel(type=standard_artifacts.Examples),
                    keys.EVALUATION_KEY: types.Channel(type=standard_artifacts.ModelEvaluation),
                }
            )
        )
