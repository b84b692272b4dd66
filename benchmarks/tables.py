"""The tables of the attribution benchmark; every number in one comes from one run on one machine."""

from __future__ import annotations

import dataclasses
import resource
import time
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from benchmarks.peers import installed_peers
from benchmarks.rates import Method, bare_rate, best_rates, method_rate
from benchmarks.report import Table
from benchmarks.workloads import Workload, convolutional_network, dense_network, embedding_network
from tfx_explain.attribution import Attributions, IntegratedGradients, KernelShap, Occlusion, SampledShapley

_EVALUATIONS = (120, 240, 600)
# Peers take a second a row; the relative error over these rows has a sampling error of a few per cent.
_ROWS_FOR_PEERS = 48


def path_accuracy() -> list[Table]:
    """What integrated gradients reach at about 50 gradients a row on the dense network."""
    workload = dense_network()
    truth = IntegratedGradients(steps=4000, rule="midpoint").attribute(workload.function, workload.rows[:512]).values
    methods = {
        "adaptive, tolerance 0.0095": IntegratedGradients(tolerance=0.0095),
        "adaptive, tolerance 0.001": IntegratedGradients(tolerance=0.001),
        "50 Gauss-Legendre steps (Captum's default)": IntegratedGradients(steps=50),
        "50 midpoint steps": IntegratedGradients(steps=50, rule="midpoint"),
        "50 trapezoid steps": IntegratedGradients(steps=50, rule="trapezoid"),
    }
    rows = []
    for name, method in methods.items():
        result = method.attribute(workload.function, workload.rows)
        scale = np.abs(result.values).sum(axis=1)
        gap = np.mean(np.abs(result.completeness_gaps) / scale)
        error = np.mean(np.abs(result.values[:512] - truth).sum(axis=1) / scale[:512])
        estimate = np.mean(result.approximation_errors / scale)
        gradients = np.mean(result.evaluations - (2 if name.startswith("50") else 0))
        rows.append((name, f"{gradients:.1f}", f"{gap:.1e}", f"{estimate:.1e}", f"{error:.1e}"))
    heads = ("integrated gradients", "gradients a row", "completeness gap", "error it reports", "true error")
    title = f"{workload.name}, {len(workload.rows)} rows; errors relative to the sum of absolute attributions"
    return [Table(title, heads, rows)]


def rates() -> list[Table]:
    """Evaluations a second as shares of bare calls."""
    dense, image, tokens = dense_network(), convolutional_network(), embedding_network()
    few = dataclasses.replace(dense, rows=dense.rows[:512])
    coalitions = {
        "SampledShapley, 22 orders": SampledShapley(paths=22),
        "KernelShap, 240 evaluations": KernelShap(coalitions=240),
        "KernelShap, 600 evaluations": KernelShap(coalitions=600),
        "exact, 4096 coalitions": SampledShapley(),
    }
    tables = [_rate_table(workload, _path_methods(workload), gradients=True) for workload in (dense, image, tokens)]
    return [*tables, _rate_table(few, coalitions, gradients=False)]


def _path_methods(workload: Workload) -> dict[str, Method]:
    size = workload.batch_size
    return {
        "adaptive": IntegratedGradients(batch_size=size),
        "adaptive, tolerance 0.001": IntegratedGradients(tolerance=0.001, batch_size=size),
        "50 steps": IntegratedGradients(steps=50, batch_size=size),
    }


def _rate_table(workload: Workload, methods: Mapping[str, Method], *, gradients: bool) -> Table:
    contenders = [method_rate(workload, method) for method in methods.values()]
    bare, *found = best_rates([bare_rate(workload, gradients=gradients), *contenders])
    kind = "gradient" if gradients else "forward"
    rows = []
    for name, (wall, processor) in zip([f"bare {kind} calls", *methods], [bare, *found], strict=True):
        rows.append((name, f"{wall:,.0f}", f"{wall / bare[0]:.2f}", f"{processor / bare[1]:.2f}"))
    heads = ("method", "evaluations / s", "of bare", "of bare, by processor time")
    return Table(f"{workload.name}, {len(workload.rows)} rows", heads, rows)


def shapley_accuracy() -> list[Table]:
    """Errors of Shapley estimators at equal evaluations, relative to the exact values' root mean square."""
    workload = dense_network(_ROWS_FOR_PEERS)
    exact = SampledShapley().attribute(workload.function, workload.rows).values
    rows = []
    for name, estimate in {**_our_estimators(workload), **_peer_estimators(workload)}.items():
        cells, spent, begin = [], 0, time.perf_counter()
        for evaluations in _EVALUATIONS:
            values = estimate(evaluations)
            spent += evaluations * len(exact)
            cells.append(f"{np.sqrt(np.mean((values - exact) ** 2) / np.mean(exact**2)):.4f}")
        rows.append((name, *cells, f"{spent / (time.perf_counter() - begin):,.0f}"))
    heads = ("estimator", *(f"error at {evaluations}" for evaluations in _EVALUATIONS), "evaluations / s")
    title = f"Shapley values, {workload.name}, {len(workload.rows)} rows; error relative to the exact values' size"
    return [Table(title, heads, rows)]


def _our_estimators(workload: Workload) -> dict[str, Callable[[int], np.ndarray]]:
    model = workload.model()

    def values(method: SampledShapley | KernelShap) -> np.ndarray:
        result: Attributions = method.attribute(model, workload.rows)
        return result.values

    return {
        "KernelShap": lambda evaluations: values(KernelShap(coalitions=evaluations)),
        "SampledShapley": lambda evaluations: values(SampledShapley(paths=2 * ((evaluations - 2) // 22))),
    }


def _peer_estimators(workload: Workload) -> dict[str, Callable[[int], np.ndarray]]:
    model, rows = workload.model(), workload.rows.numpy()

    def predict(points: np.ndarray) -> np.ndarray:
        inputs, targets = {"x": tf.constant(points, tf.float32)}, tf.zeros([len(points)], tf.int32)
        return model.predict(inputs, targets).numpy()

    return {
        name: lambda evaluations, estimator=estimator: estimator(predict, rows, evaluations)
        for name, estimator in installed_peers().items()
    }


def memory() -> list[Table]:
    """What the process has at most held while rows stream through, 20,000 at a time."""
    workload, method = dense_network(20_000), Occlusion()
    model, rows = workload.model(), []
    for turn in range(1, 51):
        method.attribute(model, workload.rows)
        if turn in (5, 50):
            megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            rows.append((f"{turn * len(workload.rows):,}", f"{megabytes:,.0f} MB"))
    return [Table("Memory, Occlusion of the dense network", ("rows so far", "most memory of the process"), rows)]
