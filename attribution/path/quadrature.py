"""Rules for integrals over [0, 1], as pure functions."""

from __future__ import annotations

import functools

import numpy as np


@functools.lru_cache(maxsize=16)
def gauss_legendre(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the `[points]` nodes and weights, exact for polynomials of degree `2 * points - 1`."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    return (nodes + 1) / 2, weights / 2


def riemann(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the `[points]` nodes and weights of the Riemann sum at the middles of equal intervals."""
    return (np.arange(points) + 0.5) / points, np.full(points, 1 / points)


def trapezoid(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the `[points]` nodes and weights of the trapezoid rule; the two ends weigh half.

    Raises:
        ValueError: if `points` is below 2.
    """
    if points < 2:
        raise ValueError(f"the trapezoid rule got {points} points; it needs at least 2.")
    weights = np.full(points, 1 / (points - 1))
    weights[[0, -1]] /= 2
    return np.linspace(0, 1, points), weights


RULES = {"gauss_legendre": gauss_legendre, "riemann": riemann, "trapezoid": trapezoid}


def secant_share(excess: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Weighs the two ends of an interval so that the weighted slope is the function's own mean slope.

    With the slopes f'(a) and f'(b), the share t of the right end solves (b - a)((1 - t) f'(a) + t f'(b)) = f(b) - f(a).
    Where f has one kink in the interval, 1 - t is the kink's place, and the weights are exact not only for f' but for
    every component of the gradient; where f is smooth, t = 1/2 + O(b - a).

    Args:
        excess: f(b) - f(a) - (b - a) f'(a), any shape.
        turn: (b - a) (f'(b) - f'(a)), the same shape and dtype.

    Returns:
        t, clipped to [0, 1]; 1/2 (the trapezoid rule) where the slopes are equal.
    """
    share = np.full_like(turn, 0.5)
    # Of slopes that are not finite nothing is known, here or later.
    with np.errstate(invalid="ignore"):
        np.divide(excess, turn, out=share, where=turn != 0)
    return np.clip(share, 0.0, 1.0, out=share)
