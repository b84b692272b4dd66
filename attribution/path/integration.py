"""Integrals along paths on meshes that are refined, per row, where the integral is not yet known well enough."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable

import numpy as np

from tfx_explain.attribution.path.mesh import Mesh
from tfx_explain.attribution.path.probes import probes
from tfx_explain.attribution.path.quadrature import KNOWS_NEIGHBOURS, RULES, graded, leaps, narrower
from tfx_explain.attribution.path.refinement import Quadrature

# rows [rows], alphas [rows, points] -> outputs float64 [rows, points], slopes float [rows, points, features]
Evaluate = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

# The first mesh. Fewer points could agree by luck: a function of several bends looks straight at three. They are denser
# near the baseline, where networks have their kinks on the way to rows that lie far out, all of them before the second
# or third point; of a variable that passes an end slowly they are even.
_FIRST = np.array([0, 1 / 100, 1 / 32, 1 / 12, 1 / 5, 2 / 5, 3 / 5, 4 / 5, 1])
FIRST_POINTS = len(_FIRST)
_FIRST_EVEN = np.linspace(0, 1, FIRST_POINTS)
# How many new points there are for each old one.
_GROWTH = 0.7
# Steps between neighbouring numbers by which models are wrong, which no refinement removes.
_ROUNDING = 16
# Nearer to an end, points are rounded to the end itself.
_ROUNDED_TO_END = 2.0**-20


class Trouble(enum.IntFlag):
    """Where a row has no finite slope or output, or slopes that have no integral."""

    AT_START = 1
    AT_END = 2
    INSIDE = 4


@dataclasses.dataclass(frozen=True)
class PathIntegrals:
    """Integrals of the slopes over the paths of `rows` rows."""

    values: np.ndarray  # [rows, features]
    starts: np.ndarray  # [rows] output at 0
    ends: np.ndarray  # [rows] output at 1
    errors: np.ndarray  # [rows] that no feature's exceeds, with a probability of 95%; at least the completeness gap
    points: np.ndarray  # [rows] int64 points spent
    converged: np.ndarray  # [rows] bool
    troubles: np.ndarray  # [rows, features + 1] int8 `Trouble`s of the slopes, and last of the output
    rule: np.ndarray  # [rows, points, 2] alphas and weights whose sum of slopes the values are, if kept; then zeros

    def with_trouble_at(self, ends: Trouble) -> np.ndarray:
        """Returns bool `[rows]`, which rows have trouble at exactly these ends, and no other."""
        return np.bitwise_or.reduce(self.troubles, axis=1) == ends

    def by_feature(self, feature_of: np.ndarray) -> PathIntegrals:
        """Sums columns up that are of the same feature, int `[columns]`, of which the first ones are the features."""
        count = int(feature_of.max(initial=-1)) + 1
        if count == len(feature_of):
            return self
        values, troubles = self.values[:, :count].copy(), self.troubles[:, :count].copy()
        for column in range(count, len(feature_of)):
            values[:, feature_of[column]] += self.values[:, column]
            troubles[:, feature_of[column]] |= self.troubles[:, column]
        return dataclasses.replace(self, values=values, troubles=np.hstack([troubles, self.troubles[:, -1:]]))

    def replace(self, rows: np.ndarray, again: PathIntegrals) -> None:
        """Replaces what was found of some rows, bool `[rows]`, by what was found another time."""
        again.points[:] += self.points[rows]
        for field in dataclasses.fields(self):
            getattr(self, field.name)[rows] = getattr(again, field.name)


def integrate(
    evaluate: Evaluate, rows: np.ndarray, tolerance: float, max_points: int, keep_rule: bool = False
) -> PathIntegrals:
    """Integrates slopes from 0 to 1, refining each row's own mesh until its error estimate is within the tolerance.

    Two rules share every mesh, the trapezoid rule and `secant_share`'s, whose integrals are returned;
    `Quadrature.doubts` estimates their errors. Because the output is known at every mesh point, a change between two of
    them that the slopes missed (a jump, a saturated function) cannot go unseen.

    Where the slopes are not finite at an end, and at no point between, the variable is changed: an integral that exists
    is then found by another mesh, for `FIRST_POINTS` more.

    Args:
        evaluate: outputs and slopes at points of the paths.
        rows: int `[rows]`, which paths.
        tolerance: error at which a row is done, relative to the sum of its absolute integrals.
        max_points: most points of a row, at least `FIRST_POINTS`.
        keep_rule: whether to keep the points and their weights.

    Returns:
        The integrals. A row with an output or slope that is not finite has NaN values.
    """
    kept = max_points if keep_rule else 0
    done = _refined(evaluate, rows, _FIRST, tolerance, max_points, kept)
    for ends in (Trouble.AT_START, Trouble.AT_END, Trouble.AT_START | Trouble.AT_END):
        again = done.with_trouble_at(ends) & ~np.isfinite(done.errors)
        if again.any():
            left = max(FIRST_POINTS, max_points - FIRST_POINTS)
            found = _refined(_graded(evaluate, ends), rows[again], _FIRST_EVEN, tolerance, left, kept)
            alphas, speeds = graded(found.rule[:, :, 0], Trouble.AT_START in ends, Trouble.AT_END in ends)
            found.rule[:] = np.stack([alphas, found.rule[:, :, 1] * speeds], axis=2)
            done.replace(again, found)
    return done


def _graded(evaluate: Evaluate, ends: Trouble) -> Evaluate:
    """Returns what evaluates the integrand that has no trouble at the ends, by a variable that passes them slowly."""
    at_start, at_end = Trouble.AT_START in ends, Trouble.AT_END in ends

    def evaluate_graded(rows: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        alphas, speeds = graded(places.astype(np.float64), at_start, at_end)
        outputs, slopes = evaluate(rows, alphas)
        slopes *= speeds[:, :, None].astype(slopes.dtype)
        at_an_end = (at_start & (alphas <= _ROUNDED_TO_END)) | (at_end & (alphas >= 1 - _ROUNDED_TO_END))
        slopes[at_an_end[:, :, None] & ~np.isfinite(slopes)] = 0
        return outputs, slopes

    return evaluate_graded


def _refined(
    evaluate: Evaluate, rows: np.ndarray, first: np.ndarray, tolerance: float, max_points: int, kept: int
) -> PathIntegrals:
    """Integrates as `integrate` does, by one variable, whose first values are given, and keeps so many points."""
    alphas = np.tile(first, (len(rows), 1))
    mesh = Mesh.of(alphas, *evaluate(rows, alphas))
    done = _unsettled(mesh, kept)
    working = np.arange(len(rows))
    while len(working):
        rule = Quadrature.on(mesh)
        sizes = rule.sizes()
        errors, doubts = rule.doubts(sizes)
        errors = np.maximum(errors, rule.misses())
        outputs = np.abs(done.starts[working]) + np.abs(done.ends[working])
        rounding = _ROUNDING * np.finfo(mesh.known.dtype).eps * (outputs + sizes)
        converged = errors <= tolerance * sizes + rounding
        finished = converged | ~np.isfinite(errors) | (mesh.size >= max_points)
        if finished.any():
            done.converged[working] = converged
            _settle(rule.keep(np.flatnonzero(finished)), working[finished], (errors + rounding)[finished], done)
        left = np.flatnonzero(~finished)
        working = working[left]
        if len(working):
            count = min(int(_GROWTH * mesh.size), max_points - mesh.size)
            middles, places = rule.new_points(left, count, doubts)
            mesh = mesh.refined(places, Mesh.of(middles, *evaluate(rows[working], middles)))
    return done


def _unsettled(mesh: Mesh, kept: int) -> PathIntegrals:
    """Returns the integrals of rows, of which only the first mesh is known, to be written by `_settle`."""
    features, _, rows = mesh.slopes.shape
    return PathIntegrals(
        values=np.full((rows, features), np.nan),
        starts=mesh.outputs[0].copy(),
        ends=mesh.outputs[-1].copy(),
        errors=np.full(rows, np.nan),
        points=np.zeros(rows, np.int64),
        converged=np.zeros(rows, bool),
        troubles=np.zeros((rows, features + 1), np.int8),
        rule=np.zeros((rows, kept, 2)),
    )


def _settle(rule: Quadrature, at: np.ndarray, errors: np.ndarray, done: PathIntegrals) -> None:
    """Writes rows that need no more points into `done`, at the indices `at`."""
    values, changes = rule.integrals(), done.ends[at] - done.starts[at]
    # The estimates are sums of single precision.
    gaps = np.abs(values.sum(axis=1) - changes)
    done.values[at], done.errors[at], done.points[at] = values, np.maximum(errors, gaps), rule.mesh.size
    if done.rule.shape[1]:
        done.rule[at, : rule.mesh.size] = np.stack([rule.mesh.alphas, rule.weights()]).T
    broken = ~np.isfinite(errors)
    done.troubles[at[broken]] = _troubles(rule.mesh.keep(np.flatnonzero(broken)))
    late = ~broken & ~done.converged[at]
    if late.any():
        mesh = rule.mesh.keep(np.flatnonzero(late))
        towards_ends = mesh.grows_towards(False) * Trouble.AT_START | mesh.grows_towards(True) * Trouble.AT_END
        done.troubles[at[late], :-1] = towards_ends


def _troubles(mesh: Mesh) -> np.ndarray:
    """Returns int8 `[rows, features + 1]` troubles of the slopes, and last of the output."""
    slopes, outputs = ~np.isfinite(mesh.slopes.T), ~np.isfinite(mesh.outputs.T)
    inside = slopes[:, 1:-1].any(axis=1) * Trouble.INSIDE
    of_slopes = slopes[:, 0] * Trouble.AT_START | slopes[:, -1] * Trouble.AT_END | inside
    of_outputs = outputs.any(axis=1, keepdims=True) * Trouble.INSIDE
    return np.concatenate([of_slopes, of_outputs], axis=1).astype(np.int8)


def integrate_fixed(
    rule: str, outputs: np.ndarray, rises: np.ndarray, sums: np.ndarray, tolerance: float, precision: float
) -> PathIntegrals:
    """Returns integrals of slopes from 0 to 1 by one rule for all rows.

    Args:
        rule: one of `quadrature.RULES`.
        outputs: float64 `[rows, points + 2]` at 0, at the rule's points, and at 1.
        rises: float64 of that shape, their derivatives.
        sums: `[rows, sums, features]`, first the rule's sums of slopes, then those of `checks`, what `probes` found, if
            there are any, and of rules in `quadrature.KNOWS_NEIGHBOURS` the integrals by another one, which knows the
            outputs as well.
        tolerance: error that is good enough relative to the sum of absolute integrals.
        precision: step between neighbouring numbers of the slopes, relative to them.

    Returns:
        The integrals. A row with an output or slope that is not finite has NaN values.
    """
    values, starts, ends = sums[:, 0], outputs[:, 0].copy(), outputs[:, -1].copy()
    gaps = np.abs(values.sum(axis=1) - (ends - starts))
    # An end without a finite slope tells nothing. Whose a leap of the output is, nobody knows.
    others = sums[:, 1:].copy()
    if rule in KNOWS_NEIGHBOURS:
        others[:, -1] -= values
    squares = (np.where(np.isfinite(others), others, 0) ** 2).sum(axis=1).max(axis=1)
    squares += (leaps(rule, outputs, rises[:, 1:-1]) ** 2).sum(axis=1)
    # Of a single feature the gap is all of the error.
    narrow = narrower(rule, outputs.shape[1] - 2) * (values.shape[1] > 1)
    errors = np.maximum(np.sqrt(squares) * narrow, gaps)
    sizes = np.abs(values).sum(axis=1)
    rounding = _ROUNDING * precision * (np.abs(starts) + np.abs(ends) + sizes)
    return PathIntegrals(
        values=values,
        starts=starts,
        ends=ends,
        errors=errors + rounding,
        points=np.full(len(values), outputs.shape[1] + probes(outputs.shape[1] - 2, values.shape[1])),
        converged=errors <= tolerance * sizes + rounding,
        troubles=_fixed_troubles(rule, values, outputs, rises),
        rule=np.zeros((len(values), 0, 2)),
    )


def _fixed_troubles(rule: str, values: np.ndarray, outputs: np.ndarray, rises: np.ndarray) -> np.ndarray:
    """Returns the same where no slopes are kept: a feature without a value has trouble where the output's slope has."""
    broken, (nodes, _) = ~np.isfinite(rises), RULES[rule](rises.shape[1] - 2)
    inside = broken[:, 1:-1][:, (nodes > 0) & (nodes < 1)].any(axis=1) * Trouble.INSIDE
    where = broken[:, 0] * Trouble.AT_START | broken[:, -1] * Trouble.AT_END | inside
    of_slopes = ~np.isfinite(values) * np.where(where, where, Trouble.INSIDE)[:, None]
    of_outputs = ~np.isfinite(outputs).all(axis=1, keepdims=True) * Trouble.INSIDE
    return np.concatenate([of_slopes, of_outputs], axis=1).astype(np.int8)
