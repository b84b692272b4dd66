"""Metrics of how good the maps of pictures are: Petsiuk, Das, Saenko, "RISE", BMVC 2018.

Over the areas that an Explainer writes on request (`measure_maps`), of probabilities where log-odds are explained. What
a record lacks makes a metric NaN, which passes no threshold.
"""

from __future__ import annotations

from tensorflow_model_analysis.metrics import metric_types

from tfx_explain.metrics.map_extracts import Measure
from tfx_explain.metrics.maps import MapMetric
from tfx_explain.metrics.naming import of_class
from tfx_explain.storage import columns


class MapInsertion(MapMetric):
    """Mean over rows of the output as a map's pixels appear, the most important first: the higher, the better maps."""

    def __init__(self, feature: str, name: str = "", class_name: str = "") -> None:
        """Initializes the metric; see `FeatureMetric`."""
        measure = Measure(columns.INSERTION_AREAS, feature, class_name)
        super().__init__(measure, name or of_class(f"map_insertion/{feature}", class_name))


class MapDeletion(MapMetric):
    """Mean over rows of the output as a map's pixels go, the most important first: the lower, the better maps."""

    def __init__(self, feature: str, name: str = "", class_name: str = "") -> None:
        """Initializes the metric; see `FeatureMetric`."""
        measure = Measure(columns.DELETION_AREAS, feature, class_name)
        super().__init__(measure, name or of_class(f"map_deletion/{feature}", class_name))


for _metric in (MapInsertion, MapDeletion):
    metric_types.register_metric(_metric)
