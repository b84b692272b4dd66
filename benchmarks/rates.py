"""Rates: evaluations a second of a method, next to those of raw calls of the model in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.workloads import Workload

# Turns of every contender, one after the other, so that a busy moment of the machine hits all.
_TURNS = 7
_SECONDS = 0.4

# Evaluations by second, and by second of processor time, which says more where other programs share the machine.
Rates = tuple[float, float]


def raw_rates(workload: Workload, *, gradients: bool) -> list[Callable[[], Rates]]:
    """Returns what measures raw calls, for batches of some sizes.

    A raw call is one call of the model, traced by TensorFlow, on a batch that is ready, or that the workload encodes,
    whose results are fetched as NumPy arrays; nothing else is done. One thread calls, one call after the other.
    """
    return [_raw_rate(workload, workload.batch_size // part, gradients) for part in (1, 2, 4)]


def _raw_rate(workload: Workload, size: int, gradients: bool) -> Callable[[], Rates]:
    rows, targets = workload.batch(size)

    def call() -> int:
        inputs = workload.encode(rows)
        if gradients:
            outputs, by_key = workload.raw.gradients(inputs, targets)
            for gradient in by_key.values():
                gradient.numpy()
        else:
            outputs = workload.raw.predict(inputs, targets)
        np.asarray(outputs)
        return size

    call()
    return lambda: rate(call)


def method_rate(workload: Workload, method: Any) -> Callable[[], Rates]:
    """Returns what measures a method's evaluations by second over all rows of the workload."""

    def call() -> int:
        return int(workload.attribute(method).evaluations.sum())

    call()
    return lambda: rate(call)


def rate(call: Callable[[], int]) -> Rates:
    """Measures a call that returns how many evaluations it made, repeated for a while."""
    evaluations, wall, processor = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - wall < _SECONDS:
        evaluations += call()
    return evaluations / (time.perf_counter() - wall), evaluations / (time.process_time() - processor)


def best_rates(contenders: Sequence[Callable[[], Rates]]) -> list[Rates]:
    """Measures every contender in turn, several times; returns the best of each."""
    return [(best[0], best[1]) for best in rates_by_turn(contenders).max(axis=0)]


def rates_by_turn(contenders: Sequence[Callable[[], Rates]]) -> np.ndarray:
    """Measures every contender in turn, several times; returns `[turns, contenders, 2]`."""
    return np.array([[measure() for measure in contenders] for _ in range(_TURNS)])
