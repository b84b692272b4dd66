"""Sums of slopes at the same points of some paths, none of which depends on how many paths there are."""

from __future__ import annotations

import numpy as np

from tfx_explain.attribution.model.blocks import filled, product
from tfx_explain.attribution.path.quadrature import secant_weights


def weighted_sums(slopes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sums slopes `[paths, points, features]` by weights of several sums, float64 `[sums, points]`.

    Returns:
        float64 `[paths, sums, features]`; NaN where a slope is not finite and its weight not 0.
    """
    slopes, paths = slopes.T, len(slopes)
    values, finite = np.zeros((*slopes.shape[:2], filled(paths))), np.isfinite(slopes)
    values[:, :, :paths] = slopes
    if not finite.all():
        values[:, :, :paths][~finite] = 0
    sums = product(weights, values)[:, :, :paths]
    if not finite.all():
        sums[product((weights != 0).astype(np.float64), (~finite).astype(np.float64)) > 0] = np.nan
    return np.ascontiguousarray(sums.T)


def secant_sums(alphas: np.ndarray, outputs: np.ndarray, rises: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Sums slopes of intervals' ends, that weigh what `secant_share` says.

    Args:
        alphas: float64 `[points]`.
        outputs: float64 `[paths, points]`.
        rises: float64 `[paths, points]`, their derivatives.
        slopes: `[paths, points, features]`.

    Returns:
        float64 `[paths, features]`.
    """
    total = np.zeros((len(slopes), slopes.shape[2]))
    with np.errstate(invalid="ignore", over="ignore"):
        for point, (at_start, at_end) in enumerate(zip(*secant_weights(alphas, outputs, rises), strict=True)):
            total += slopes[:, point] * at_start[:, None] + slopes[:, point + 1] * at_end[:, None]
    return total


def add_by_path(by_path: np.ndarray, weights: np.ndarray, totals: np.ndarray) -> None:
    """Adds what is finite of `[paths, points, ...]`, by weights `[paths, points]`, to `totals`, point after point."""
    for point, of_paths in enumerate(weights.T):
        values = by_path[:, point]
        if not np.isfinite(values.sum()):
            values = np.where(np.isfinite(values), values, 0)
        totals += of_paths.reshape(-1, *[1] * (values.ndim - 1)) * values
