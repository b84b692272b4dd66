"""Sums of slopes at the same points of some paths, added up as the points come: no slope is kept for long.

Sums go point after point, so that they do not depend on how many paths there are.
"""

from __future__ import annotations

import itertools

import numpy as np

from tfx_explain.attribution.path.quadrature import secant_weights


class SlopeSums:
    """Weighted sums of the slopes of some paths."""

    def __init__(
        self, alphas: np.ndarray, weights: np.ndarray, shapes: dict[str, tuple[int, ...]], by_secants: bool
    ) -> None:
        """Begins with zeros.

        Args:
            alphas: float64 `[points]`.
            weights: of several sums, float64 `[sums, points]`; where the weight is 0, no slope is read.
            shapes: by key, the shape of its slopes at one point, the paths first.
            by_secants: whether another sum follows, in which intervals' ends weigh what `secant_share` says.
        """
        self._alphas, self._weights, self._by_secants = alphas, weights, by_secants
        # By key, float64 `[sums, paths, ...]`.
        self.totals = {key: np.zeros((len(weights) + by_secants, *shape)) for key, shape in shapes.items()}
        self._last: dict[str, np.ndarray] = {}

    def add(self, points: slice, slopes: dict[str, np.ndarray], outputs: np.ndarray, rises: np.ndarray) -> None:
        """Adds the slopes at the next points.

        Args:
            points: which they are.
            slopes: by key, `[points, paths, ...]`.
            outputs: float64 `[paths, all points]`, known up to these.
            rises: float64 `[paths, all points]`, the outputs' derivatives, known as far.
        """
        for key, by_point in slopes.items():
            add_weighted(by_point, self._weights[:, points], self.totals[key])
        if self._by_secants:
            known = slice(max(0, points.start - 1), points.stop)
            shares = secant_weights(self._alphas[known], outputs[:, known], rises[:, known])
            for key, by_point in slopes.items():
                before = [self._last[key]] if key in self._last else []
                _add_intervals([*before, *by_point], *shares, self.totals[key][-1])
                self._last[key] = by_point[-1]


def add_weighted(by_point: np.ndarray, weights: np.ndarray, totals: np.ndarray) -> None:
    """Adds `[points, paths, ...]` by `weights` `[sums, points]` to `totals` `[sums, paths, ...]`, in order."""
    weighted = np.empty(totals.shape[1:])
    for values, of_sums in zip(by_point, weights.T, strict=True):
        for number in np.flatnonzero(of_sums):
            np.multiply(values, of_sums[number], out=weighted, dtype=np.float64)
            totals[number] += weighted


def add_by_path(by_path: np.ndarray, weights: np.ndarray, totals: np.ndarray) -> None:
    """Adds what is finite of `[paths, points, ...]`, by weights `[paths, points]`, to `totals`, point after point."""
    for point, of_paths in enumerate(weights.T):
        values = by_path[:, point]
        if not np.isfinite(values.sum()):
            values = np.where(np.isfinite(values), values, 0)
        totals += of_paths.reshape(-1, *[1] * (values.ndim - 1)) * values


def _add_intervals(by_point: list[np.ndarray], starts: np.ndarray, ends: np.ndarray, total: np.ndarray) -> None:
    """Adds slopes of each two neighbouring points `[paths, ...]` by weights `[points - 1, paths]` to `total`."""
    axes = (slice(None), *(None,) * (total.ndim - 1))
    with np.errstate(invalid="ignore", over="ignore"):
        for (first, second), at_start, at_end in zip(itertools.pairwise(by_point), starts, ends, strict=True):
            total += first * at_start[axes] + second * at_end[axes]
