"""Explainer component definition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.orchestration import data_types
from tfx.types import component_spec, standard_artifacts
from tfx.types import standard_component_specs as keys
from tfx.utils import json_utils

from tfx_explain.beam.explaining.parameters import check_parameters
from tfx_explain.components import artifacts
from tfx_explain.components.driver import Driver
from tfx_explain.components.explainer import executor, inputs
from tfx_explain.proto import explanation_pb2
from tfx_explain.report.beside import EVERYTHING, REPORT_KEY, check_report


class ExplainerSpec(component_spec.ComponentSpec):
    """Explainer component spec."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        executor.PARAMETERS_KEY: component_spec.ExecutionParameter(
            type=explanation_pb2.ExplanationParameters, optional=True
        ),
        executor.SPLITS_KEY: component_spec.ExecutionParameter(type=str, optional=True),
        keys.EVAL_CONFIG_KEY: component_spec.ExecutionParameter(type=config_pb2.EvalConfig, optional=True),
        REPORT_KEY: component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS: ClassVar[dict[str, Any]] = {
        keys.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        keys.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        artifacts.EXPLANATION_METADATA_KEY: component_spec.ChannelParameter(type=artifacts.ExplanationMetadata),
        keys.BASELINE_MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
        keys.SCHEMA_KEY: component_spec.ChannelParameter(type=standard_artifacts.Schema, optional=True),
    }
    OUTPUTS: ClassVar[dict[str, Any]] = {
        artifacts.ATTRIBUTIONS_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        keys.EVALUATION_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
    }


class Explainer(base_beam_component.BaseBeamComponent):
    """A TFX component that attributes a model's predictions to its raw features.

    Every record of the chosen splits, or of a sample of them, is explained by integrated gradients (each row until its
    error is within the tolerance), sampled Shapley values or Kernel SHAP (until the standard error is), for the
    candidate and, when there is one, for the baseline model on the same record. A record that can't be explained goes
    to a dead letter and the rest go on; more than `max_failed_fraction` of them fail the run. docs/explainer.md has a
    table of what becomes of damaged files and odd rows.

    ## Example
    ```python
    explainer = Explainer(
        model=trainer.outputs['model'],
        examples=example_gen.outputs['examples'],
        explanation_metadata=metadata_generator.outputs['explanation_metadata'],
        baseline_model=latest_pushed_model.outputs['model'],
    )
    ```

    Component `outputs` contains:

     - `attributions`: Channel of type `standard_artifacts.Examples`: the records of each explained split with the
                       columns that `tfx_explain.storage.columns` describes; beside them `summary.json` (the counts, see
                       `tfx_explain.storage.summary`), `dead_letters/` (records that could not be explained, each with
                       its error and file), the explanation metadata that was used, and `report.html`, which shows all
                       this to people. The counts of all splits are custom properties, too.
     - `evaluation`: Channel of type `standard_artifacts.ModelEvaluation`: the mean, the mean absolute attribution and
                     the share of every feature in every slice, for `tfma.load_eval_result` and `tfma.load_metrics`.
    """

    SPEC_CLASS = ExplainerSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
    DRIVER_CLASS = Driver

    def __init__(
        self,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        explanation_metadata: types.BaseChannel,
        baseline_model: types.BaseChannel | None = None,
        parameters: explanation_pb2.ExplanationParameters | data_types.RuntimeParameter | None = None,
        splits: Sequence[str] | data_types.RuntimeParameter = ("eval",),
        schema: types.BaseChannel | None = None,
        eval_config: config_pb2.EvalConfig | data_types.RuntimeParameter | None = None,
        report: str = EVERYTHING,
    ) -> None:
        """Constructs an Explainer component.

        Args:
          model: A channel of type `standard_artifacts.Model`, usually from a Trainer.
          examples: A channel of type `standard_artifacts.Examples`, usually from an ExampleGen: tf.Example records, or
            Parquet.
          explanation_metadata: A channel of type `ExplanationMetadata`, from a MetadataGenerator or an Importer of a
            file written by hand.
          baseline_model: A channel of type `standard_artifacts.Model`, usually from a LatestPushedModel or a
            Resolver; may be none, as on a first run.
          parameters: Method, tolerance, budget, classes, quantity, sample, features to keep; by default integrated
            gradients of a class's log-odds (of two classes the second, else the predicted one) for all records, with
            all their features.
          splits: Names of the splits to explain. As a RuntimeParameter, a JSON list of strings.
          schema: A channel of type `standard_artifacts.Schema`: the types that the columns of Parquet are read as.
          eval_config: Slices, and metrics over attributions, of the evaluation; thresholds and other metrics are left
            out. By default, or without metrics, the means and shares of every feature; without slices, of the whole.
          report: Which `report.html` is written beside the records: "everything"; "sums", without single rows; "none".

        Raises:
          ValueError: No split is named, one is named twice, the parameters are out of range, or there is no such
            report.
        """
        check_report("Explainer", report)
        if not isinstance(splits, data_types.RuntimeParameter):
            splits = json_utils.dumps(list(inputs.check_splits(splits)))
        if isinstance(parameters, explanation_pb2.ExplanationParameters):
            check_parameters(parameters)
        super().__init__(
            spec=ExplainerSpec(
                **{
                    keys.MODEL_KEY: model,
                    keys.EXAMPLES_KEY: examples,
                    artifacts.EXPLANATION_METADATA_KEY: explanation_metadata,
                    keys.BASELINE_MODEL_KEY: baseline_model,
                    keys.SCHEMA_KEY: schema,
                    keys.EVAL_CONFIG_KEY: eval_config,
                    executor.PARAMETERS_KEY: parameters or explanation_pb2.ExplanationParameters(),
                    executor.SPLITS_KEY: splits,
                    REPORT_KEY: report,
                    artifacts.ATTRIBUTIONS_KEY: types.Channel(type=standard_artifacts.Examples),
                    keys.EVALUATION_KEY: types.Channel(type=standard_artifacts.ModelEvaluation),
                }
            )
        )
