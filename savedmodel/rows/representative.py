"""A few rows that stand for many."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import cdist

_WIDE = 256  # of a feature with more values than this, evenly spaced ones are compared


def representative_rows(columns: Sequence[np.ndarray], count: int) -> list[int]:
    """Chooses the rows that the others are nearest to: the first phase (BUILD) of partitioning around medoids.

    Each next row is the one that brings the sum of all rows' distances to their nearest chosen row down most; the first
    is the medoid of all. Nothing is random, and of equally good rows the first is taken. The distance is Gower's, with
    values that are not numbers either equal or not. Kaufman and Rousseeuw, "Finding Groups in Data", 1990, chapter 2;
    Gower, "A general coefficient of similarity and some of its properties", Biometrics 27, 1971.

    Args:
        columns: one array `[rows, values]` a feature: finite floats, or bytes.
        count: how many rows to choose; as many as there are different ones, where these are fewer.

    Returns:
        Row numbers, in the order chosen.
    """
    # One at a time: each takes the square of the rows.
    distances = functools.reduce(np.add, map(_distances, columns)) / len(columns)
    nearest = np.full(len(distances), np.inf)
    chosen: list[int] = []
    for _ in range(count):
        remaining = np.minimum(nearest[:, np.newaxis], distances).sum(axis=0)
        best = int(np.argmin(remaining))
        chosen.append(best)
        nearest = np.minimum(nearest, distances[:, best])
        if not nearest.any():
            break
    return chosen


def _distances(column: np.ndarray) -> np.ndarray:
    """Gower distances `[rows, rows]`, in 0..1: of numbers, the difference by the range; else 0 or 1."""
    column = column[:, :: max(1, column.shape[1] // _WIDE)]
    if column.dtype.kind == "f":
        spread = np.ptp(column, axis=0)
        metric, codes = "cityblock", column / np.where(spread > 0, spread, 1.0)
    else:
        metric = "hamming"
        codes = np.stack([np.unique(values, return_inverse=True)[1] for values in column.T], axis=1)
    distances = cdist(codes, codes, metric)
    return distances / column.shape[1] if metric == "cityblock" else distances
