"""What stated errors promise: on how many rows they hold, and by how much they exceed the true ones.

The promise: with a probability of 95% a row, no feature's error is larger than the stated one.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from benchmarks.census import census_workloads
from benchmarks.report import Table
from benchmarks.workloads import Workload, function_workload
from tfx_explain.attribution import (
    Attributions,
    Banzhaf,
    ExpectedGradients,
    IntegratedGradients,
    KernelShap,
    Lime,
    SampledShapley,
)

_ROWS = 128
_SCALES = (0.3, 1.0, 30.0)
_TOLERANCES = (0.003, 0.01, 0.03)
# Points of the midpoint rule that stands for the true integral, in float64; as many between each two of the edges, so
# that they are densest where the kinks of rows far out are.
_POINTS = 8192
_EDGES = (0.0, 0.001, 0.01, 0.1, 0.4, 1.0)

# Models with fewer players are enumerated in earnest; enumeration takes 2^players evaluations a row, Banzhaf's at most
# 4096.
_FEWEST_PLAYERS, _MOST_OF_BANZHAF = 11, 12
_ROWS_TO_ENUMERATE = 64
_BUDGET = 1000
_MANY_SAMPLES = 40_000

_HEADS = ("held", "stated / true", "largest true / stated", "converged, but over", "evaluations")

# From a tolerance to a method.
Maker = Callable[[float], Any]


class Case(NamedTuple):
    """A model and its rows; `function` of `[rows, columns]` says the same in float64, where there is one."""

    workload: Workload
    function: Callable[[tf.Tensor], tf.Tensor] | None = None


def cases(rows: int = _ROWS, scales: tuple[float, ...] = _SCALES, seed: int = 1) -> Iterator[Case]:
    """Makes functions of every kind from a seed, with normal rows of several scales, to explain against zero."""
    for number, (name, function, columns, players) in enumerate(_functions(seed)):
        normal = np.random.default_rng([seed, number]).normal(size=(rows, columns))
        players = players or {f"x[{column}]": (("x", column),) for column in range(columns)}
        for scale in scales:
            workload = function_workload(f"{name}, scale {scale:g}", function, normal * scale, 16384)
            yield Case(dataclasses.replace(workload, players=players), function)


def _functions(seed: int) -> Iterator[tuple[str, Any, int, Any]]:
    rng = np.random.default_rng(seed)
    for sizes in ((11, 6, 6, 1), (7, 16, 8, 1), (12, 128, 64, 1)):
        yield f"ReLU {'-'.join(map(str, sizes))}", _dense(rng, sizes, tf.nn.relu), sizes[0], None
    yield "tanh 8-24-12-1", _dense(rng, (8, 24, 12, 1), tf.tanh), 8, None
    logit = _dense(rng, (12, 32, 1), tf.nn.relu)
    yield "sigmoid of ReLU 12-32-1", lambda x: tf.sigmoid(logit(x)), 12, None
    yield "soft trees of 8", _trees(rng, 8, 12), 8, None
    embedded = {f"word {word}": tuple(("x", 4 * word + width) for width in range(4)) for word in range(8)}
    yield "8 embeddings", _embeddings(rng), 32, embedded
    patches = {
        f"patch {row},{column}": tuple(("x", 8 * (2 * row + y) + 2 * column + x) for y in (0, 1) for x in (0, 1))
        for row in range(4)
        for column in range(4)
    }
    yield "convnet 8x8", _convolutions(rng), 64, patches


def _dense(
    rng: np.random.Generator, sizes: tuple[int, ...], activation: Callable[[tf.Tensor], tf.Tensor]
) -> Callable[[tf.Tensor], tf.Tensor]:
    layers = [(rng.normal(0, (2 / a) ** 0.5, (a, b)), rng.normal(0, 0.3, b)) for a, b in itertools.pairwise(sizes)]

    def output(x: tf.Tensor) -> tf.Tensor:
        for weights, biases in layers[:-1]:
            x = activation(x @ tf.constant(weights, x.dtype) + tf.constant(biases, x.dtype))
        return (x @ tf.constant(layers[-1][0], x.dtype))[:, 0]

    return output


def _trees(rng: np.random.Generator, columns: int, leaves: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Leaves of depth 3, each reached where three soft steps are."""
    chosen, signs = rng.integers(columns, size=(leaves, 3)), rng.choice([-20.0, 20.0], (leaves, 3))
    thresholds, heights = rng.normal(0, 0.7, (leaves, 3)), rng.normal(size=leaves)

    def output(x: tf.Tensor) -> tf.Tensor:
        sides = tf.constant(signs, x.dtype) * (tf.gather(x, chosen, axis=1) - tf.constant(thresholds, x.dtype))
        return tf.reduce_sum(tf.constant(heights, x.dtype) * tf.reduce_prod(tf.sigmoid(sides), axis=2), axis=1)

    return output


def _embeddings(rng: np.random.Generator) -> Callable[[tf.Tensor], tf.Tensor]:
    dense = _dense(rng, (8, 16, 1), tf.tanh)

    def output(x: tf.Tensor) -> tf.Tensor:
        words = tf.reshape(x, [-1, 8, 4])
        return dense(tf.concat([tf.reduce_mean(words, axis=1), tf.reduce_max(words, axis=1)], axis=1))

    return output


def _convolutions(rng: np.random.Generator) -> Callable[[tf.Tensor], tf.Tensor]:
    first, second = rng.normal(0, 0.5, (3, 3, 1, 6)), rng.normal(0, 0.25, (3, 3, 6, 8))
    last = rng.normal(0, 0.3, (32, 1))

    def output(x: tf.Tensor) -> tf.Tensor:
        x = tf.reshape(x, [-1, 8, 8, 1])
        for kernel in (first, second):
            x = tf.nn.relu(tf.nn.conv2d(x, tf.constant(kernel, x.dtype), 2, "SAME") + 0.05)
        return (tf.reshape(x, [-1, 32]) @ tf.constant(last, x.dtype))[:, 0]

    return output


