"""XRAI: Kapishnikov, Bolukbasi, Viegas, Terry, "XRAI: Better Attributions Through Regions", ICCV 2019.

The attributions of an image's pixels are averaged over regions, which grow of an over-segmentation, the most important
first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfx_explain.attribution.images.felzenszwalb import over_segment
from tfx_explain.attribution.images.regions import Regions, grow
from tfx_explain.attribution.images.remembered import Remembered
from tfx_explain.attribution.methods.integrated_gradients import IntegratedGradients
from tfx_explain.attribution.model.interface import Model, Tensors
from tfx_explain.attribution.problem.extremes import Extremes
from tfx_explain.attribution.problem.method import Method
from tfx_explain.attribution.problem.problem import Players, Problem, as_tensors
from tfx_explain.attribution.problem.result import Attributions

# [height, width] and [height, width, channels] of each row.
_RANKS = (3, 4)


class Xrai(Method):
    """Regions of images, in `Attributions.regions`, from the attributions of their pixels, in `Attributions.maps`.

    The values of features and their errors are those of the method that finds the maps, and so add up as its values do;
    the heat of regions does not. Segments depend on the image alone: one object finds those of a row once, whatever
    models and targets it explains. Needs scikit-image (`tfx-explain[images]`).
    """

    def __init__(
        self,
        method: Method | None = None,
        *,
        area_fraction: float = 1.0,
        min_new_pixels: int = 50,
        channels: str = "max",
    ) -> None:
        """Chooses what the regions are made of.

        Args:
            method: finds attributions of pixels: `IntegratedGradients` with `maps`, or `SmoothGrad` of it. None:
                integrated gradients with their defaults, and the maps of all images.
            area_fraction: of the image, in regions of their own; what is not among the most important so many pixels is
                one last region. Above 0, at most 1.
            min_new_pixels: the fewest pixels of a region, but for the last; at least 1.
            channels: a pixel's attribution is the 'max' of those of its channels, as in the authors' program, or their
                'sum', of which regions add up to the feature's attribution.

        Raises:
            ValueError: if a setting is out of range.
        """
        if not 0 < area_fraction <= 1 or min_new_pixels < 1 or channels not in ("max", "sum"):
            raise ValueError(
                f"area_fraction is {area_fraction} (above 0, at most 1), min_new_pixels {min_new_pixels} (at least 1), "
                f"channels {channels!r} ('max' or 'sum'); put each in its range."
            )
        self._method = IntegratedGradients(maps=True) if method is None else method
        self._settings = {"area_fraction": area_fraction, "min_new_pixels": min_new_pixels}
        self._channels = channels
        self._segments = Remembered(over_segment)

    def attribute(
        self,
        model: Model | Any,
        inputs: Tensors | Any,
        baselines: Tensors | Any = None,
        players: Players | None = None,
        targets: Any = None,
        row_keys: np.ndarray | None = None,
    ) -> Attributions:
        """Explains every row, as `Method.attribute` does.

        Without `baselines` images have two, of their least and of their greatest value (`Extremes`), and others 0.

        Raises:
            ValueError: if the request is incomplete, or has maps of what is no image `[rows, height, width]` or
                `[rows, height, width, channels]`, or scikit-image is not installed.
        """
        if baselines is None:
            by_key = {key: _default_baseline(tensor) for key, tensor in as_tensors(inputs).items()}
            baselines = by_key if isinstance(inputs, Mapping) else next(iter(by_key.values()))
        return super().attribute(model, inputs, baselines, players, targets, row_keys)

    def _explain(self, problem: Problem, row_keys: np.ndarray | None) -> Attributions:
        found = self._method.attribute(
            problem.model, problem.inputs, problem.given, problem.parts(), problem.targets, row_keys
        )
        for feature, numbers in found.maps.items():
            if numbers.ndim not in _RANKS:
                raise ValueError(
                    f"feature {feature!r} has {numbers.shape[1:]} numbers a row; regions are of images, [height, "
                    "width] or [height, width, channels]. Leave it out of the method's maps."
                )
        keys = problem.whole_tensors()
        sound = np.flatnonzero([not failure for failure in found.failures])
        regions = {
            feature: self._regions(numbers, problem.inputs[keys[feature]].numpy(), sound)
            for feature, numbers in found.maps.items()
        }
        return dataclasses.replace(found, regions=regions)

    def _regions(self, maps: np.ndarray, images: np.ndarray, sound: np.ndarray) -> Regions:
        """Grows regions of the rows that have attributions."""
        if maps.ndim == max(_RANKS):
            maps = maps.max(axis=-1) if self._channels == "max" else maps.sum(axis=-1)
        regions = Regions(np.full(maps.shape, np.nan), np.zeros(maps.shape, np.int32))
        for row in sound:
            grown = grow(maps[row], self._segments(images[row]), **self._settings)
            regions.heat[row], regions.order[row] = grown.heat, grown.order
        return regions


def _default_baseline(tensor: Any) -> Any:
    return Extremes() if tensor.shape.rank in _RANKS and tensor.dtype.is_floating else 0.0
