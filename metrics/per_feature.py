"""Metrics of one feature: how much it moves the output, and how much of the whole that is.

Each takes the feature in its config: `MetricConfig(class_name="AttributionShare", module="tfx_explain.metrics",
config='{"feature": "age"}')`. Attributions are in the unit of the explained output (log-odds for logits).
"""

from __future__ import annotations

import numpy as np
from tensorflow_model_analysis.metrics import metric_types

from tfx_explain.metrics.base import FeatureMetric, ratio
from tfx_explain.metrics.sums import AttributionSums


class MeanAttribution(FeatureMetric):
    """Mean attribution: in which direction, on average, the feature moves the output from its baseline."""

    prefix = "mean_attribution"

    @staticmethod
    def of(sums: AttributionSums, index: int) -> float:
        """Returns the mean over the explained rows; NaN where their weights add up to 0."""
        return ratio(sums.signed[index], sums.weight)


class MeanAbsoluteAttribution(FeatureMetric):
    """Mean absolute attribution: how far, on average, the feature moves the output either way."""

    prefix = "mean_absolute_attribution"

    @staticmethod
    def of(sums: AttributionSums, index: int) -> float:
        """Returns the mean over the explained rows; NaN where their weights add up to 0."""
        return ratio(sums.absolute[index], sums.weight)


class TotalAttribution(FeatureMetric):
    """Sum of the attributions."""

    prefix = "total_attribution"

    @staticmethod
    def of(sums: AttributionSums, index: int) -> float:
        """Returns the sum over the explained rows."""
        return sums.signed[index]


class TotalAbsoluteAttribution(FeatureMetric):
    """Sum of the absolute attributions."""

    prefix = "total_absolute_attribution"

    @staticmethod
    def of(sums: AttributionSums, index: int) -> float:
        """Returns the sum over the explained rows."""
        return sums.absolute[index]


class AttributionShare(FeatureMetric):
    """The feature's part of the total absolute attribution of all features, from 0 to 1."""

    prefix = "attribution_share"

    @staticmethod
    def of(sums: AttributionSums, index: int) -> float:
        """Returns the share; NaN where every attribution is 0."""
        return ratio(sums.absolute[index], sums.absolute.sum())


class AttributionRank(FeatureMetric):
    """The feature's place by total absolute attribution: 1 is the most important; equal features share the best."""

    prefix = "attribution_rank"

    @staticmethod
    def of(sums: AttributionSums, index: int) -> float:
        """Returns 1 + the number of features above this one."""
        return 1 + np.count_nonzero(sums.absolute > sums.absolute[index])


for _metric in (
    MeanAttribution,
    MeanAbsoluteAttribution,
    TotalAttribution,
    TotalAbsoluteAttribution,
    AttributionShare,
    AttributionRank,
):
    metric_types.register_metric(_metric)