def path_methods() -> dict[str, Maker]:
    """Methods whose true values are integrals along the path from zero."""
    return {
        "IntegratedGradients": lambda tolerance: IntegratedGradients(tolerance=tolerance),
        "IntegratedGradients(steps=50)": lambda tolerance: IntegratedGradients(steps=50, tolerance=tolerance),
        "IntegratedGradients(steps=50, rule='riemann')": lambda tolerance: IntegratedGradients(
            steps=50, rule="riemann", tolerance=tolerance
        ),
        "ExpectedGradients": lambda tolerance: ExpectedGradients(tolerance=tolerance),
    }


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


def shapley_methods() -> dict[str, Maker]:
    """Methods whose true values are Shapley's; budgets too small for enumeration."""
    return {
        "SampledShapley": lambda tolerance: SampledShapley(tolerance=tolerance, max_evaluations=_BUDGET),
        "SampledShapley(paths=22)": lambda tolerance: SampledShapley(tolerance=tolerance, paths=22),
        "KernelShap": lambda tolerance: KernelShap(tolerance=tolerance, max_evaluations=_BUDGET),
        "KernelShap(coalitions=120)": lambda tolerance: KernelShap(tolerance=tolerance, coalitions=120),
        "KernelShap(coalitions=240)": lambda tolerance: KernelShap(tolerance=tolerance, coalitions=240),
    }


def shapley_truth(case: Case) -> np.ndarray:
    """Returns `[rows, features]`, Shapley values by enumeration."""
    return case.workload.attribute(SampledShapley(max_evaluations=2 ** len(case.workload.players))).values


def banzhaf_methods() -> dict[str, Maker]:
    """Banzhaf values from budgets too small for enumeration."""
    return {
        "Banzhaf": lambda tolerance: Banzhaf(tolerance=tolerance, max_evaluations=_BUDGET),
        "Banzhaf(coalitions=240)": lambda tolerance: Banzhaf(tolerance=tolerance, coalitions=240),
    }


def banzhaf_truth(case: Case) -> np.ndarray:
    """Returns `[rows, features]`, Banzhaf values by enumeration."""
    return case.workload.attribute(Banzhaf()).values


def lime_methods() -> dict[str, Maker]:
    """LIME, whose samples are a fixed number."""
    return {
        f"Lime(samples={samples})": lambda tolerance, samples=samples: Lime(samples=samples, tolerance=tolerance)
        for samples in (200, 1000)
    }


def lime_truth(case: Case) -> np.ndarray:
    """Returns `[rows, features]`, LIME's coefficients on so many other samples that their own error is small."""
    return case.workload.attribute(Lime(samples=_MANY_SAMPLES, seed=1)).values


def _gradient(function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = function(x)
    return tf.convert_to_tensor(tape.gradient(outputs, x))


class Coverage(NamedTuple):
    """How the stated errors of some rows compare with the true ones."""

    held: float  # share of rows on which no feature's error is larger
    sharpness: float  # median stated error by the 95th percentile of the true ones, relative to the rows' sizes
    worst: float  # largest true error by the stated one
    late: float  # share of converged rows with an error over the tolerance
    evaluations: float  # of a row, in the mean


def coverage(result: Attributions, truth: np.ndarray, tolerance: float) -> Coverage:
    """Compares a result with true values `[rows, features]`."""
    true, size = np.abs(result.values - truth).max(axis=1), np.abs(truth).sum(axis=1)
    stated, late = result.approximation_errors, true > tolerance * size
    return Coverage(
        held=float(np.mean(true <= stated)),
        sharpness=float(np.median(stated / size) / np.quantile(true / size, 0.95)),
        worst=float(np.max(true / stated)),
        late=float(np.sum(late & result.converged) / max(1, np.sum(result.converged))),
        evaluations=float(np.mean(result.evaluations)),
    )


def run() -> Iterator[Table]:
    """Measures every method on every case."""
    (census, _), _ = census_workloads(_ROWS)
    yield _table("Integrated gradients", path_methods(), path_truth, [*cases(), Case(census)])
    several = [case for case in cases(_ROWS_TO_ENUMERATE) if len(case.workload.players) >= _FEWEST_PLAYERS]
    yield _table("Shapley values", shapley_methods(), shapley_truth, several)
    few = [case for case in several if len(case.workload.players) <= _MOST_OF_BANZHAF]
    yield _table("Banzhaf values", banzhaf_methods(), banzhaf_truth, few)
    yield _table("LIME", lime_methods(), lime_truth, few)


def _table(
    title: str, methods: Mapping[str, Maker], truth_of: Callable[[Case], np.ndarray], some: Iterable[Case]
) -> Table:
    rows = []
    for case in some:
        truth = truth_of(case)
        for name, make in methods.items():
            for tolerance in _TOLERANCES:
                found = coverage(case.workload.attribute(make(tolerance)), truth, tolerance)
                rows.append((f"{name}, {case.workload.name}", f"{tolerance:g}", *_shown(found)))
    return Table(title, ("method, case", "tolerance", *_HEADS), rows)


def _shown(found: Coverage) -> tuple[str, ...]:
    held, sharpness, worst, late, evaluations = found
    return f"{held:.3f}", f"{sharpness:.2f}", f"{worst:.1f}", f"{late:.3f}", f"{evaluations:.0f}"
