"""What a metric's value can be, by the metric's class."""

from __future__ import annotations

import math
from typing import TypeAlias

from tensorflow_model_analysis.metrics import metric_types

from tfx_explain.metrics import drift

Span: TypeAlias = tuple[float, float]

_RATES = """
AUC AUCPrecisionRecall Accuracy BinaryAccuracy BalancedAccuracy CategoricalAccuracy SparseCategoricalAccuracy Precision
Recall Specificity F1Score FNR FPR TNR TPR FallOut MissRate NDCG Prevalence SymmetricFlipRate
AttributionShare ToleranceMissed ImportanceNDCG LargestShareChange AttributionDistance ShareKept
MapShare MapConcentration MapAgreement TokenShare TokenNDCG
"""
_CORRELATIONS = "MatthewsCorrelationCoefficient ImportanceSpearman ImportanceKendall AttributionAgreement"
_COUNTS_AND_ERRORS = """
ExampleCount WeightedExampleCount MeanSquaredError MeanAbsoluteError BinaryCrossEntropy
MeanAbsoluteAttribution TotalAbsoluteAttribution CompletenessGap ApproximationError ExplainedRows FailedRows
UninfluencedRows TokensEntering
"""
_RANGES = {
    (0.0, 1.0): _RATES,
    (-1.0, 1.0): _CORRELATIONS,
    (0.0, math.inf): _COUNTS_AND_ERRORS,
    (1.0, math.inf): "AttributionRank",
}
ANY: Span = (-math.inf, math.inf)
_RANGE_OF = {name: span for span, names in _RANGES.items() for name in names.split()}
# Parts of all rows of a slice.
PROPORTIONS = frozenset(
    ("Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy", "ToleranceMissed")
)


def value_span(metric: metric_types.Metric | None) -> Span:
    """Returns the least and the greatest value that a metric can have."""
    return _RANGE_OF.get(type(metric).__name__, ANY)


def change_span(metric: metric_types.Metric | None) -> Span:
    """Returns the least and the greatest change, candidate minus baseline model, that a metric can have."""
    low, high = value_span(metric)
    return (low, high) if isinstance(metric, drift.DriftMetric) else (low - high, high - low)
