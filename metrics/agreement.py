"""Comparisons of two models' attributions of the same records: row by row, and one feature's distribution by the other.

Metrics of a difference, as those in `drift.py`: they exist where there is a baseline model, for the candidate, and are
bounded by the `absolute` of a change threshold. Rows that one of the models failed on don't count; a slice without any
other is NaN, which passes no threshold.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from scipy.spatial import distance
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.metrics import rows
from tfx_explain.metrics.base import ratio
from tfx_explain.metrics.drift import DriftMetric, drift_keys

_OCTAVES = 16
_BINS_PER_OCTAVE = 2
_BINS = 2 * _OCTAVES * _BINS_PER_OCTAVE  # On each side of 0, from 2^-_OCTAVES to 2^_OCTAVES.


class _Comparison(NamedTuple):
    """How a metric is accumulated: arrays that are added up."""

    of_row: Callable[[Mapping[str, float], Mapping[str, float]], np.ndarray]
    to_value: Callable[[np.ndarray], float]
    shape: tuple[int, ...]


class AttributionAgreement(DriftMetric):
    """Mean over rows of the cosine between the two models' attributions, from -1 to 1.

    A feature that one of the models doesn't have has the attribution 0 there. Two rows of zeros agree (1); one row of
    zeros and another one don't (0).
    """

    def __init__(self, name: str = "attribution_agreement") -> None:
        """Initializes the metric."""
        comparison = _Comparison(_cosine, _mean, (2,))
        super().__init__(functools.partial(_computations, comparison), name=name)


class AttributionDistance(DriftMetric):
    """Jensen-Shannon distance between the distributions of one feature's attributions in the two models, from 0 to 1.

    The square root of the divergence to base 2, between histograms over 64 bins on each side of 0, two to an octave
    from 2^-16 to 2^16 in the unit of the explained output, and one bin for what is nearer to 0. On few rows chance
    alone sets two models apart, by up to about 0.6 sqrt(bins in use / rows): don't bound it closer.
    """

    def __init__(self, feature: str, name: str = "") -> None:
        """Initializes the metric.

        Args:
          feature: The feature's name in the attribution records.
          name: The name under which TFMA reports it.
        """
        self.feature = feature
        comparison = _Comparison(functools.partial(_histograms, feature), _distance, (2, 2 * _BINS + 1))
        computations = functools.partial(_computations, comparison)
        super().__init__(computations, name=name or f"attribution_distance/{feature}", feature=feature)


def _cosine(candidate: Mapping[str, float], baseline: Mapping[str, float]) -> np.ndarray:
    features = sorted({*candidate, *baseline})
    one, other = (np.asarray([values.get(f, 0.0) for f in features]) for values in (candidate, baseline))
    norms = np.linalg.norm(one), np.linalg.norm(other)
    if not all(norms):
        return np.asarray([1.0, float(not any(norms))])
    return np.asarray([1.0, one @ other / (norms[0] * norms[1])])


def _mean(sums: np.ndarray) -> float:
    return ratio(float(sums[1]), float(sums[0]))


def _histograms(feature: str, candidate: Mapping[str, float], baseline: Mapping[str, float]) -> np.ndarray:
    result = np.zeros((2, 2 * _BINS + 1))
    for histogram, values in zip(result, (candidate, baseline), strict=True):
        if feature in values:
            histogram[_bin(values[feature])] = 1
    return result


def _bin(value: float) -> int:
    """Returns the index of a value's bin; the middle one is that of 0."""
    if abs(value) < 2.0**-_OCTAVES:
        return _BINS
    steps = 1 + int(_BINS_PER_OCTAVE * (np.log2(abs(value)) + _OCTAVES))
    return _BINS + int(np.sign(value)) * min(steps, _BINS)


def _distance(histograms: np.ndarray) -> float:
    if not histograms.sum(axis=1).all():
        return float("nan")
    return float(distance.jensenshannon(*histograms, base=2))


class _RowPreprocessor(tfma.metrics.Preprocessor):
    def __init__(self, key: tfma.metrics.MetricKey, baseline: str, comparison: _Comparison) -> None:
        super().__init__(name=key.name)
        self._key, self._baseline, self._comparison = key, baseline, comparison

    def process(self, extracts: Mapping[str, Any]) -> Iterator[np.ndarray]:
        model, output = self._key.model_name, self._key.output_name
        candidate, baseline = rows.attributions(extracts, model), rows.attributions(extracts, self._baseline)
        if candidate and baseline:
            weight = rows.weight(extracts, model, output, bool(self._key.example_weighted))
            by_feature = (dict(zip(*of_model, strict=True)) for of_model in (candidate, baseline))
            yield weight * self._comparison.of_row(*by_feature)


class _Combiner(beam.CombineFn):
    def __init__(self, key: tfma.metrics.MetricKey, comparison: _Comparison) -> None:
        self._key, self._comparison = key, comparison

    def create_accumulator(self) -> np.ndarray:
        return np.zeros(self._comparison.shape)

    def add_input(self, accumulator: np.ndarray, row: np.ndarray) -> np.ndarray:
        return accumulator + row

    def merge_accumulators(self, accumulators: Iterable[np.ndarray]) -> np.ndarray:
        return sum(accumulators, self.create_accumulator())

    def extract_output(self, accumulator: np.ndarray) -> dict[tfma.metrics.MetricKey, float]:
        return {self._key: self._comparison.to_value(accumulator)}


def _computations(
    comparison: _Comparison,
    eval_config: config_pb2.EvalConfig | None = None,
    name: str = "",
    model_names: Sequence[str] = ("",),
    output_names: Sequence[str] = ("",),
    example_weighted: bool = False,
    feature: str = "",  # TFMA passes on what the constructor got; `comparison` has it already.
) -> tfma.metrics.MetricComputations:
    return [
        tfma.metrics.MetricComputation(
            keys=[key],
            preprocessors=[_RowPreprocessor(key, baseline, comparison)],
            combiner=_Combiner(key, comparison),
        )
        for key, baseline in drift_keys(eval_config, name, model_names, output_names, example_weighted)
    ]


for _metric in (AttributionAgreement, AttributionDistance):
    metric_types.register_metric(_metric)
