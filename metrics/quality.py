"""Metrics of the explanation itself: how far to trust what the other metrics say."""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types

from tfx_explain.metrics.accumulate import Features, added_up, row_computation
from tfx_explain.metrics.base import ModelMetric, ratio
from tfx_explain.metrics.histograms import RatioBins, weighted_counts
from tfx_explain.metrics.naming import of_class
from tfx_explain.metrics.rows import ModelRows
from tfx_explain.metrics.sums import AttributionSums, completeness_gaps
from tfx_explain.storage import columns
from tfx_explain.storage.influence import lacks_influence

# A bin's middle is within 2.2% of what the bin holds.
_BINS = RatioBins(low=-30, high=10, per_octave=16)


class CompletenessGap(ModelMetric):
    """By how much attributions miss what they should add up to, relative to their own size.

    Sum over rows of |sum of attributions - (instance output - baseline output)|, divided by the sum over rows and
    features of absolute attributions. 0 is exact.
    """

    def __init__(self, name: str = "", class_name: str = "") -> None:
        """Initializes the metric; see `ExplanationMetric`."""
        super().__init__(_completeness_gap, name or of_class("completeness_gap", class_name), class_name=class_name)


class CompletenessGapQuantile(ModelMetric):
    """The relative completeness gap that a fraction of the explained rows stay within.

    A row's gap is |sum of attributions - (instance output - baseline output)|, divided by its own sum of absolute
    attributions, as the Explainer's tolerance is; 0 where all are 0. The quantile is right to 2.2%; gaps below 2^-30
    count as 0, and those above 2^10 as 2^10.
    """

    def __init__(self, quantile: float, name: str = "", class_name: str = "") -> None:
        """Initializes the metric.

        Args:
          quantile: The fraction of the rows, by example weight, more than 0, at most 1.
          name: See `ExplanationMetric`, as `class_name`.
          class_name: The class.

        Raises:
          ValueError: There is no such quantile.
        """
        if not 0 < quantile <= 1:
            raise ValueError(
                f"CompletenessGapQuantile has quantile {quantile}; give a number above 0 and up to 1, such as 0.95."
            )
        super().__init__(
            functools.partial(_quantile, quantile),
            name or of_class(f"completeness_gap_quantile/{quantile:g}", class_name),
            computation=functools.partial(_computation, "_tfx_explain_completeness_gaps", _fold_gaps, added_up),
            quantile=quantile,
            class_name=class_name,
        )


class ApproximationError(ModelMetric):
    """The error that the method reported, relative to the size of the attributions.

    Sum over rows of the record's `approximation_error`, divided by the sum over rows and features of absolute
    attributions.
    """

    def __init__(self, name: str = "", class_name: str = "") -> None:
        """Initializes the metric; see `ExplanationMetric`."""
        super().__init__(
            _approximation_error, name or of_class("approximation_error", class_name), class_name=class_name
        )


class ToleranceMissed(ModelMetric):
    """The part of the explained rows, from 0 to 1, whose error stayed above the Explainer's tolerance."""

    def __init__(self, name: str = "", class_name: str = "") -> None:
        """Initializes the metric; see `ExplanationMetric`."""
        super().__init__(_tolerance_missed, name or of_class("tolerance_missed", class_name), class_name=class_name)


class ExplainedRows(ModelMetric):
    """The number of rows with attributions; example weights don't count."""

    def __init__(self, name: str = "", class_name: str = "") -> None:
        """Initializes the metric; see `ExplanationMetric`."""
        super().__init__(_explained_rows, name or of_class("explained_rows", class_name), class_name=class_name)


class FailedRows(ModelMetric):
    """The number of rows whose attributions are missing or not finite; example weights don't count."""

    def __init__(self, name: str = "", class_name: str = "") -> None:
        """Initializes the metric; see `ExplanationMetric`."""
        super().__init__(_failed_rows, name or of_class("failed_rows", class_name), class_name=class_name)


