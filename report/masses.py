"""Where in pictures attributions lie: sums over all rows of the maps' mass, by ninths of the picture and by class."""

from __future__ import annotations

import collections
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tfx_explain.report.exact import ExactSums
from tfx_explain.report.pictures import pictures_in
from tfx_explain.storage import columns

DOWN, ACROSS = ("top", "middle", "bottom"), ("left", "center", "right")
_SIDE = 3
_NUMBERS = _SIDE * _SIDE + 1  # The ninths', and how many maps there are.
_CLASSES = 10
_TELLING = 0.01

Key = tuple[str, str, str]


class Masses:
    """Sums over maps; the same in whatever order, and by however many workers, rows come."""

    def __init__(self) -> None:
        """Makes the sums of no maps."""
        self._sums: dict[Key, ExactSums] = {}

    @classmethod
    def from_list(cls, said: Sequence[Mapping[str, Any]]) -> Masses:
        """Returns sums from what `to_list` made of them."""
        masses = cls()
        masses._sums = {tuple(one["of"]): ExactSums.from_dict(one["sums"]) for one in said}
        return masses

    def to_list(self) -> list[dict[str, Any]]:
        """Returns the sums as JSON has them."""
        return [{"of": key, "sums": sums.to_dict()} for key, sums in self._sums.items()]

    def add(self, batch: pa.RecordBatch, class_name: str) -> None:
        """Adds the maps of records, whatever features have some; those that are not finite count nowhere.

        Args:
          batch: The records.
          class_name: Of which class, by name or index; empty: of the first one of each record.
        """
        found: dict[Key, list[np.ndarray]] = collections.defaultdict(list)
        for picture in pictures_in(batch, class_name):
            for model, numbers in picture.maps.items():
                if np.isfinite(numbers).all():
                    found[model, picture.feature, picture.class_name].append(_ninths(np.abs(numbers)))
        for key, rows in found.items():
            self._of(key).add(np.stack(rows))

    def merge(self, other: Masses) -> None:
        """Adds the maps of others."""
        for key, sums in other._sums.items():
            self._of(key).merge(sums)

    @property
    def features(self) -> list[str]:
        """The features that have maps, sorted."""
        return sorted({feature for _, feature, _ in self._sums})

    def classes(self, feature: str) -> list[str]:
        """Returns the classes that a feature's maps explain, sorted."""
        return sorted({of_class for _, name, of_class in self._sums if name == feature})

    def shares(self, feature: str, of_class: str | None = None) -> tuple[int, dict[str, np.ndarray]]:
        """Returns how many rows there are, and by model what part of the mass each ninth has, float64 `[3, 3]`.

        Args:
          feature: The feature.
          of_class: The class; None: all.
        """
        rows, found = 0, {}
        for model in columns.MODELS:
            total = ExactSums(_NUMBERS)
            for (of_model, name, one), sums in self._sums.items():
                if (of_model, name) == (model, feature) and of_class in (None, one):
                    total.merge(sums)
            *masses, count = total.values()
            if count:
                rows = max(rows, int(count))
                found[model] = np.reshape(masses, (_SIDE, _SIDE)) / (np.sum(masses) or np.nan)
        return rows, found

    def _of(self, key: Key) -> ExactSums:
        return self._sums.setdefault(key, ExactSums(_NUMBERS))


@dataclass(frozen=True)
class Grid:
    """A picture's ninths, over the rows of a class.

    Attributes:
      of_class: Its name or index; None: over all rows.
      rows: How many.
      shares: By model, what part of the maps' mass each ninth has, float64 `[3, 3]`; NaN where all are 0.
    """

    of_class: str | None
    rows: int
    shares: Mapping[str, np.ndarray]

    @property
    def change(self) -> np.ndarray:
        """Candidate minus baseline model, `[3, 3]`; 0 where there is one model, or one says nothing."""
        if len(self.shares) < len(columns.MODELS):
            return np.zeros((_SIDE, _SIDE))
        return np.nan_to_num(self.shares[columns.CANDIDATE] - self.shares[columns.BASELINE])

    @property
    def most(self) -> tuple[int, int]:
        """Row and column of the ninth that changed most."""
        row, column = divmod(int(np.argmax(np.abs(self.change))), _SIDE)
        return row, column

    @property
    def told(self) -> str:
        """The ninth that changed most in a sentence; empty if it is hardly told from the others."""
        if not abs(self.change[self.most]) >= _TELLING:
            return ""
        new, old = (self.shares[model][self.most] for model in columns.MODELS)
        place = "center" if self.most == (1, 1) else f"{DOWN[self.most[0]]} {ACROSS[self.most[1]]}"
        return f"the {place} has {new:.1%} of what the maps hold, {old:.1%} in the baseline model"


@dataclass(frozen=True)
class Where:
    """Where in the pictures of a feature attributions lie.

    Attributes:
      feature: The feature.
      grids: All rows, and then the classes, those that changed most first.
      left_out: How many classes are not among them.
    """

    down, across = DOWN, ACROSS

    feature: str
    grids: Sequence[Grid]
    left_out: int


def where_in_pictures(masses: Masses) -> Iterator[Where]:
    """Yields each feature that has maps."""
    for feature in masses.features:
        classes = masses.classes(feature)
        grids = [Grid(one, *masses.shares(feature, one)) for one in classes if len(classes) > 1]
        grids.sort(key=lambda grid: (-np.abs(grid.change).max(), -grid.rows))
        whole = Grid(None, *masses.shares(feature))
        yield Where(feature, [whole, *grids[:_CLASSES]], max(0, len(grids) - _CLASSES))


def _ninths(sizes: np.ndarray) -> np.ndarray:
    """Returns the sums of a map's ninths and 1, float64 `[10]`; a pixel is where its middle is."""
    # Of their largest, stored maps are halves from 0 to 1, whose sums are exact in whatever order.
    largest = sizes.max(initial=0.0) or 1.0
    down, across = (_thirds(size) for size in sizes.shape)
    return np.append((down @ (sizes / largest) @ across.T).ravel() * largest, 1.0)


@functools.lru_cache(maxsize=64)
def _thirds(size: int) -> np.ndarray:
    """Returns which pixels of a side are in which third, float64 `[3, size]` of 0 and 1."""
    third = (2 * np.arange(size) + 1) * _SIDE // (2 * size)
    return (third == np.arange(_SIDE)[:, None]).astype(np.float64)
