"""Comparisons of two models' attributions of the same records: row by row, and one feature's distribution by the other.

Metrics of a difference, as those in `drift.py`: they exist where there is a baseline model, for the candidate, and are
bounded by the `absolute` of a change threshold. Rows that one of the models failed on don't count; a slice without any
other is NaN, which passes no threshold.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow_model_analysis as tfma
from scipy.spatial import distance
from tensorflow_model_analysis.metrics import metric_types

from tfx_explain.metrics.accumulate import Features, added_up, row_computation
from tfx_explain.metrics.base import ratio
from tfx_explain.metrics.drift import DriftMetric
from tfx_explain.metrics.histograms import RatioBins, weighted_counts
from tfx_explain.metrics.naming import of_class, positions
from tfx_explain.metrics.rows import ModelRows
from tfx_explain.metrics.sums import only_features

_BINS = RatioBins(low=-16, high=16, per_octave=2)
_SIDES = 2 * _BINS.count - 1  # Of both signs; they share the bin of 0.
_HISTOGRAMS_NAME = "_tfx_explain_attribution_histograms"

Histograms = Mapping[str, tuple[np.ndarray, np.ndarray]]


class AttributionAgreement(DriftMetric):
    """Mean over rows of the cosine between the two models' attributions, from -1 to 1.

    A feature that one of the models doesn't have has the attribution 0 there. Two rows of zeros agree (1); one row of
    zeros and another one don't (0).
    """

    def __init__(self, name: str = "", class_name: str = "") -> None:
        """Initializes the metric; see `ExplanationMetric`."""
        name = name or of_class("attribution_agreement", class_name)
        super().__init__(_agreement_computations, name, class_name=class_name)


class AttributionDistance(DriftMetric):
    """Jensen-Shannon distance between the distributions of one feature's attributions in the two models, from 0 to 1.

    The square root of the divergence to base 2, between histograms over 64 bins on each side of 0, two to an octave
    from 2^-16 to 2^16 in the unit of the explained output, and one bin for what is nearer to 0. On few rows chance
    alone sets two models apart, by up to about 0.6 sqrt(bins in use / rows): don't bound it closer.
    """

    def __init__(self, feature: str, name: str = "", class_name: str = "") -> None:
        """Initializes the metric.

        Args:
          feature: The feature's name in the attribution records.
          name: The name under which TFMA reports it.
        """
        self.feature = feature
        compare = functools.partial(_distance_computations, feature)
        name = name or of_class(f"attribution_distance/{feature}", class_name)
        super().__init__(compare, name, feature=feature, class_name=class_name)


def _agreement_computations(
    key: tfma.metrics.MetricKey, baseline: str, class_name: str
) -> tfma.metrics.MetricComputations:
    return [row_computation(key, [key.model_name, baseline], _fold_cosines, _mean_cosine, class_name)]


def _distance_computations(
    feature: str, key: tfma.metrics.MetricKey, baseline: str, class_name: str
) -> tfma.metrics.MetricComputations:
    hidden = key._replace(name=of_class(_HISTOGRAMS_NAME, class_name))
    histograms = row_computation(hidden, [key.model_name, baseline], _fold_histograms, _histograms, class_name)
    result = functools.partial(_distance, feature, key, histograms.keys[0])
    return [histograms, tfma.metrics.DerivedMetricComputation(keys=[key], result=result)]


def _explained_by_both(models: Sequence[ModelRows], weights: np.ndarray) -> tuple[ModelRows, ModelRows, np.ndarray]:
    candidate, baseline = models
    both = candidate.explained & baseline.explained
    return candidate.take(both), baseline.take(both), weights[both]


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns the cosine between two models' attributions of each row, float64 `[rows]`; see `AttributionAgreement`.

    Args:
      one: float64 `[rows, features]`.
      other: The same rows and features.
    """
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    neither = ~(one.any(axis=1) | other.any(axis=1))
    return np.divide((one * other).sum(axis=1), norms, out=neither.astype(float), where=norms > 0)


def _fold_cosines(models: Sequence[ModelRows], weights: np.ndarray) -> np.ndarray:
    """Returns the sum of the weights, and of the weighted cosines."""
    *both, weights = _explained_by_both(models, weights)
    names = sorted({name for model in both for name in model.features})
    return np.asarray([weights.sum(), weights @ cosines(*(_at(model, names) for model in both))])


def _at(model: ModelRows, names: Sequence[str]) -> np.ndarray:
    """Returns the attributions of the named features, float64 `[rows, names]`; 0 for those that the model lacks."""
    places, result = positions(names), np.zeros((len(model.attributions), len(names)))
    result[:, [places[feature] for feature in model.features]] = model.attributions
    return result


def _mean_cosine(by_features: Mapping[Features, np.ndarray]) -> float:
    weight, cosines = added_up(by_features)
    return ratio(cosines, weight)


def _fold_histograms(models: Sequence[ModelRows], weights: np.ndarray) -> np.ndarray:
    """Returns the counts of each feature's attributions, `[candidate's and baseline's features, _SIDES]`."""
    *both, weights = _explained_by_both(models, weights)
    return histograms_of(np.hstack([model.attributions for model in both]), weights)


def histograms_of(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns the histograms that `AttributionDistance` compares, float64 `[columns, bins]`.

    Args:
      values: Attributions, float64 `[rows, columns]`.
      weights: Of the rows, float64 `[rows]`.
    """
    bins = _BINS.count - 1 + np.sign(values).astype(np.int64) * _BINS.of(np.abs(values))
    return weighted_counts(bins, weights, _SIDES)


def _histograms(by_features: Mapping[Features, np.ndarray]) -> Histograms:
    """Returns the candidate's and the baseline model's counts by feature, for the features that both have."""
    known = only_features(by_features)
    if known is None:
        return {}
    (candidate, baseline), counts = map(positions, known), by_features[known]
    return {
        feature: (counts[place], counts[len(candidate) + baseline[feature]])
        for feature, place in candidate.items()
        if feature in baseline
    }


def _distance(
    feature: str,
    key: tfma.metrics.MetricKey,
    histograms: tfma.metrics.MetricKey,
    metrics: Mapping[tfma.metrics.MetricKey, Histograms],
) -> dict[tfma.metrics.MetricKey, float]:
    pair = metrics[histograms].get(feature)
    if pair is None or not pair[0].any():
        return {key: float("nan")}
    return {key: float(distance.jensenshannon(*pair, base=2))}


for _metric in (AttributionAgreement, AttributionDistance):
    metric_types.register_metric(_metric)
