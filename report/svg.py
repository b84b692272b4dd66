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
    # A point that is there already adds nothing to see.
    points = dict.fromkeys(zip(*_at(x, y), strict=True))
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


def line(x: np.ndarray, y: np.ndarray) -> str:
    """Returns the `d` of a path from point to point, which breaks where a value is NaN; see `path`."""
    finite = np.isfinite(y)
    goes_on = finite & np.concatenate([[False], finite[:-1]])
    points = zip(*_at(x[finite], y[finite]), goes_on[finite].tolist(), strict=True)
    return "".join(f"{'L' if goes else 'M'}{i} {j}" for i, j, goes in points)


def spans(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> str:
    """Returns the `d` of a path with an upright stroke at each point, float64 `[points]`; none where one is NaN."""
    finite = np.isfinite(low) & np.isfinite(high)
    across, below = _at(x[finite], low[finite])
    above = _at(x[finite], high[finite])[1]
    return "".join(f"M{i} {j}V{k}" for i, j, k in zip(across, below, above, strict=True))


def _at(x: np.ndarray, y: np.ndarray) -> tuple[list[int], list[int]]:
    """Returns where points are, in the units of a picture."""
    across = np.rint(_PAD + x * (WIDTH - 2 * _PAD)).astype(int)
    down = np.rint(HEIGHT - _PAD - y * (HEIGHT - 2 * _PAD)).astype(int)
    return across.tolist(), down.tolist()
