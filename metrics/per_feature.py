"""Metrics of one feature: how much it moves the output, and how much of the whole that is.

Each takes the feature in its config: `MetricConfig(class_name="AttributionShare", module="tfx_explain.metrics",
config='{"feature": "age"}')`. Attributions are in the unit of the explained output (log-odds for logits).
"""

from __future__ import annotations

import functools

from tensorflow_model_analysis.metrics import metric_types

from tfx_explain.metrics.base import FeatureMetric, ModelMetric, ratio
from tfx_explain.metrics.naming import of_class, unknown_name
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
        return ratio(sums.absolute[index], sums.size)


class AttributionRank(FeatureMetric):
    """The feature's place by total absolute attribution: 1 is the most important; equal features share the best."""

    prefix = "attribution_rank"

    @staticmethod
    def of(sums: AttributionSums, index: int) -> float:
        """Returns 1 + the number of features above this one."""
        return sums.ranks[index]


_OF_ONE = {
    metric.__name__: metric
    for metric in (
        MeanAttribution,
        MeanAbsoluteAttribution,
        TotalAttribution,
        TotalAbsoluteAttribution,
        AttributionShare,
        AttributionRank,
    )
}


class EveryFeature(ModelMetric):
    """One of the metrics above of every feature, as a dictionary, named as TFMA names its own: `mean_attributions`.

    For people, who read it with `tfma.load_attributions` and `tfma.view.render_slicing_attributions`: TFMA refuses
    thresholds on it. `MeanAttribution`, `MeanAbsoluteAttribution` and the totals give what TFMA's own four metrics
    give, for a fraction of their time. Empty where there is no explained row.
    """

    def __init__(self, metric: str, name: str = "", class_name: str = "") -> None:
        """Initializes the metric.

        Args:
          metric: The class name of one of the metrics above.
          name: See `ExplanationMetric`, as `class_name`.
          class_name: The class.

        Raises:
          ValueError: There is no such metric.
        """
        if metric not in _OF_ONE:
            raise ValueError(f"EveryFeature has an {unknown_name('metric', metric, _OF_ONE)}")
        of_one = _OF_ONE[metric]
        value = functools.partial(_of_every_feature, of_one)
        name = name or of_class(f"{of_one.prefix}s", class_name)
        super().__init__(value, name, metric_types.AttributionsKey, metric=metric, class_name=class_name)


def _of_every_feature(metric: type[FeatureMetric], sums: AttributionSums) -> dict[str, float]:
    features = sums.features if sums.explained_rows else ()
    return {feature: float(metric.of(sums, index)) for index, feature in enumerate(features)}


for _metric in (*_OF_ONE.values(), EveryFeature):
    metric_types.register_metric(_metric)
