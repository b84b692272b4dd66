"""Rules for integrals over [0, 1], as pure functions."""

from __future__ import annotations

import functools

import numpy as np

from tfx_explain.attribution.model.blocks import row_products


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


# Rules for the errors of one rule, beside its ends: more tell more, and take as long as the rule itself.
_CHECKS = 3
# By what their root mean squares cover errors, of networks with kinks, on 95 of 100 rows: polynomials; differences of
# neighbours, and those where ends are points, which tell more; there, how far an end is off the line through others.
_OF_POLYNOMIALS, _OF_NEIGHBOURS, _OF_NEIGHBOURS_AND_ENDS, _OF_LINES = 1.2, 0.5, 0.3, 0.9
# Between an end that is a point and the next one, features may move the output up and down again: what the output's
# change leaves there counts so many times.
_BESIDE_ENDS = 2.0
# With more points than ten, up to fifty, all of these together grow less precise than the rule does: errors are smaller
# by the number of points to this power.
_FEW_POINTS, _MANY_POINTS = 10, 50
_NARROWER = {"gauss_legendre": 0.1, "riemann": 0.0, "trapezoid": 0.15}


def narrower(rule: str, points: int) -> float:
    """Returns which share of all that tells of errors covers those of a rule of so many points."""
    return (_FEW_POINTS / min(max(points, _FEW_POINTS), _MANY_POINTS)) ** _NARROWER[rule]


@functools.lru_cache(maxsize=4)
def checks(rule: str, points: int) -> np.ndarray:
    """Returns weights of sums that are 0 for smooth integrands, and else about as large as the rule's error.

    For Gauss's rule these are the shares of the Legendre polynomials of highest degree that the nodes tell apart
    (null rules: Berntsen and Espelid, "Error estimation in automatic quadrature routines", 1991), for others the
    differences of neighbours with fixed signs. More compare the ends, 0 and 1, with the nodes next to them.

    Args:
        rule: one of `RULES`.
        points: of the rule.

    Returns:
        `[sums, points + 2]` for the values at 0, at the nodes, and at 1. The error is about the root of the sum of the
        sums' squares.
    """
    nodes, weights = RULES[rule](points)
    count = min(_CHECKS, points - 1)
    inside = np.zeros((count, points))
    if rule == "gauss_legendre":
        roots = np.sqrt(weights)[:, None]
        orthonormal, _ = np.linalg.qr(np.polynomial.legendre.legvander(2 * nodes - 1, points - 1) * roots)
        inside += _OF_POLYNOMIALS * (orthonormal * roots).T[points - count :]
    else:
        share = _OF_NEIGHBOURS_AND_ENDS if nodes[0] == 0 else _OF_NEIGHBOURS
        signs = share * np.random.default_rng(0).choice([-1.0, 1.0], (count, points - 1))
        inside[:, 1:] += signs * (weights[1:] + weights[:-1]) / 2
        inside[:, :-1] -= signs * (weights[1:] + weights[:-1]) / 2
    of_nodes = np.pad(inside / np.sqrt(max(1, count)), [(0, 0), (1, 1)])
    return np.concatenate([of_nodes, *_of_ends(rule, nodes)])


