"""Metrics of the explanation itself: how far to trust what the other metrics say."""

from __future__ import annotations

from tensorflow_model_analysis.metrics import metric_types

from tfx_explain.metrics.base import ModelMetric, ratio
from tfx_explain.metrics.sums import AttributionSums


class CompletenessGap(ModelMetric):
    """By how much attributions miss what they should add up to, relative to their own size.

    Sum over rows of |sum of attributions - (instance output - baseline output)|, divided by the sum over rows and
    features of absolute attributions. 0 is exact.
    """

    def __init__(self, name: str = "completeness_gap") -> None:
        """Initializes the metric."""
        super().__init__(_completeness_gap, name)


class ApproximationError(ModelMetric):
    """The error that the method reported, relative to the size of the attributions.

    Sum over rows of the record's `approximation_error`, divided by the sum over rows and features of absolute
    attributions.
    """

    def __init__(self, name: str = "approximation_error") -> None:
        """Initializes the metric."""
        super().__init__(_approximation_error, name)


class ToleranceMissed(ModelMetric):
    """The part of the explained rows, from 0 to 1, whose error stayed above the Explainer's tolerance."""

    def __init__(self, name: str = "tolerance_missed") -> None:
        """Initializes the metric."""
        super().__init__(_tolerance_missed, name)


class ExplainedRows(ModelMetric):
    """The number of rows with attributions; example weights don't count."""

    def __init__(self, name: str = "explained_rows") -> None:
        """Initializes the metric."""
        super().__init__(_explained_rows, name)


class FailedRows(ModelMetric):
    """The number of rows whose attributions are missing or not finite; example weights don't count."""

    def __init__(self, name: str = "failed_rows") -> None:
        """Initializes the metric."""
        super().__init__(_failed_rows, name)


def _completeness_gap(sums: AttributionSums) -> float:
    return ratio(sums.completeness_gap, sums.absolute.sum())


def _approximation_error(sums: AttributionSums) -> float:
    return ratio(sums.approximation_error, sums.absolute.sum())


def _tolerance_missed(sums: AttributionSums) -> float:
    return ratio(sums.tolerance_missed, sums.weight)


def _explained_rows(sums: AttributionSums) -> float:
    return sums.explained_rows


def _failed_rows(sums: AttributionSums) -> float:
    return sums.failed_rows


for _metric in (CompletenessGap, ApproximationError, ToleranceMissed, ExplainedRows, FailedRows):
    metric_types.register_metric(_metric)
