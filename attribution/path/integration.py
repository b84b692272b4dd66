"""Integrals along paths on meshes that are refined, per row, where the integral is not yet known well enough."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from tfx_explain.attribution.path.mesh import Mesh, Quadrature

# rows [rows], alphas [rows, points] -> outputs float64 [rows, points], slopes float [rows, points, features]
Evaluate = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

# Points of the first mesh. Fewer could agree by luck: a function of several bends looks straight at three points.
FIRST_POINTS = 9
# Output changes below this share of the output are float32 rounding, which no refinement removes.
_ROUNDING = 1e-6


@dataclasses.dataclass(frozen=True)
class PathIntegrals:
    """Integrals of the slopes over the paths of `rows` rows."""

    values: np.ndarray  # [rows, features]
    starts: np.ndarray  # [rows] output at 0
    ends: np.ndarray  # [rows] output at 1
    errors: np.ndarray  # [rows] at least the absolute completeness gap
    points: np.ndarray  # [rows] int64 points spent
    converged: np.ndarray  # [rows] bool
    not_finite: np.ndarray  # [rows, features + 1] bool: slopes, and last the output, that were NaN or infinite


def integrate(evaluate: Evaluate, rows: np.ndarray, tolerance: float, max_points: int) -> PathIntegrals:
    """Integrates slopes from 0 to 1, refining each row's own mesh until its error estimate is within the tolerance.

    Two rules share every mesh: the trapezoid rule, and `secant_share`'s, whose integrals are returned. The error
    estimate is the sum over features of what the two differ by, plus the part of the output's change that the slopes
    leave unexplained: it bounds the completeness gap of both. Because the output is known at every mesh point, a change
    between two of them that the slopes missed (a jump, a saturated function) cannot go unseen.

    Args:
        evaluate: outputs and slopes at points of the paths.
        rows: int `[rows]`, which paths.
        tolerance: error at which a row is done, relative to the sum of its absolute integrals.
        max_points: most points of a row, at least `FIRST_POINTS`.

    Returns:
        The integrals. A row with an output or slope that is not finite has NaN values.
    """
    alphas = np.tile(np.linspace(0, 1, FIRST_POINTS), (len(rows), 1))
    mesh = Mesh.of(alphas, *evaluate(rows, alphas))
    done = _unsettled(mesh)
    working = np.arange(len(rows))
    while len(working):
        rule = mesh.quadrature()
        errors, converged = _judged(rule, tolerance, np.abs(done.starts[working]) + np.abs(done.ends[working]))
        finished = converged | ~np.isfinite(errors) | (mesh.size >= max_points)
        if finished.any():
            _settle(rule.keep(finished), working[finished], errors[finished], done)
        done.converged[working] = converged
        working = working[~finished]
        if len(working):
            rule = rule.keep(~finished)
            # One for each interval: fewer overshoot the tolerance less, in more rounds; more are placed knowing less.
            middles, places = rule.new_points(min(mesh.size - 1, max_points - mesh.size))
            mesh = rule.mesh.refined(places, Mesh.of(middles, *evaluate(rows[working], middles)))
    return done


def _unsettled(mesh: Mesh) -> PathIntegrals:
    """Returns the integrals of rows, of which only the first mesh is known, to be written by `_settle`."""
    rows, _, features = mesh.slopes.shape
    return PathIntegrals(
        values=np.full((rows, features), np.nan),
        starts=mesh.outputs[:, 0].copy(),
        ends=mesh.outputs[:, -1].copy(),
        errors=np.full(rows, np.nan),
        points=np.zeros(rows, np.int64),
        converged=np.zeros(rows, bool),
        not_finite=np.zeros((rows, features + 1), bool),
    )


def _judged(rule: Quadrature, tolerance: float, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Estimates the errors `[rows]`, and tells, bool `[rows]`, where they are within the tolerance.

    Rounding is allowed for; `outputs` `[rows]` are the sizes of the outputs that it is relative to.
    """
    errors, sizes = rule.errors()
    enough = tolerance * sizes + _ROUNDING * outputs
    converged = errors <= enough
    if rule.mesh.size == FIRST_POINTS and converged.any():
        errors[converged] = np.maximum(errors[converged], _from_half(rule.keep(converged)))
        converged = errors <= enough
    return errors, converged


def _from_half(rule: Quadrature) -> np.ndarray:
    """Estimates the errors `[rows]` of a mesh by what every other of its points would give.

    Two rules on few points can agree by luck. Halving the intervals divides the error of a smooth function by four.
    """
    return np.abs(rule.integrals() - rule.mesh.every_other().quadrature().integrals()).sum(axis=1) / 3


def _settle(rule: Quadrature, at: np.ndarray, errors: np.ndarray, done: PathIntegrals) -> None:
    """Writes rows that need no more points into `done`, at the indices `at`."""
    values, changes = rule.integrals(), done.ends[at] - done.starts[at]
    # The estimates are sums of single precision.
    gaps = np.abs(values.sum(axis=1) - changes)
    done.values[at], done.errors[at], done.points[at] = values, np.maximum(errors, gaps), rule.mesh.size
    broken = ~np.isfinite(errors)
    done.not_finite[at[broken]] = rule.mesh.keep(broken).not_finite()


def integrate_fixed(outputs: np.ndarray, values: np.ndarray, tolerance: float) -> PathIntegrals:
    """Returns integrals of slopes from 0 to 1 by one rule for all rows.

    Args:
        outputs: `[rows, points]` at the rule's points, of which the first is 0 and the last 1.
        values: `[rows, features]` the rule's sums of slopes.
        tolerance: completeness gap, which is the error, that is good enough relative to the sum of absolute integrals.

    Returns:
        The integrals. A row with an output or slope that is not finite has NaN values.
    """
    starts, ends = outputs[:, 0].copy(), outputs[:, -1].copy()
    errors = np.abs(values.sum(axis=1) - (ends - starts))
    outputs_finite = np.isfinite(outputs).all(axis=1, keepdims=True)
    return PathIntegrals(
        values=values,
        starts=starts,
        ends=ends,
        errors=errors,
        points=np.full(len(values), outputs.shape[1]),
        converged=errors <= tolerance * np.abs(values).sum(axis=1),
        not_finite=np.concatenate([~np.isfinite(values), ~outputs_finite], axis=1),
    )
