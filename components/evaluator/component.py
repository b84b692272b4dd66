"""Evaluator component definition."""

from __future__ import annotations

from tfx.components.evaluator import component
from tfx.dsl.components.base import executor_spec

from tfx_explain.components.driver import Driver
from tfx_explain.components.evaluator import executor
from tfx_explain.components.own_id import KnowsItsId


class Evaluator(KnowsItsId, component.Evaluator):
    """TFX's Evaluator, with the same arguments and outputs, that takes LatestPushedModel's word for no baseline model.

    The stock Evaluator needs an input without an artifact for that, which only a Resolver gives, and which Kubeflow
    Pipelines has not.

    ## Example
    ```python
    evaluator = Evaluator(
        examples=example_gen.outputs['examples'],
        model=trainer.outputs['model'],
        baseline_model=latest_pushed_model.outputs['model'],
        eval_config=eval_config,
    )
    ```
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
    DRIVER_CLASS = Driver
