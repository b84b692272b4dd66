"""A few points more than a rule has, where a row's slopes are least sure: between two points, anything may happen.

Kinks of a network lie on a small part of the path to a row far out. If all of them are between two of the rule's
points, its slopes and outputs say no more than that some are.
"""

from __future__ import annotations

import functools

import numpy as np

from tfx_explain.attribution.model.blocks import product
from tfx_explain.attribution.path.quadrature import KNOWS_NEIGHBOURS, RULES

# One probe for so many points of the rule, but no more than so many: less than a tenth of what the rule costs.
_POINTS_A_PROBE, _MOST = 10, 5
# Which part of an interval a slope that nobody expected in it may hold for.
_SHARE = 0.4
# Even where nothing is in doubt, probes go somewhere.
_LEAST_DOUBT = 1e-30


def probes(points: int, features: int) -> int:
    """Returns how many probes a rule of `points` points gets; none for a single feature, whose error is the gap."""
    return min(points // _POINTS_A_PROBE, _MOST) if features > 1 else 0


def unsure_places(
    nodes: np.ndarray, outputs: np.ndarray, rises: np.ndarray, slopes: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Chooses `count` places on each path by how much may happen there that the points don't tell.

    Args:
        nodes: float64 `[points]`, 0, the rule's points, and 1.
        outputs: float64 `[paths, points]`.
        rises: float64 `[paths, points]`, their derivatives.
        slopes: `[paths, points, features]`.
        count: how many.

    Returns:
        int `[paths, count]`, the intervals by number, and float64 `[paths, count]`, the places in them, from 0 to 1. An
        interval in which all is in doubt gets all, one beside the other.
    """
    lengths = np.diff(nodes)
    with np.errstate(invalid="ignore", over="ignore"):
        doubts = np.abs(np.diff(slopes, axis=1)).max(axis=2) * lengths
        doubts += np.abs(np.diff(outputs) - (rises[:, 1:] + rises[:, :-1]) / 2 * lengths)
    # Of slopes that are not finite nothing can be expected.
    doubts[~np.isfinite(doubts)] = 0
    doubts = (doubts / np.maximum(doubts.max(axis=1, keepdims=True), _LEAST_DOUBT)) ** 2 + _LEAST_DOUBT
    ends = np.cumsum(doubts, axis=1)
    quantiles = (np.arange(count) + 0.5) / count * ends[:, -1:]
    intervals = (ends[:, None, :-1] < quantiles[:, :, None]).sum(axis=2)
    ends, doubts = (np.take_along_axis(known, intervals, axis=1) for known in (ends, doubts))
    return intervals, np.clip(1 - (ends - quantiles) / doubts, 0, 1)


def surprises(
    rule: str, nodes: np.ndarray, slopes: np.ndarray, intervals: np.ndarray, places: np.ndarray, found: np.ndarray
) -> np.ndarray:
    """Returns by how much a rule may be off for slopes `found` that are not what it takes the integrand for.

    Args:
        rule: one of `quadrature.RULES`.
        nodes: as `unsure_places`; so are `slopes`.
        slopes: at the nodes.
        intervals: int `[paths, probes]`.
        places: float64 `[paths, probes]`.
        found: `[paths, probes, features]`, the slopes there.

    Returns:
        float64 `[paths, features]`; not finite where a slope isn't.
    """
    lengths, paths = np.diff(nodes)[intervals], np.arange(len(slopes))[:, None]
    with np.errstate(invalid="ignore", over="ignore"):
        if rule in KNOWS_NEIGHBOURS:
            starts, ends = (slopes[paths, at].astype(np.float64) for at in (intervals, intervals + 1))
            expected = starts + (ends - starts) * places[:, :, None]
        else:
            weights = _of_polynomials(len(nodes) - 2, nodes[intervals] + places * lengths)
            expected = product(weights, slopes[:, 1:-1].astype(np.float64))
        off = (found - expected) * (_SHARE * lengths[:, :, None])
        return np.sqrt(np.einsum("rpf,rpf->rf", off, off))


def _of_polynomials(points: int, alphas: np.ndarray) -> np.ndarray:
    """Returns what values at Gauss's points weigh in the polynomial through them, at `alphas`: `[..., points]`."""
    return product(np.polynomial.legendre.legvander(2 * alphas - 1, points - 1), _coefficients(points))


@functools.lru_cache(maxsize=4)
def _coefficients(points: int) -> np.ndarray:
    """Returns `[points, points]`, from a polynomial's values at Gauss's points to its Legendre coefficients."""
    nodes, weights = RULES["gauss_legendre"](points)
    at_nodes = np.polynomial.legendre.legvander(2 * nodes - 1, points - 1)
    return (at_nodes * weights[:, None] * (2 * np.arange(points) + 1)).T
