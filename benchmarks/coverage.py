"""What stated errors promise: on how many rows they hold, and by how much they exceed the true ones.

The promise: with a probability of 95% a row, no feature's error is larger than the stated one.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from benchmarks.cases import ROWS, Case, cases, with_census
from benchmarks.census import census_workloads
from benchmarks.report import Table
from tfx_explain.attribution import (
    Attributions,
    Banzhaf,
    ExpectedGradients,
    IntegratedGradients,
    KernelShap,
    Lime,
    Saliency,
    SampledShapley,
    SmoothGrad,
)

_TOLERANCES = (0.003, 0.01, 0.03)
# Points of the midpoint rule that stands for the true integral, in float64; as many between each two of the edges, so
# that they are densest where the kinks of rows far out are.
_POINTS = 6000
_EDGES = (0.0, 0.001, 0.01, 0.1, 0.4, 1.0)

# Enumeration takes 2^players evaluations a row: of so many players, fewer rows are enumerated.
_MANY_PLAYERS, _FEW_ROWS = 14, 24
# Of a budget below enumeration's.
_BUDGET = 1000
_MANY_SAMPLES, _MANY_COPIES = 20_000, 1000
# Noise of `SmoothGrad`, relative to the rows' scale.
_NOISE = 0.2
# Relative errors that outputs in single precision have whatever the method.
_ROUNDING = 1e-6

_CELL = "held, stated / true, largest true / stated, evaluations"


class Contender(NamedTuple):
    """A method, made for the number of players, and the tolerance that it is asked for."""

    make: Callable[[int], Any]
    tolerance: float = 0.01


Contenders = dict[str, Contender]


def at_tolerances(name: str, make: Callable[[float, int], Any]) -> Contenders:
    """Returns a method that spends what the tolerance takes, at each tolerance."""
    return {
        f"{name}, {tolerance:g}": Contender(functools.partial(make, tolerance), tolerance) for tolerance in _TOLERANCES
    }


def path_methods() -> Contenders:
    """Methods whose true values are integrals along the path from zero."""
    fixed = {
        f"IntegratedGradients, {steps} {rule}": Contender(
            lambda _, steps=steps, rule=rule: IntegratedGradients(steps=steps, rule=rule)
        )
        for rule in ("gauss_legendre", "riemann", "trapezoid")
        for steps in (10, 50)
    }
    adaptive = at_tolerances("IntegratedGradients", lambda tolerance, _: IntegratedGradients(tolerance=tolerance))
    return adaptive | fixed | {"ExpectedGradients, 200 samples": Contender(lambda _: ExpectedGradients())}


def path_truth(case: Case) -> np.ndarray:
    """Returns `[rows, features]`, integrated gradients by the midpoint rule, in float64 where the case allows it."""
    workload, function = case.workload, case.function
    if function is None:
        return workload.attribute(IntegratedGradients(steps=_POINTS, rule="riemann")).values
    slope, rows = tf.function(functools.partial(_gradient, function)), workload.inputs["x"].numpy().astype(np.float64)
    values, count = np.zeros(rows.shape), _POINTS // (len(_EDGES) - 1)
    for start, end in itertools.pairwise(_EDGES):
        for part in np.array_split(start + (end - start) * (np.arange(count) + 0.5) / count, 12):
            points = part[:, None, None] * rows
            slopes = slope(tf.constant(points.reshape(-1, rows.shape[1]))).numpy().reshape(points.shape)
            values += slopes.sum(axis=0) * rows * (end - start) / count
    players = workload.players.values()
    return np.stack([values[:, [column for _, column in columns]].sum(axis=1) for columns in players], axis=1)


def _budget(players: int) -> int:
    return min(_BUDGET, 2**players - 1)


def shapley_methods() -> Contenders:
    """Methods whose true values are Shapley's; budgets too small for enumeration."""
    return {
        **at_tolerances("SampledShapley", lambda tol, n: SampledShapley(tolerance=tol, max_evaluations=_budget(n))),
        "SampledShapley, 4 orders": Contender(lambda _: SampledShapley(paths=4)),
        "SampledShapley, 12 orders": Contender(lambda _: SampledShapley(paths=12)),
        **at_tolerances("KernelShap", lambda tol, n: KernelShap(tolerance=tol, max_evaluations=_budget(n))),
        "KernelShap, 5 pairs more than features": Contender(lambda n: KernelShap(coalitions=2 * (n + 5))),
        "KernelShap, 50 coalitions": Contender(lambda _: KernelShap(coalitions=50)),
        "KernelShap, 100 coalitions": Contender(lambda _: KernelShap(coalitions=100)),
    }


def shapley_truth(case: Case) -> np.ndarray:
    """Returns `[rows, features]`, Shapley values by enumeration."""
    return case.workload.attribute(SampledShapley(max_evaluations=2 ** len(case.workload.players))).values


def banzhaf_methods() -> Contenders:
    """Banzhaf values from budgets too small for enumeration."""
    return {
        **at_tolerances("Banzhaf", lambda tol, n: Banzhaf(tolerance=tol, max_evaluations=_budget(n))),
        "Banzhaf, 100 coalitions": Contender(lambda _: Banzhaf(coalitions=100)),
    }


def banzhaf_truth(case: Case) -> np.ndarray:
    """Returns `[rows, features]`, Banzhaf values by enumeration."""
    return case.workload.attribute(Banzhaf()).values


def lime_methods() -> Contenders:
    """LIME, whose samples are a fixed number."""
    return {f"Lime, {samples} samples": Contender(lambda _, n=samples: Lime(samples=n)) for samples in (200, 1000)}


