"""What a tickets model must hold to be released: the Evaluator's thresholds, and beside them the gate's on tokens."""

from __future__ import annotations

import json

import tensorflow_model_analysis as tfma

from tfx_explain.metrics.configs import MODULE
from tfx_explain.pipelines.tickets import features

AGENTS = ("robin", "noor", "sasha", "kim", "alex")
"""The names of those who answer tickets, as the model's own splitter writes them: none of them may decide anything."""

_MIN_AUC = 0.8
_MAX_AUC_LOSS = 0.02
_MAX_SHARE_OF_AGENTS = 0.01
_TOP, _MOST_ENTERING = 10, 2


def evaluator_config() -> tfma.EvalConfig:
    """Returns the stock Evaluator's thresholds: a good AUC, and none much worse than the baseline model's."""
    threshold = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": _MIN_AUC}),
        change_threshold=tfma.GenericChangeThreshold(
            direction=tfma.MetricDirection.HIGHER_IS_BETTER, absolute={"value": -_MAX_AUC_LOSS}
        ),
    )
    return tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(label_key=features.LABEL)],
        metrics_specs=[tfma.MetricsSpec(metrics=[tfma.MetricConfig(class_name="AUC", threshold=threshold)])],
        slicing_specs=[tfma.SlicingSpec()],
    )


def gate_config() -> tfma.EvalConfig:
    """Returns the gate's thresholds: the Evaluator's, and on the tokens of the text.

    Nearly the same tokens as in the baseline model are the most important ones, and no agent's name is among them, or
    has any share worth speaking of.
    """
    config = evaluator_config()
    entering = tfma.GenericChangeThreshold(
        direction=tfma.MetricDirection.LOWER_IS_BETTER, absolute={"value": _MOST_ENTERING}
    )
    of_agents = tfma.GenericValueThreshold(upper_bound={"value": _MAX_SHARE_OF_AGENTS})
    config.metrics_specs.add(
        metrics=[
            _on_tokens("TokensEntering", tfma.MetricThreshold(change_threshold=entering), top=_TOP),
            _on_tokens(
                "TokenShare", tfma.MetricThreshold(value_threshold=of_agents), tokens=AGENTS, name="agents_share"
            ),
        ]
    )
    return config


def _on_tokens(class_name: str, threshold: tfma.MetricThreshold, **settings: object) -> tfma.MetricConfig:
    config = json.dumps({"feature": features.TEXT, **settings})
    return tfma.MetricConfig(class_name=class_name, module=MODULE, config=config, threshold=threshold)
