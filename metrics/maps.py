"""Metrics of where in pictures the attributions are: over the maps that an Explainer keeps on request.

A map's mass is the sum of its absolute attributions. What a record lacks makes a metric NaN, which passes no threshold.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types

from tfx_explain.metrics.base import ModelMetric, ratio
from tfx_explain.metrics.drift import DriftMetric
from tfx_explain.metrics.lists import places_of
from tfx_explain.metrics.naming import of_class
from tfx_explain.metrics.regions import Region, region
from tfx_explain.metrics.rows import weight
from tfx_explain.storage import columns

MAPS_KEY = "tfx_explain_maps"


@dataclass(frozen=True)
class Measure:
    """What is measured of each record's map: a part and a whole, whose sums over records are divided.

    Attributes:
      kind: "share", "concentration" or "agreement"; or one of `columns.AREAS_OF_MAPS`, which records have.
      feature: The image feature.
      class_name: The class; empty: the first one of each record.
      region: Of a share, which part of a map it is of.
    """

    kind: str
    feature: str
    class_name: str
    region: Region | None = None

    @property
    def key(self) -> str:
        """Names it among the extracts."""
        return repr(self)

    def of(self, maps: Mapping[str, np.ndarray | None], model: str) -> tuple[float, float]:
        """Measures a record's map; NaN where it has none.

        Raises:
          ValueError: The region is none of the map's.
        """
        every = list(maps.values()) if self.kind == "agreement" else [maps[model]]
        sizes = [np.abs(one) for one in every if one is not None]
        if len(sizes) < len(every):
            return np.nan, np.nan
        if self.region:
            height, width = sizes[0].shape
            return float(sizes[0][self.region.within((height, width))].sum()), float(sizes[0].sum())
        if self.kind == "concentration":
            return _gini(sizes[0].ravel()), 1.0
        return _overlap(*sizes), 1.0


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


def map_extracts(
    batch: pa.RecordBatch,
    models: Mapping[str, str],
    measures: Sequence[Measure],
    spread: tuple[np.ndarray, int] | None = None,
) -> dict[str, Any]:
    """Returns a batch's extracts, of each measure and model float64 `[rows, 2]`; nothing without a measure.

    Args:
      batch: Attribution records.
      models: `columns.CANDIDATE` or `columns.BASELINE` by the name of the model spec.
      measures: What is measured.
      spread: Where among how many rows the records are; the others count for nothing. None: they are all.
    """
    places = {of_class: places_of(batch, of_class) for of_class in {measure.class_name for measure in measures}}
    found: dict[str, dict[str, np.ndarray]] = {measure.key: {} for measure in measures}
    for measure in measures:
        if measure.kind in columns.AREAS_OF_MAPS:
            for name, model in models.items():
                found[measure.key][name] = _spread(_areas(batch, model, measure, places), spread)
            continue
        maps = {name: list(_maps(batch, model, measure, places)) for name, model in models.items()}
        by_row = [dict(zip(maps, row, strict=True)) for row in zip(*maps.values(), strict=True)]
        is_explained = (places[measure.class_name] >= 0)[:, None]
        for name in models:
            numbers = np.array([measure.of(row, name) for row in by_row]).reshape(-1, 2)
            # A record that explains other classes counts for nothing.
            found[measure.key][name] = _spread(np.where(is_explained, numbers, 0.0), spread)
    return {MAPS_KEY: found} if measures else {}


def _spread(numbers: np.ndarray, spread: tuple[np.ndarray, int] | None) -> np.ndarray:
    if spread is None:
        return numbers
    places, rows = spread
    of_all = np.zeros((rows, 2))
    of_all[places] = numbers
    return of_all


def _maps(
    batch: pa.RecordBatch, model: str, measure: Measure, places: Mapping[str, np.ndarray]
) -> Iterator[np.ndarray | None]:
    """Yields each record's map."""
    names = [columns.map_column(model, part, measure.feature) for part in columns.PARTS_OF_MAPS[:3]]
    indices = [batch.schema.get_field_index(name) for name in names]
    if min(indices) < 0:
        yield from [None] * batch.num_rows
        return
    texts, scales, shapes = (batch.column(index).to_pylist() for index in indices)
    for text, scale, shape, place in zip(texts, scales, shapes, places[measure.class_name], strict=True):
        if text is None or scale is None or shape is None or not 0 <= place < len(text):
            yield None
        else:
            yield np.frombuffer(text[place], "<f2").astype(np.float64).reshape(*shape) * scale[place]


def _areas(batch: pa.RecordBatch, model: str, measure: Measure, places: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns each record's area, and 1 of a whole, float64 `[rows, 2]`; 0 of both where it explains other classes."""
    index = batch.schema.get_field_index(columns.map_column(model, measure.kind, measure.feature))
    lists = [None] * batch.num_rows if index < 0 else batch.column(index).to_pylist()
    numbers = np.ones((len(lists), 2))
    for row, (areas, place) in enumerate(zip(lists, places[measure.class_name], strict=True)):
        if place < 0:
            numbers[row] = 0
        else:
            numbers[row, 0] = areas[place] if areas is not None and place < len(areas) else np.nan
    return numbers


def _gini(sizes: np.ndarray) -> float:
    total, count = sizes.sum(), len(sizes)
    if not total:
        return 0.0
    return float(((2 * np.arange(1, count + 1) - count - 1) @ np.sort(sizes)) / (count * total))


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    if first.shape != second.shape:
        return 0.0
    masses = first.sum(), second.sum()
    if not all(masses):
        return float(not any(masses))
    return float(np.minimum(first / masses[0], second / masses[1]).sum())


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
