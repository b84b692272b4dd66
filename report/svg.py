"""Points as SVG paths, three a picture: what keeps a page of thousands of points small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WIDTH, HEIGHT = 600, 120
_PAD = 6
_STEPS = 90  # Columns in which points are put beside each other.


@dataclass(frozen=True)
class Cloud:
    """A picture of points.

    Attributes:
      paths: The `d` of a path for each of its kinds of points.
      ticks: Names of places on the horizontal axis, each with its place as a part of it.
      low: The lower end of the vertical axis; NaN where it says nothing.
      high: The upper end.
      zero: Where 0 is, as a part of the axis of attributions from its lower end; None: outside.
    """

    paths: Sequence[str]
    ticks: Sequence[tuple[str, float]]
    low: float
    high: float
    zero: float | None


def path(x: np.ndarray, y: np.ndarray) -> str:
    """Returns the `d` of a path that is a dot at each point: strokes of no length, which round caps make visible.

    Args:
      x: As a part of the width, float64 `[points]`.
      y: As a part of the height from below, float64 `[points]`.
    """
    across = np.rint(_PAD + x * (WIDTH - 2 * _PAD)).astype(int)
    down = np.rint(HEIGHT - _PAD - y * (HEIGHT - 2 * _PAD)).astype(int)
    # A point that is there already adds nothing to see.
    points = dict.fromkeys(zip(across.tolist(), down.tolist(), strict=True))
    return "".join(f"M{i} {j}h0" for i, j in points)


def placed(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Returns values as parts of the way from `low` to `high`; a half where these are the same."""
    return (values - low) / (high - low) if high > low else np.full(len(values), 0.5)


def piled(x: np.ndarray) -> np.ndarray:
    """Returns heights, float64 `[points]` from 0 to 1, that put points at the same place beside each other."""
    column = np.rint(x * _STEPS).astype(int)
    order = np.argsort(column, kind="stable")
    starts = np.searchsorted(column[order], column[order])
    number = np.empty(len(x), int)
    number[order] = np.arange(len(x)) - starts
    # Up and down by turns, from the middle; the fullest column fills the height.
    steps = np.where(number % 2, number + 1, -number) / 2
    return 0.5 + 0.5 * steps / max(np.abs(steps).max(initial=0), 12)