def lime_truth(case: Case) -> np.ndarray:
    """Returns `[rows, features]`, LIME's coefficients on all coalitions, or so many that their own error is small."""
    return case.workload.attribute(Lime(samples=_MANY_SAMPLES, seed=1)).values


def smooth(case: Case, samples: int, seed: int = 0) -> Attributions:
    """Explains the rows by gradients of so many noisy copies."""
    sigma = _NOISE * case.scale
    return case.workload.attribute(SmoothGrad(Saliency(), noise_sigma=sigma, samples=samples, seed=seed))


def _gradient(function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = function(x)
    return tf.convert_to_tensor(tape.gradient(outputs, x))


class Coverage(NamedTuple):
    """How the stated errors of some rows compare with the true ones."""

    held: float  # share of rows on which no feature's error is larger
    # Median stated error by the 95th percentile of the true ones, relative to rows' sizes; NaN if these are rounding.
    sharpness: float
    worst: float  # largest true error by the stated one
    late: float  # share of converged rows with an error over the tolerance
    evaluations: float  # of a row, in the mean


def coverage(result: Attributions, truth: np.ndarray, tolerance: float) -> Coverage:
    """Compares a result with true values `[rows, features]`; rows on which nothing has an influence count nothing."""
    moved = np.abs(truth).sum(axis=1) > 0
    result, truth = result.take(np.flatnonzero(moved)), truth[moved]
    true, size = np.abs(result.values - truth).max(axis=1), np.abs(truth).sum(axis=1)
    stated, late = result.approximation_errors, true > tolerance * size
    usual = float(np.quantile(true / size, 0.95))
    return Coverage(
        held=float(np.mean(true <= stated)),
        sharpness=float(np.median(stated / size)) / usual if usual > _ROUNDING else np.nan,
        worst=float(np.max(true / stated)),
        late=float(np.sum(late & result.converged) / max(1, np.sum(result.converged))),
        evaluations=float(np.mean(result.evaluations)),
    )


def run() -> Iterator[Table]:
    """Measures every method on every case; `cases` says which."""
    (path_census, _), (census, _) = census_workloads(ROWS)
    yield from _tables("Integrated gradients", path_methods(), path_truth, with_census(cases(), path_census))
    yield from _tables(
        "Shapley values", shapley_methods(), shapley_truth, map(_enumerable, with_census(cases(), census))
    )
    few = [case for case in cases() if len(case.workload.players) < _MANY_PLAYERS]
    yield from _tables("Banzhaf values", banzhaf_methods(), banzhaf_truth, few)
    one = [case for case in few if case.scale == 1]
    yield from _tables("LIME", lime_methods(), lime_truth, with_census(one, census))
    yield from _tables_of("SmoothGrad", _smooth(one))


def _enumerable(case: Case) -> Case:
    """Takes fewer rows of a case with many players."""
    if len(case.workload.players) < _MANY_PLAYERS:
        return case
    inputs = {key: tensor[:_FEW_ROWS] for key, tensor in case.workload.inputs.items()}
    return case._replace(workload=dataclasses.replace(case.workload, inputs=inputs))


# Method, case and what was found.
Found = tuple[str, Case, Coverage]


def _smooth(some: Iterable[Case]) -> Iterator[Found]:
    for case in some:
        truth = smooth(case, _MANY_COPIES, seed=1).values
        for samples in (10, 50):
            yield f"SmoothGrad of Saliency, {samples} samples", case, coverage(smooth(case, samples), truth, 0.01)


def _tables(
    title: str, contenders: Contenders, truth_of: Callable[[Case], np.ndarray], some: Iterable[Case]
) -> Iterator[Table]:
    def found() -> Iterator[Found]:
        for case in some:
            truth = truth_of(case)
            for name, (make, tolerance) in contenders.items():
                result = case.workload.attribute(make(len(case.workload.players)))
                yield name, case, coverage(result, truth, tolerance)

    return _tables_of(title, found())


def _tables_of(title: str, found: Iterable[Found]) -> Iterator[Table]:
    """Yields a table by method over all cases, and one by method and case, with all scales in a row."""
    by_method, by_case = dict[str, list[Coverage]](), dict[tuple[str, str], dict[float, Coverage]]()
    for method, case, one in found:
        by_method.setdefault(method, []).append(one)
        by_case.setdefault((method, case.name), {})[case.scale] = one
    heads = ("method, tolerance", "held", "least", "stated / true", "largest true / stated", "converged, but over")
    yield Table(f"{title}: over all cases", heads, [(name, *_summed(several)) for name, several in by_method.items()])
    scales = sorted({scale for scaled in by_case.values() for scale in scaled})
    heads = ("method, tolerance; case", *(f"scale {scale:g}: {_CELL}" for scale in scales))
    rows = [
        (f"{method}; {name}", *(_shown(scaled.get(scale)) for scale in scales))
        for (method, name), scaled in by_case.items()
    ]
    yield Table(f"{title}: by case", heads, rows)


def _summed(several: list[Coverage]) -> tuple[str, ...]:
    held, sharpness, worst, late, _ = np.array(several).T
    return (
        f"{held.mean():.3f}",
        f"{held.min():.3f}",
        f"{np.nanmedian(sharpness):.2f}",
        f"{worst.max():.1f}",
        f"{late.mean():.3f}",
    )


def _shown(found: Coverage | None) -> str:
    if found is None:
        return ""
    sharpness = "exact" if np.isnan(found.sharpness) else f"{found.sharpness:.2f}"
    return f"{found.held:.3f}, {sharpness}, {found.worst:.1f}, {found.evaluations:.0f}"
