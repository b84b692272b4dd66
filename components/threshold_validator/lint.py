"""Warnings about thresholds that TFMA accepts, but that can't do what their author meant."""

from __future__ import annotations

import math
from collections.abc import Iterator

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.components.threshold_validator import wording
from tfx_explain.metrics import configs, drift

_RATES = """
AUC AUCPrecisionRecall Accuracy BinaryAccuracy BalancedAccuracy CategoricalAccuracy SparseCategoricalAccuracy Precision
Recall Specificity F1Score FNR FPR TNR TPR FallOut MissRate NDCG Prevalence SymmetricFlipRate
AttributionShare ToleranceMissed ImportanceNDCG LargestShareChange AttributionDistance
"""
_CORRELATIONS = "MatthewsCorrelationCoefficient ImportanceSpearman ImportanceKendall AttributionAgreement"
_COUNTS_AND_ERRORS = """
ExampleCount WeightedExampleCount MeanSquaredError MeanAbsoluteError BinaryCrossEntropy
MeanAbsoluteAttribution TotalAbsoluteAttribution CompletenessGap ApproximationError ExplainedRows FailedRows
"""
_RANGES = {
    (0.0, 1.0): _RATES,
    (-1.0, 1.0): _CORRELATIONS,
    (0.0, math.inf): _COUNTS_AND_ERRORS,
    (1.0, math.inf): "AttributionRank",
}
_RANGE_OF = {name: span for span, names in _RANGES.items() for name in names.split()}


def lint(eval_config: config_pb2.EvalConfig) -> tuple[str, ...]:
    """Returns a sentence, with the remedy, for each threshold that can never pass, never fail, or is never asked.

    Args:
      eval_config: A config that `config.verify_config` accepts.
    """
    config = configs.with_defaults(eval_config, has_baseline=True)
    metrics = {metric.name: metric for metric in configs.metric_instances(config)}
    baseline = tfma.utils.get_baseline_model_spec(config)
    found = tfma.metrics.metric_thresholds_from_metrics_specs(config.metrics_specs, eval_config=config)
    asked = {key.name for key in found if baseline is None or key.model_name != baseline.name}
    warnings = [
        f"{key.name}: TFMA passes over thresholds on the baseline model; name the candidate in model_names"
        for key in found
        if key.name not in asked
    ]
    for key, thresholds in found.items():
        metric = metrics.get(key.name)
        possible = _RANGE_OF.get(type(metric).__name__, (-math.inf, math.inf))
        if key.is_diff and not isinstance(metric, drift.DriftMetric):
            possible = (possible[0] - possible[1], possible[1] - possible[0])
        for _, threshold in thresholds:
            warnings += [f"{key.name}: {text}" for text in _warnings(threshold, possible)]
    return tuple(dict.fromkeys(warnings))


def _warnings(threshold: wording.Threshold, possible: tuple[float, float]) -> Iterator[str]:
    """Yields what is odd about a threshold on a value, or a difference, from a closed range."""
    bounds = wording.bounds_of(threshold)
    rises = isinstance(threshold, config_pb2.GenericChangeThreshold) and (
        threshold.direction == config_pb2.MetricDirection.HIGHER_IS_BETTER
    )
    if isinstance(threshold, config_pb2.GenericValueThreshold):
        low, high = bounds.get("lower_bound", -math.inf), bounds.get("upper_bound", math.inf)
    else:
        low = bounds.get("absolute", -math.inf) if rises else -math.inf
        high = math.inf if rises else bounds.get("absolute", math.inf)
    if low > high:
        yield f"the lower bound {low:g} is above the upper bound {high:g}, so it can never pass; exchange them"
    elif low > possible[1] or high < possible[0]:
        yield f"it allows {_span(low, high)}, but the value is {_span(*possible)}, so it can never pass; correct it"
    elif "relative" not in bounds and low <= possible[0] and high >= possible[1]:
        yield f"it allows {_span(low, high)}, which every value is, so only a missing one fails; set a closer bound"
    if bounds.get("relative", 0) >= 1:
        relative = bounds["relative"]
        asks = "asks the value to rise" if rises else "lets the value rise"
        yield (
            f"relative: {relative:g} {asks} by {relative:.0%} of the baseline model's, because TFMA takes (candidate - "
            f"baseline) / baseline; if {relative:g} times the baseline model's value is meant, write {relative - 1:g}"
        )


def _span(low: float, high: float) -> str:
    if math.isinf(low) and math.isinf(high):
        return "any number"
    if math.isinf(low) or math.isinf(high):
        return f"at most {high:g}" if math.isinf(low) else f"at least {low:g}"
    return f"from {low:g} to {high:g}"
