"""How far a model's reasons have moved from the baseline model's, as one number for the whole model.

The importance of a feature is its mean absolute attribution; a feature that one of the models doesn't have has the
importance 0 there. These are TFMA's metrics of a difference, as its flip rates are: they exist for the candidate where
there is a baseline model, and their bound is the `absolute` of a change threshold. Clarify's alarm, for example, is

    change_threshold { absolute { value: 0.9 } direction: HIGHER_IS_BETTER }
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.stats
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.metrics.base import ExplanationMetric, ratio
from tfx_explain.metrics.naming import of_class
from tfx_explain.metrics.sums import AttributionSums, sums_computation

LEAST_SHARE = 0.01
"""The share below which a feature of the baseline model has no say to lose."""

Measure = Callable[[np.ndarray, np.ndarray], float]
MeasureOfSums = Callable[[AttributionSums, AttributionSums], float]

Compare = Callable[[tfma.metrics.MetricKey, str, str], tfma.metrics.MetricComputations]


class DriftMetric(ExplanationMetric):
    """A comparison of the candidate with the baseline model; TFMA makes it for the candidate alone."""

    def __init__(self, compare: Compare, name: str, **config: Any) -> None:
        """Initializes the metric.

        Args:
          compare: From the comparison's key, which names the candidate, the baseline model's name and the class to what
            is computed.
          name: The name under which TFMA reports it.
          **config: Further arguments of the subclass's constructor, for TFMA to make the metric again.
        """
        super().__init__(functools.partial(_comparisons, compare), name=name, **config)


class ImportanceDrift(DriftMetric):
    """A measure of two importance vectors, float64 [features], the candidate's and the baseline model's.

    NaN, which passes no threshold, where one of the models has no explained row in a slice.
    """

    def __init__(self, measure: Measure, name: str, class_name: str) -> None:
        """Initializes the metric.

        Args:
          measure: From the importances in the candidate and in the baseline model to the metric's value.
          name: See `ExplanationMetric`, as `class_name`.
          class_name: The class.
        """
        compare = functools.partial(_computations, functools.partial(_of_importances, measure))
        super().__init__(compare, name, class_name=class_name)


class ImportanceNDCG(ImportanceDrift):
    """Normalised discounted cumulative gain of the candidate's ranking of features, 1 for the baseline model's own.

    With a the baseline model's importances and f the features by falling importance in the candidate, the sum of
    a(f_i) / log2(i + 1), divided by the same sum in the baseline model's own order. Amazon SageMaker Clarify, "Feature
    attribution drift for models in production", alarms below 0.9. Features that are equally important in the candidate
    share the mean discount of their places, as in scikit-learn's `ndcg_score`. NaN where a model's importances are all
    0.
    """

    def __init__(self, name: str = "", class_name: str = "") -> None:
        """Initializes the metric; see `ExplanationMetric`."""
        super().__init__(importance_ndcg, name or of_class("importance_ndcg", class_name), class_name)


class ImportanceSpearman(ImportanceDrift):
    """Spearman's rank correlation of the importances, from -1 to 1; NaN where a model's are all equal."""

    def __init__(self, name: str = "", class_name: str = "") -> None:
        """Initializes the metric; see `ExplanationMetric`."""
        super().__init__(_spearman, name or of_class("importance_spearman", class_name), class_name)


class ImportanceKendall(ImportanceDrift):
    """Kendall's tau-b of the importances, from -1 to 1; NaN where a model's are all equal."""

    def __init__(self, name: str = "", class_name: str = "") -> None:
        """Initializes the metric; see `ExplanationMetric`."""
        super().__init__(_kendall, name or of_class("importance_kendall", class_name), class_name)


class LargestShareChange(ImportanceDrift):
    """The largest difference, of any feature, between its share of the importances in the two models, from 0 to 1.

    NaN where a model's importances are all 0.
    """

    def __init__(self, name: str = "", class_name: str = "") -> None:
        """Initializes the metric; see `ExplanationMetric`."""
        super().__init__(largest_share_change, name or of_class("largest_share_change", class_name), class_name)


class ShareKept(DriftMetric):
    """What is left of a feature's share of the importances, from 0 to 1: the candidate's by the baseline model's.

    1 where the share has grown, or where the baseline model's is below `LEAST_SHARE`: a feature that had no say can't
    lose it. NaN where a model's importances are all 0. A feature whose column broke, or that a join lost, is at 0,
    however small its share was, which no bound on differences of shares shows.
    """

    def __init__(self, feature: str, name: str = "", class_name: str = "") -> None:
        """Initializes the metric.

        Args:
          feature: The feature's name in the attribution records.
          name: See `ExplanationMetric`, as `class_name`.
          class_name: The class.
        """
        self.feature = feature
        compare = functools.partial(_computations, functools.partial(_share_kept, feature))
        super().__init__(
            compare, name or of_class(f"share_kept/{feature}", class_name), feature=feature, class_name=class_name
        )


def importance_ndcg(candidate: np.ndarray, baseline: np.ndarray) -> float:
    """Returns `ImportanceNDCG` of two importance vectors, float64 [features]."""
    if not candidate.any():
        return float("nan")
    discounts = 1 / np.log2(np.arange(len(baseline)) + 2)
    _, groups, sizes = np.unique(-candidate, return_inverse=True, return_counts=True)
    shared = np.add.reduceat(discounts, np.cumsum(sizes) - sizes) / sizes
    return ratio(float(baseline @ shared[groups]), float(-np.sort(-baseline) @ discounts))


def _spearman(candidate: np.ndarray, baseline: np.ndarray) -> float:
    return _correlation(scipy.stats.spearmanr, candidate, baseline)


def _kendall(candidate: np.ndarray, baseline: np.ndarray) -> float:
    return _correlation(scipy.stats.kendalltau, candidate, baseline)


def _correlation(correlate: Callable[..., Any], candidate: np.ndarray, baseline: np.ndarray) -> float:
    if np.ptp(candidate) == 0 or np.ptp(baseline) == 0:
        return float("nan")
    return float(correlate(candidate, baseline).statistic)


def largest_share_change(candidate: np.ndarray, baseline: np.ndarray) -> float:
    """Returns `LargestShareChange` of two importance vectors, float64 [features]."""
    if not candidate.sum() or not baseline.sum():
        return float("nan")
    return float(np.abs(candidate / candidate.sum() - baseline / baseline.sum()).max())


def _comparisons(
    compare: Compare,
    eval_config: config_pb2.EvalConfig | None = None,
    name: str = "",
    model_names: Sequence[str] = ("",),
    output_names: Sequence[str] = ("",),
    example_weighted: bool = False,
    class_name: str = "",
    **_: Any,  # The rest of what the constructor got, which TFMA passes on, and `compare` has already.
) -> tfma.metrics.MetricComputations:
    """Returns a comparison of every candidate and output with the baseline model; none without one."""
    baseline = tfma.utils.get_baseline_model_spec(eval_config) if eval_config else None
    if baseline is None:
        return []
    candidates = [model for model in model_names if model != baseline.name]
    keys = [
        tfma.metrics.MetricKey(name, model, output, None, None, example_weighted, is_diff=True)
        for model, output in itertools.product(candidates, output_names)
    ]
    return [computation for key in keys for computation in compare(key, baseline.name, class_name)]


def _computations(
    measure: MeasureOfSums, key: tfma.metrics.MetricKey, baseline: str, class_name: str
) -> tfma.metrics.MetricComputations:
    of_models = [
        sums_computation(model, key.output_name, bool(key.example_weighted), class_name)
        for model in (key.model_name, baseline)
    ]
    result = functools.partial(_result, measure, key, [c.keys[0] for c in of_models])
    return [*of_models, tfma.metrics.DerivedMetricComputation(keys=[key], result=result)]


def _result(
    measure: MeasureOfSums,
    key: tfma.metrics.MetricKey,
    of_models: Sequence[tfma.metrics.MetricKey],
    metrics: dict[tfma.metrics.MetricKey, Any],
) -> dict[tfma.metrics.MetricKey, float]:
    candidate, baseline = (metrics[k] for k in of_models)
    if not candidate.weight or not baseline.weight:
        return {key: float("nan")}
    return {key: measure(candidate, baseline)}


def _of_importances(measure: Measure, candidate: AttributionSums, baseline: AttributionSums) -> float:
    features = sorted({*candidate.features, *baseline.features})
    return measure(_importances(candidate, features), _importances(baseline, features))


def _share_kept(feature: str, candidate: AttributionSums, baseline: AttributionSums) -> float:
    left, share = (ratio(_importances(m, [feature])[0], m.size / m.weight) for m in (candidate, baseline))
    if share < LEAST_SHARE and not np.isnan(left):
        return 1.0
    return min(1.0, ratio(left, share))


def _importances(sums: AttributionSums, features: Sequence[str]) -> np.ndarray:
    """Returns the mean absolute attributions of the given features, float64 [features]; 0 for those it lacks."""
    known = (sums.places.get(feature) for feature in features)
    return np.asarray([0.0 if place is None else sums.absolute[place] for place in known]) / sums.weight


for _metric in (ImportanceNDCG, ImportanceSpearman, ImportanceKendall, LargestShareChange, ShareKept):
    metric_types.register_metric(_metric)
