"""ThresholdValidator component definition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

from absl import logging
from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.orchestration import data_types
from tfx.types import channel_utils, component_spec, standard_artifacts
from tfx.types import standard_component_specs as keys

from tfx_explain.components.artifacts import ATTRIBUTIONS_KEY
from tfx_explain.components.driver import Driver
from tfx_explain.components.own_id import COMPONENT_ID_KEY, KnowsItsId
from tfx_explain.components.threshold_validator import executor
from tfx_explain.gate.config.lint import lint
from tfx_explain.gate.config.verify import Wiring, verify_config
from tfx_explain.proto import explanation_pb2
from tfx_explain.report.beside import EVERYTHING, REPORT_KEY, check_report

Channels: TypeAlias = types.BaseChannel | Sequence[types.BaseChannel]


class ThresholdValidatorSpec(component_spec.ComponentSpec):
    """ThresholdValidator component spec."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        keys.EVAL_CONFIG_KEY: component_spec.ExecutionParameter(type=config_pb2.EvalConfig),
        executor.POLICY_KEY: component_spec.ExecutionParameter(type=explanation_pb2.GatePolicy),
        REPORT_KEY: component_spec.ExecutionParameter(type=str, optional=True),
        executor.LOG_DIR_KEY: component_spec.ExecutionParameter(type=str, optional=True),
        COMPONENT_ID_KEY: component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS: ClassVar[dict[str, Any]] = {
        keys.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        keys.EVALUATION_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation, optional=True),
        ATTRIBUTIONS_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples, optional=True),
        keys.BASELINE_MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
        executor.BASELINE_EVALUATION_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ModelEvaluation, optional=True
        ),
    }
    OUTPUTS: ClassVar[dict[str, Any]] = {
        keys.BLESSING_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        executor.VALIDATION_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
    }


