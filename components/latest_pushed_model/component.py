"""LatestPushedModel component definition."""

from __future__ import annotations

from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration import data_types
from tfx.types import component_spec, standard_artifacts
from tfx.types import standard_component_specs as keys

from tfx_explain.components.driver import UncachedDriver
from tfx_explain.components.latest_pushed_model import executor


class LatestPushedModelSpec(component_spec.ComponentSpec):
    """LatestPushedModel component spec."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        executor.BASE_DIRECTORY_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, Any]] = {}
    OUTPUTS: ClassVar[dict[str, Any]] = {
        keys.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
    }


class LatestPushedModel(base_component.BaseComponent):
    """A TFX component that finds the model in production: the newest that lies where the Pusher pushes to.

    It does a Resolver's work on every orchestrator, Kubeflow Pipelines among them, which runs containers alone. What
    the gate did not bless was not pushed, so that it is never the baseline; who rolls back by removing a version is
    believed. A push that is not whole is passed over. Where no model is yet, the output says so (`no_model.json` in
    it), and this project's Evaluator, Explainer and ThresholdValidator take that for no baseline model; TFX's own
    Evaluator takes it for a model that is damaged.

    The model is copied, not pointed at: where an output lies is the orchestrator's to say, and what the run compared
    with is still there after the version is gone from production. The log says which model was taken, and why.

    It is never answered from a cache, since what it looks at is no artifact.

    ## Example
    ```python
    baseline = LatestPushedModel(base_directory=serving_dir)
    evaluator = tfx_explain.components.Evaluator(..., baseline_model=baseline.outputs['model'])
    explainer = Explainer(..., baseline_model=baseline.outputs['model'])
    validator = ThresholdValidator(..., baseline_model=baseline.outputs['model'])
    pusher = Pusher(..., push_destination=PushDestination(filesystem=Filesystem(base_directory=serving_dir)))
    ```

    Component `outputs` contains:

     - `model`: Channel of type `standard_artifacts.Model`: a copy of the model, or the word that there is none.
    """

    SPEC_CLASS = LatestPushedModelSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)
    DRIVER_CLASS = UncachedDriver

    def __init__(self, base_directory: str | data_types.RuntimeParameter) -> None:
        """Constructs a LatestPushedModel component.

        Args:
          base_directory: The `base_directory` of the Pusher's destination, which has a folder a version, named by a
            number. Of a baseline model that comes from elsewhere, its own folder: a SavedModel, or a Model artifact.
        """
        super().__init__(
            spec=LatestPushedModelSpec(
                **{
                    executor.BASE_DIRECTORY_KEY: base_directory,
                    keys.MODEL_KEY: types.Channel(type=standard_artifacts.Model),
                }
            )
        )