def with_ends(rule: str, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns float64 `[points + 2]` nodes, 0 and 1 beside the rule's own, and the weights `[sums, points + 2]`.

    The first sum is the rule's, the others are those of `checks`.
    """
    nodes, weights = RULES[rule](points)
    return np.concatenate([[0.0], nodes, [1.0]]), np.concatenate([np.pad(weights, 1)[None], checks(rule, points)])


def _of_ends(rule: str, nodes: np.ndarray) -> list[np.ndarray]:
    """Returns weights, two rows of `[points + 2]` each, for values at 0, at the nodes and at 1, that compare the ends.

    With the nodes next to them, or, but for Gauss's rule, with the line through the next two: of values that fall
    steeply from an end on, the next one alone says too little, and one that is an end's alone may be between the two.
    """
    at_ends = int(nodes[0] == 0)
    # A rule that has the ends among its points counts half an interval as if it were like them: up to the next points.
    compared = [([0, 1 + at_ends], np.array([1, -1]) * (0.5 if at_ends else _OF_NEIGHBOURS))]
    if rule != "gauss_legendre" and len(nodes) > 1 + at_ends:
        ahead = nodes[at_ends] / (nodes[1 + at_ends] - nodes[at_ends])
        line = np.array([1, -1 - ahead, ahead]) * (_OF_LINES if at_ends else _OF_NEIGHBOURS)
        compared = [*compared[at_ends:], ([0, 1 + at_ends, 2 + at_ends], line)]
    both = [np.zeros((2, len(nodes) + 2)) for _ in compared]
    for sums, (places, weights) in zip(both, compared, strict=True):
        sums[0, places] = weights * nodes[at_ends]
        sums[1, [-1 - place for place in places]] = weights * nodes[at_ends]
    return both


def leaps(rule: str, outputs: np.ndarray, rises: np.ndarray) -> np.ndarray:
    """Returns what the output changes by from point to point and the rule, which knows slopes alone, cannot see.

    Args:
        rule: one of `RULES`.
        outputs: float64 `[rows, points + 2]` at 0, at the rule's points, and at 1.
        rises: float64 `[rows, points]`, the output's derivatives at the rule's points.

    Returns:
        `[rows, points + 1]`: the output's changes less those of the polynomial that Gauss's rule integrates, or, of
        other rules, of straight lines from neighbour to neighbour; more of it next to ends that are points.
    """
    points = rises.shape[1]
    if rule == "gauss_legendre":
        return np.diff(outputs, axis=1) - row_products(rises, _changes_of_polynomials(points))
    nodes, _ = RULES[rule](points)
    lengths = np.diff(np.concatenate([[0.0], nodes, [1.0]]))
    ends = np.concatenate([rises[:, :1], rises, rises[:, -1:]], axis=1)
    unseen = np.diff(outputs, axis=1) - (ends[:, 1:] + ends[:, :-1]) / 2 * lengths
    if nodes[0] == 0:
        unseen[:, [1, -2]] *= _BESIDE_ENDS
    return unseen


@functools.lru_cache(maxsize=4)
def _changes_of_polynomials(points: int) -> np.ndarray:
    """Returns `[points, points + 1]`, from a polynomial at Gauss's nodes to its integrals from point to point."""
    nodes, weights = gauss_legendre(points)
    at_nodes = np.polynomial.legendre.legvander(2 * nodes - 1, points - 1)
    at_points = np.polynomial.legendre.legvander(2 * np.concatenate([[0.0], nodes, [1.0]]) - 1, points)
    # The integral of the Legendre polynomial of degree k is the difference of its neighbours by 2 k + 1.
    before = np.concatenate([-np.ones((points + 2, 1)), at_points[:, : points - 1]], axis=1)
    return (np.diff((at_points[:, 1:] - before) / 2, axis=0) @ (at_nodes.T * weights)).T


# What grows towards an end no faster than its distance to the power of -3/4 stays finite by the new variable.
_GRADING = 4


def graded(places: np.ndarray, at_start: bool, at_end: bool) -> tuple[np.ndarray, np.ndarray]:
    """Changes the variable of an integral over [0, 1], for integrands that are not finite at one end or at both.

    Args:
        places: float64, values of the new variable, from 0 to 1.
        at_start: whether points crowd at 0, where the speed is then 0.
        at_end: whether points crowd at 1, where the speed is then 0.

    Returns:
        The old variable, and its derivative by the new one, of the same shape.
    """
    first, last = (_GRADING if at_start else 1), (_GRADING if at_end else 1)
    gone, left = places**first, (1 - places) ** last
    pace = first * places ** (first - 1) * left + last * gone * (1 - places) ** (last - 1)
    return gone / (gone + left), pace / (gone + left) ** 2


RULES = {"gauss_legendre": gauss_legendre, "riemann": riemann, "trapezoid": trapezoid}
# Those that take an integrand for straight, or constant, from neighbour to neighbour.
KNOWS_NEIGHBOURS = frozenset({"riemann", "trapezoid"})


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


def secant_weights(alphas: np.ndarray, outputs: np.ndarray, rises: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns what the two ends of each interval weigh by `secant_share`, `[points - 1, paths]`.

    Args:
        alphas: `[points]`.
        outputs: `[paths, points]`.
        rises: `[paths, points]`, their derivatives.
    """
    lengths = np.diff(alphas)
    with np.errstate(invalid="ignore", over="ignore"):
        shares = secant_share(np.diff(outputs) - lengths * rises[:, :-1], lengths * np.diff(rises))
    ends = (lengths * shares).T
    return lengths[:, None] - ends, ends
