"""Sentences about thresholds, for people who must find out why a model was not promoted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.bounds import Threshold
from tfx_explain.gate.saying.digits import exact
from tfx_explain.gate.titles import title
from tfx_explain.metrics.naming import unknown_name

RATIO = "RATIO"


def why_not_found(
    key: tfma.metrics.MetricKey, present: Mapping[tfma.metrics.MetricKey, float], is_elsewhere: bool
) -> str:
    """Says what is there instead of a metric.

    Args:
      key: The metric that is missing.
      present: What is there on the slice.
      is_elsewhere: Whether the metric is there on other slices.
    """
    models = {k.model_name for k in present if k.name == key.name}
    of_model = {k.name for k in present if k.model_name == key.model_name}
    if is_elsewhere and models and key.name not in of_model:
        return f"only the model {' and '.join(map(repr, sorted(models)))} has it there, where the candidate has no rows"
    if is_elsewhere:
        return "it is there on other slices only; give the node that computes it the same slicing_specs"
    if key.name not in of_model and models:
        return f"it is there for other models only: {unknown_name('model', key.model_name, models)}"
    if key.name not in of_model:
        return unknown_name("metric", key.name, of_model)
    if key.is_diff and not any(k.name == key.name and k.is_diff for k in present):
        return "it has no value for the baseline model there; give the same baseline model to the node that computes it"
    return f"it is there only with another output, class or weighting: {_others(key, present)}"


def _others(key: tfma.metrics.MetricKey, present: Iterable[tfma.metrics.MetricKey]) -> str:
    return " or ".join(sorted({title(k, says_unweighted=True) for k in present if k.name == key.name}))


def allowed(threshold: Threshold, bounds: Mapping[str, float], relative_change: str) -> str:
    """Returns what a threshold allows: "from 0.1 to 0.2", "a change of at most 0.1".

    Args:
      threshold: The threshold.
      bounds: Its bounds, as the config has them.
      relative_change: How `relative` is read there.
    """
    shown = {name: exact(bound) for name, bound in bounds.items()}
    if isinstance(threshold, config_pb2.GenericValueThreshold):
        if len(shown) == 2:
            return f"from {shown['lower_bound']} to {shown['upper_bound']}"
        if "lower_bound" in shown:
            return f"at least {shown['lower_bound']}"
        return f"at most {shown['upper_bound']}" if shown else "any number"
    side = "at least" if threshold.direction == config_pb2.MetricDirection.HIGHER_IS_BETTER else "at most"
    parts = [f"a change of {side} {shown['absolute']}"] if "absolute" in shown else []
    if "relative" in shown:
        what = "a value" if relative_change == RATIO else "a change"
        parts.append(f"{what} of {side} {shown['relative']} times the baseline model's value")
    return " and ".join(parts) or "any change"
