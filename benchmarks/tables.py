"""The tables of the attribution benchmark; every number in one comes from one run on one machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.census import census_workloads
from benchmarks.peers import installed_peers
from benchmarks.rates import method_rate, rates_by_turn, raw_rates
from benchmarks.report import Table
from benchmarks.workloads import Workload, convolutional_network, dense_network, embedding_network
from tfx_explain.attribution import IntegratedGradients, KernelShap, SampledShapley

_EVALUATIONS = (120, 240, 600)
# Peers take a second a row; the relative error over these rows has a sampling error of a few per cent.
_ROWS_FOR_PEERS = 100


def path_accuracy() -> Iterator[Table]:
    """What integrated gradients reach at about 50 gradients a row on the dense network."""
    workload = dense_network()
    truth = workload.attribute(IntegratedGradients(steps=4000, rule="riemann"), 256).values
    methods = {
        "adaptive, tolerance 0.0087": IntegratedGradients(tolerance=0.0087),
        "adaptive, tolerance 0.001": IntegratedGradients(tolerance=0.001),
        "48 Gauss-Legendre steps (Captum's rule)": IntegratedGradients(steps=48),
        "48 midpoint steps": IntegratedGradients(steps=48, rule="riemann"),
        "48 trapezoid steps": IntegratedGradients(steps=48, rule="trapezoid"),
    }
    rows = []
    for name, method in methods.items():
        result = workload.attribute(method)
        scale = np.abs(result.values).sum(axis=1)
        gap = np.mean(np.abs(result.completeness_gaps) / scale)
        error = np.mean(np.abs(result.values[: len(truth)] - truth).max(axis=1) / scale[: len(truth)])
        estimate = np.mean(result.approximation_errors / scale)
        rows.append((name, f"{np.mean(result.evaluations):.1f}", f"{gap:.1e}", f"{estimate:.1e}", f"{error:.1e}"))
    heads = ("integrated gradients", "gradients a row", "completeness gap", "error it reports", "largest true error")
    title = f"{workload.name}, {workload.num_rows} rows; errors relative to the sum of absolute attributions"
    yield Table(title, heads, rows)


def rates() -> Iterator[Table]:
    """Evaluations a second as shares of raw calls."""
    paths, coalitions = census_workloads()
    yield _rate_table(dense_network(), _path_methods(), gradients=True)
    yield _rate_table(dense_network(512), _coalition_methods(), gradients=False)
    for workload in (*paths, convolutional_network(), embedding_network()):
        yield _rate_table(workload, _path_methods(), gradients=True)
    for workload in coalitions:
        yield _rate_table(workload, {"SampledShapley, 22 orders": SampledShapley(paths=22)}, gradients=False)


def _path_methods() -> dict[str, Any]:
    return {
        "adaptive (IntegratedGradients())": IntegratedGradients(),
        "adaptive, tolerance 0.001": IntegratedGradients(tolerance=0.001),
        "50 steps": IntegratedGradients(steps=50),
    }


def _coalition_methods() -> dict[str, Any]:
    return {
        "SampledShapley, 22 orders": SampledShapley(paths=22),
        "KernelShap, 240 coalitions": KernelShap(coalitions=240),
        "KernelShap, 600 coalitions": KernelShap(coalitions=600),
        "exact, 4096 coalitions": SampledShapley(),
    }


def _rate_table(workload: Workload, methods: Mapping[str, Any], *, gradients: bool) -> Table:
    raw = raw_rates(workload, gradients=gradients)
    found = rates_by_turn([*raw, *(method_rate(workload, method) for method in methods.values())])
    best = found[:, : len(raw)].max(axis=1, keepdims=True)
    found = np.concatenate([best, found[:, len(raw) :]], axis=1)
    # What else the machine does changes from turn to turn, less within one.
    medians, shares = np.median(found[:, :, 0], axis=0), np.median(found / best, axis=0)
    names = [f"raw {'gradient' if gradients else 'forward'} calls", *methods]
    rows = [
        (name, f"{rate:,.0f}", f"{wall:.2f}", f"{processor:.2f}")
        for name, rate, (wall, processor) in zip(names, medians, shares, strict=True)
    ]
    heads = ("method", "evaluations / s", "of raw calls", "of raw calls, by processor time")
    title = f"{workload.name}, {workload.num_rows} rows; medians of turns, in each raw calls of the best batch size"
    return Table(title, heads, rows)


def shapley_accuracy() -> Iterator[Table]:
    """Errors of Shapley estimators at equal evaluations, relative to the exact values' root mean square."""
    workload = dense_network(_ROWS_FOR_PEERS)
    exact = workload.attribute(SampledShapley()).values
    rows = []
    for name, estimate in {**_our_estimators(workload), **_peer_estimators(workload)}.items():
        cells, spent, begin = [], 0, time.perf_counter()
        for evaluations in _EVALUATIONS:
            values = estimate(evaluations)
            spent += evaluations * len(exact)
            cells.append(f"{np.sqrt(np.mean((values - exact) ** 2) / np.mean(exact**2)):.4f}")
        rows.append((name, *cells, f"{spent / (time.perf_counter() - begin):,.0f}"))
    heads = ("estimator", *(f"error at {evaluations}" for evaluations in _EVALUATIONS), "evaluations / s")
    title = f"Shapley values, {workload.name}, {workload.num_rows} rows; error relative to the exact values' size"
    yield Table(title, heads, rows)


def _our_estimators(workload: Workload) -> dict[str, Callable[[int], np.ndarray]]:
    # A tolerance that nothing meets spends the whole budget, and no more.
    return {
        "KernelShap": lambda most: workload.attribute(KernelShap(coalitions=most)).values,
        "SampledShapley": lambda most: workload.attribute(SampledShapley(max_evaluations=most, tolerance=1e-9)).values,
    }


def _peer_estimators(workload: Workload) -> dict[str, Callable[[int], np.ndarray]]:
    rows = workload.inputs["x"].numpy()

    def predict(points: np.ndarray) -> np.ndarray:
        inputs, targets = {"x": tf.constant(points, tf.float32)}, tf.zeros([len(points)], tf.int32)
        return workload.model.predict(inputs, targets).numpy()

    return {
        name: lambda evaluations, estimator=estimator: estimator(predict, rows, evaluations)
        for name, estimator in installed_peers().items()
    }
