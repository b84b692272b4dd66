"""Metrics of where in pictures the attributions are: over the maps that an Explainer keeps on request.

A map's mass is the sum of its absolute attributions. What a record lacks makes a metric NaN, which passes no threshold.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types

from tfx_explain.metrics.base import ModelMetric, ratio
from tfx_explain.metrics.drift import DriftMetric
from tfx_explain.metrics.map_extracts import MAPS_KEY, Measure
from tfx_explain.metrics.naming import of_class
from tfx_explain.metrics.regions import region
from tfx_explain.metrics.rows import weight


class MapMetric(ModelMetric):
    """A metric of one image feature's maps."""

    def __init__(self, measure: Measure, name: str, **config: Any) -> None:
        self.feature, self.measure = measure.feature, measure
        super().__init__(
            _value,
            name,
            computation=functools.partial(_computation, measure),
            feature=measure.feature,
            class_name=measure.class_name,
            **config,
        )


class MapShare(MapMetric):
    """The part of the maps' mass that lies in a region, from 0 to 1: in the watermark's corner, or along the border."""

    def __init__(
        self,
        feature: str,
        box: Sequence[float] | None = None,
        outside: bool = False,
        name: str = "",
        class_name: str = "",
        mask: str | Mapping[str, Any] | None = None,
        border: float | None = None,
    ) -> None:
        """Initializes the metric, of one of `box`, `mask` and `border`.

        Args:
          feature: The image feature's name in the attribution records.
          box: Top, left, bottom and right; see `regions.Box`.
          outside: Whether the part outside of the region is meant.
          name: See `ExplanationMetric`, as `class_name`.
          class_name: The class.
          mask: A PNG's path, or runs of pixels; see `regions.region`.
          border: How wide a ring along the edges is; see `regions.Border`.

        Raises:
          ValueError: There is no such region.
        """
        of_share = region(box, mask, border, outside)
        given = {"box": box, "mask": mask, "border": border}
        super().__init__(
            Measure("share", feature, class_name, of_share),
            name or of_class(f"map_share/{feature}/{of_share.place}", class_name),
            **{key: value for key, value in given.items() if value is not None},
            outside=outside,
        )


class MapConcentration(MapMetric):
    """Mean Gini coefficient of the maps' absolute attributions: 0 if all pixels have the same, 1 if one has all.

    Unweighted by the maps' sizes; of a map of zeros it is 0.
    """

    def __init__(self, feature: str, name: str = "", class_name: str = "") -> None:
        """Initializes the metric; see `FeatureMetric`."""
        measure = Measure("concentration", feature, class_name)
        super().__init__(measure, name or of_class(f"map_concentration/{feature}", class_name))


class MapAgreement(DriftMetric):
    """Mean over rows of the part of the mass that lies on the same pixels in both models' maps, from 0 to 1."""

    def __init__(self, feature: str, name: str = "", class_name: str = "") -> None:
        """Initializes the metric; see `FeatureMetric`."""
        self.feature, self.measure = feature, Measure("agreement", feature, class_name)
        compare = functools.partial(_agreement_computations, self.measure)
        name = name or of_class(f"map_agreement/{feature}", class_name)
        super().__init__(compare, name, feature=feature, class_name=class_name)


def measures_of(metrics: Iterable[metric_types.Metric]) -> list[Measure]:
    """Returns what metrics want to know of maps."""
    found = [metric.measure for metric in metrics if isinstance(metric, MapMetric | MapAgreement)]
    return list(dict.fromkeys(found))


class _Sums(NamedTuple):
    features: tuple[str, ...]  # As the sums of other metrics have them; the feature's name is held against those.
    part: float
    whole: float


def _value(sums: _Sums) -> float:
    return ratio(sums.part, sums.whole)


def _computation(
    measure: Measure, model_name: str, output_name: str, example_weighted: bool, class_name: str
) -> tfma.metrics.MetricComputation:
    name = f"_tfx_explain_map/{measure.key}"
    key = tfma.metrics.MetricKey(name, model_name, output_name, example_weighted=example_weighted)
    return tfma.metrics.MetricComputation(
        keys=[key], preprocessors=[_Preprocessor(key, measure)], combiner=_Combiner(key, is_value=False)
    )


def _agreement_computations(
    measure: Measure, key: tfma.metrics.MetricKey, baseline: str, class_name: str
) -> tfma.metrics.MetricComputations:
    return [
        tfma.metrics.MetricComputation(
            keys=[key], preprocessors=[_Preprocessor(key, measure)], combiner=_Combiner(key, is_value=True)
        )
    ]


class _Preprocessor(tfma.metrics.Preprocessor):
    """Takes a measure of a record's map, weighted."""

    def __init__(self, key: tfma.metrics.MetricKey, measure: Measure) -> None:
        super().__init__(name=key.name)
        self._key, self._measure = key, measure

    def process(self, extracts: Mapping[str, Any]) -> Iterator[np.ndarray]:
        by_model = extracts[MAPS_KEY][self._measure.key]
        numbers = by_model[self._key.model_name if self._key.model_name in by_model else next(iter(by_model))]
        key = self._key
        times = weight(extracts, key.model_name, key.output_name) if key.example_weighted else 1.0
        yield np.asarray(numbers, np.float64).reshape(2) * times


class _Combiner(beam.CombineFn):
    def __init__(self, key: tfma.metrics.MetricKey, is_value: bool) -> None:
        self._key, self._is_value = key, is_value

    def create_accumulator(self) -> np.ndarray:
        return np.zeros(2)

    def add_input(self, accumulator: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        return accumulator + numbers

    def merge_accumulators(self, accumulators: Iterable[np.ndarray]) -> np.ndarray:
        return np.sum(list(accumulators), axis=0)

    def extract_output(self, accumulator: np.ndarray) -> dict[tfma.metrics.MetricKey, Any]:
        sums = _Sums((), float(accumulator[0]), float(accumulator[1]))
        return {self._key: _value(sums) if self._is_value else sums}


for _metric in (MapShare, MapConcentration, MapAgreement):
    metric_types.register_metric(_metric)
