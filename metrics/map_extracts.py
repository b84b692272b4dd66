"""What is measured of each record's map, for the metrics of maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tfx_explain.metrics.lists import places_of, spread_over
from tfx_explain.metrics.regions import Region
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
                areas = _areas(batch, model, measure, places)
                found[measure.key][name] = spread_over(areas, spread, [0.0, 0.0])
            continue
        maps = {name: list(_maps(batch, model, measure, places)) for name, model in models.items()}
        by_row = [dict(zip(maps, row, strict=True)) for row in zip(*maps.values(), strict=True)]
        is_explained = (places[measure.class_name] >= 0)[:, None]
        for name in models:
            numbers = np.array([measure.of(row, name) for row in by_row]).reshape(-1, 2)
            # A record that explains other classes counts for nothing.
            found[measure.key][name] = spread_over(np.where(is_explained, numbers, 0.0), spread, [0.0, 0.0])
    return {MAPS_KEY: found} if measures else {}


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