class UninfluencedRows(ModelMetric):
    """The number of explained rows of classes on which no feature has any influence; example weights don't count.

    Such a class has attributions of 0 alone, in every row that explains it: a softmax's reference class, explained by
    its logit, or an output that is the same for all rows. Bound it by 0.
    """

    def __init__(self, name: str = "", class_name: str = "") -> None:
        """Initializes the metric; see `ExplanationMetric`."""
        super().__init__(
            _uninfluenced,
            name or of_class("uninfluenced_rows", class_name),
            computation=functools.partial(_computation, "_tfx_explain_influence", _fold_influence, _all_counts),
            class_name=class_name,
        )


def _computation(
    name: str,
    fold: Callable[[Sequence[ModelRows], np.ndarray], Any],
    finish: Callable[[Mapping[Features, Any]], Any],
    model_name: str,
    output_name: str,
    example_weighted: bool,
    class_name: str,
) -> tfma.metrics.MetricComputation:
    """Returns what a metric here is made of where `AttributionSums` don't tell it; see `row_computation`."""
    key = tfma.metrics.MetricKey(of_class(name, class_name), model_name, output_name, example_weighted=example_weighted)
    return row_computation(key, [model_name], fold, finish, class_name)


def _completeness_gap(sums: AttributionSums) -> float:
    return ratio(sums.completeness_gap, sums.size)


def _approximation_error(sums: AttributionSums) -> float:
    return ratio(sums.approximation_error, sums.size)


def _tolerance_missed(sums: AttributionSums) -> float:
    return ratio(sums.tolerance_missed, sums.weight)


def _explained_rows(sums: AttributionSums) -> float:
    return sums.explained_rows


def _failed_rows(sums: AttributionSums) -> float:
    return sums.failed_rows


def _fold_influence(models: Sequence[ModelRows], _: np.ndarray) -> collections.Counter[tuple[float, bool]]:
    """Returns the number of explained rows by class and by whether no feature has an influence."""
    (model,) = models
    good = model.take(model.explained)
    lacking = lacks_influence(good.attributions, good.field(columns.INSTANCE_OUTPUT_VALUE))
    classes = np.nan_to_num(good.field(columns.OUTPUT_INDEX), nan=-1.0)
    return collections.Counter(zip(classes.tolist(), lacking.tolist(), strict=True))


def _all_counts(by_features: Mapping[Features, collections.Counter]) -> collections.Counter[tuple[float, bool]]:
    return sum(by_features.values(), collections.Counter())


def _uninfluenced(counts: collections.Counter[tuple[float, bool]]) -> float:
    influenced = {of_class for of_class, lacking in counts if not lacking}
    return float(sum(rows for (of_class, _), rows in counts.items() if of_class not in influenced))


def _fold_gaps(models: Sequence[ModelRows], weights: np.ndarray) -> np.ndarray:
    """Returns the weight of the rows in each of `_BINS`, then of those whose outputs the records don't tell."""
    (model,) = models
    explained = model.explained
    good, weights = model.take(explained), weights[explained]
    sizes = np.abs(good.attributions).sum(axis=1)
    gaps = completeness_gaps(good)
    gaps = np.divide(gaps, sizes, out=np.where(gaps > 0, np.inf, gaps), where=sizes > 0)
    known = ~np.isnan(gaps)
    (counts,) = weighted_counts(_BINS.of(gaps[known])[:, np.newaxis], weights[known], _BINS.count)
    return np.append(counts, weights[~known].sum())


def _quantile(quantile: float, weights: np.ndarray) -> float:
    *counts, unknown = weights
    reached = np.cumsum(counts)
    if unknown or not reached[-1]:
        return float("nan")
    return _BINS.middle(int(np.searchsorted(reached, quantile * reached[-1])))


for _metric in (
    CompletenessGap,
    CompletenessGapQuantile,
    ApproximationError,
    ToleranceMissed,
    ExplainedRows,
    FailedRows,
    UninfluencedRows,
):
    metric_types.register_metric(_metric)
