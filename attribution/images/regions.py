"""Regions of a picture, from the most important on: Kapishnikov, Bolukbasi, Viegas, Terry, "XRAI: Better Attributions
Through Regions", ICCV 2019.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfx_explain.attribution.images.segments import Segments

# By how many steps between neighbouring numbers NumPy's mean may be off, of as many numbers as there are.
_MEAN_STEPS = 128


@dataclasses.dataclass(frozen=True)
class Regions:
    """What the parts of pictures have in common.

    Attributes:
        heat: float64 `[..., height, width]`, the mean attribution of a pixel's region.
        order: int32 `[..., height, width]`, the place of a pixel's region: 1 has the greatest mean, 0 there is none.
    """

    heat: np.ndarray
    order: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[Regions]) -> Regions:
        """Puts the rows of several together, in order."""
        return cls(np.concatenate([part.heat for part in parts]), np.concatenate([part.order for part in parts]))

    def take(self, rows: np.ndarray) -> Regions:
        """Returns those of some rows, int `[taken]`, in that order."""
        return Regions(self.heat[rows], self.order[rows])

    def masses(self) -> np.ndarray:
        """Returns float64 `[regions]` of one picture: each region's attributions, added up, in their order."""
        return np.bincount(self.order.ravel(), weights=self.heat.ravel())[1:]


def grow(
    attribution: np.ndarray, segments: Segments, *, area_fraction: float = 1.0, min_new_pixels: int = 50
) -> Regions:
    """Takes one segment after the other, always the one whose pixels that are not taken yet have the greatest mean.

    Args:
        attribution: finite floats `[height, width]`.
        segments: of the picture.
        area_fraction: when more than this share of the pixels is taken, the others are one last region.
        min_new_pixels: a segment with fewer pixels that are not taken is passed over; at least 1.

    Returns:
        The regions. Their means are those that NumPy finds, bit for bit.

    Raises:
        ValueError: if the attributions are not of the segments' picture.
    """
    if attribution.shape != segments.cells.shape:
        raise ValueError(f"attributions are {attribution.shape}, segments are of {segments.cells.shape} pixels.")
    growth = _Growth(attribution, segments)
    while growth.taken <= area_fraction and (number := growth.best(min_new_pixels)) is not None:
        growth.take(number)
    return growth.finish()


class _Growth:
    """Which cells are taken, and by which regions.

    Sums over cells find the segments whose means could be the greatest. Only of those the mean is taken as NumPy takes
    it, pixel by pixel, and again only when pixels of theirs were taken.
    """

    def __init__(self, attribution: np.ndarray, segments: Segments) -> None:
        self._attribution, self._segments = attribution, segments
        flat = segments.cells.ravel()
        self._pixels = np.bincount(flat)
        self._sums = np.bincount(flat, weights=attribution.ravel().astype(np.float64))
        self._members = segments.members.astype(np.float64)
        self._open = np.ones(len(self._pixels), bool)
        self._used = np.zeros(len(segments.boxes), bool)
        self._means: dict[int, tuple[int, float]] = {}
        self._region_of = np.full(len(self._pixels), -1)
        self._gains: list[float] = []
        steps = flat.size * np.finfo(np.float64).eps + _MEAN_STEPS * np.finfo(attribution.dtype).eps
        self._in_doubt = 2 * steps * float(np.abs(attribution).max())

    @property
    def taken(self) -> float:
        """The share of the pixels that are taken."""
        return float(self._pixels[~self._open].sum() / self._pixels.sum())

    def best(self, min_new_pixels: int) -> int | None:
        """Returns the segment with the greatest mean, of equal ones the first; None where none has enough pixels."""
        counts = np.rint(self._members @ (self._pixels * self._open)).astype(np.int64)
        eligible = np.flatnonzero((counts >= min_new_pixels) & ~self._used)
        if not len(eligible):
            return None
        means = (self._members @ (self._sums * self._open))[eligible] / counts[eligible]
        near = eligible[means >= means.max() - self._in_doubt]
        exact = [self._mean(number, int(counts[number])) for number in near]
        return int(near[np.argmax(exact)])

    def take(self, number: int) -> None:
        """Makes a region of what is left of a segment."""
        new = self._segments.inside(number) & self._open
        self._gains.append(self._means[number][1])
        self._region_of[new] = len(self._gains) - 1
        self._open &= ~new
        self._used[number] = True

    def finish(self) -> Regions:
        """Makes one last region of what is left."""
        order = np.argsort(-np.array(self._gains), kind="stable")
        ranks = np.empty(len(order) + 1, np.int32)
        ranks[order], ranks[-1] = np.arange(1, len(order) + 1), len(order) + 1
        rest = self._open[self._segments.cells]
        gains = np.array([*self._gains, self._attribution[rest].mean() if rest.any() else 0.0], np.float64)
        region_of = self._region_of[self._segments.cells]
        return Regions(gains[region_of], ranks[region_of])

    def _mean(self, number: int, count: int) -> float:
        known = self._means.get(number)
        # Pixels are only ever taken: as many as before are the same ones.
        if known is None or known[0] != count:
            box = self._segments.boxes[number]
            new = (self._segments.inside(number) & self._open)[self._segments.cells[box]]
            self._means[number] = known = count, self._attribution[box][new].mean()
        return known[1]