class ThresholdValidator(KnowsItsId, base_beam_component.BaseBeamComponent):
    """A TFX component that blesses a model if its metrics and its reasons stay within bounds.

    The bounds are TFMA's own: value thresholds, change thresholds against a baseline model, slices. A metric of
    `tfx_explain.metrics` is computed from `attributions`, where they are given; every other one is looked up in
    `evaluation`. TFMA's own validator decides, so that a config means the same as in a stock Evaluator. What can't be
    decided isn't blessed: a metric or slice that is missing, a value that is NaN or infinite, a baseline value of 0
    under a relative bound, no examples, files that are damaged or something else, an explanation that dropped too many
    rows or missed its tolerance on too many. docs/gate.md has the whole, and the schema of `verdict.json`.

    ## Example
    ```python
    validator = ThresholdValidator(
        model=trainer.outputs['model'],
        baseline_model=latest_pushed_model.outputs['model'],
        evaluation=evaluator.outputs['evaluation'],
        attributions=explainer.outputs['attributions'],
        eval_config=tfma.EvalConfig(
            model_specs=[tfma.ModelSpec(label_key='label')],
            slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=['sex'])],
            metrics_specs=[tfma.MetricsSpec(metrics=[tfma.MetricConfig(
                class_name='AttributionShare', module='tfx_explain.metrics', config='{"feature": "sex"}',
                threshold=tfma.MetricThreshold(
                    value_threshold=tfma.GenericValueThreshold(upper_bound={'value': 0.1}),
                    change_threshold=tfma.GenericChangeThreshold(
                        absolute={'value': 0.02}, direction=tfma.MetricDirection.LOWER_IS_BETTER),
                ))])],
        ),
    )
    pusher = Pusher(model=trainer.outputs['model'], model_blessing=validator.outputs['blessing'], ...)
    ```

    A Resolver can give the baseline model as well. With an Evaluator that blesses too, restrict it to this component's
    blessings (docs/gate.md), or a model that the gate rejected becomes the baseline.

    Component `outputs` contains:

     - `blessing`: Channel of type `standard_artifacts.ModelBlessing`, for the Pusher and the resolver.
     - `validation`: Channel of type `standard_artifacts.ModelEvaluation`: TFMA's result for
                     `tfma.load_validation_result`; `verdict.json` and `verdict.txt`, every threshold with its value,
                     margin and reason; `report.html`, which shows them beside the attributions; and the metrics over
                     attributions for `tfma.load_eval_result`.
    """

    SPEC_CLASS = ThresholdValidatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
    DRIVER_CLASS = Driver

    def __init__(
        self,
        model: types.BaseChannel,
        eval_config: config_pb2.EvalConfig | data_types.RuntimeParameter,
        evaluation: Channels | None = None,
        attributions: Channels | None = None,
        baseline_model: types.BaseChannel | None = None,
        baseline_evaluation: Channels | None = None,
        policy: explanation_pb2.GatePolicy | data_types.RuntimeParameter | None = None,
        report: str = EVERYTHING,
        tensorboard_log_dir: str | data_types.RuntimeParameter | None = None,
    ) -> None:
        """Constructs a ThresholdValidator component.

        Args:
          model: A channel of type `standard_artifacts.Model`: the candidate, usually from a Trainer.
          eval_config: Metrics, slices and thresholds. As a RuntimeParameter, the message as JSON, which is checked when
            the component runs; so is `policy`.
          evaluation: A channel of type `standard_artifacts.ModelEvaluation`, usually an Evaluator's, or several in a
            list.
          attributions: A channel of type `standard_artifacts.Examples`, from an Explainer, or several in a list; all
            their splits count.
          baseline_model: A channel of type `standard_artifacts.Model`, usually a LatestPushedModel's or a
            Resolver's; may be none, as on a first run. Give the same one to the Evaluator and the Explainer.
          baseline_evaluation: A channel of type `standard_artifacts.ModelEvaluation`, or several in a list: the
            evaluation of the baseline model's own run. It stands in for values that `evaluation` has of the candidate
            alone.
          policy: What to do without a baseline model, how to read `relative` and confidence intervals, how far an
            explanation may fall short, and an override; by default the value thresholds decide alone without a
            baseline model.
          report: Which `report.html` is written: "everything"; "sums", without single rows; "none".
          tensorboard_log_dir: A folder of all runs of this pipeline, TensorBoard's `--logdir`, to which each run adds
            its shares of attributions and its verdict as one step. Needs `tfx-explain[tensorboard]` where the component
            runs; without it, a warning says so.

        Raises:
          ValueError: There is no such report; or the config has no threshold, an unknown metric, a threshold that
            nothing wired can answer, or breaks TFMA's rules, of which one error names all. What TFMA accepts but can't
            be meant, such as a bound that no value can break, is logged as a warning.
        """
        check_report("ThresholdValidator", report)
        policy = policy or explanation_pb2.GatePolicy()
        has_baseline = baseline_model is not None or baseline_evaluation is not None
        if isinstance(eval_config, config_pb2.EvalConfig) and isinstance(policy, explanation_pb2.GatePolicy):
            verify_config(eval_config, policy, Wiring(evaluation is not None, attributions is not None, has_baseline))
            for warning in lint(eval_config, policy):
                logging.warning("The ThresholdValidator's eval_config: %s", warning)
        super().__init__(
            spec=ThresholdValidatorSpec(
                **{
                    keys.MODEL_KEY: model,
                    keys.EVALUATION_KEY: _union(evaluation),
                    ATTRIBUTIONS_KEY: _union(attributions),
                    keys.BASELINE_MODEL_KEY: baseline_model,
                    executor.BASELINE_EVALUATION_KEY: _union(baseline_evaluation),
                    keys.EVAL_CONFIG_KEY: eval_config,
                    executor.POLICY_KEY: policy,
                    REPORT_KEY: report,
                    executor.LOG_DIR_KEY: tensorboard_log_dir,
                    keys.BLESSING_KEY: types.Channel(type=standard_artifacts.ModelBlessing),
                    executor.VALIDATION_KEY: types.Channel(type=standard_artifacts.ModelEvaluation),
                }
            )
        )


def _union(channels: Channels | None) -> types.BaseChannel | None:
    return channels if channels is None or isinstance(channels, types.BaseChannel) else channel_utils.union(channels)
