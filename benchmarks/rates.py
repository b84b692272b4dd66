"""Rates: evaluations a second of a method, next to those of bare calls of the model in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from benchmarks.workloads import Workload
from tfx_explain.attribution import Attributions


class Method(Protocol):
    """Any attribution method."""

    def attribute(self, model: Any, inputs: Any) -> Attributions:
        """Explains every row."""
        ...


# Turns of every contender, one after the other, so that a busy moment of the machine hits all; the best counts.
_TURNS = 5
_SECONDS = 0.5

# Evaluations by second, and by second of processor time, which says more where other programs share the machine.
Rates = tuple[float, float]


def bare_rate(workload: Workload, *, gradients: bool) -> Callable[[], Rates]:
    """Returns what measures rows by second of full batches through the model, results fetched as NumPy arrays."""
    model, (inputs, targets) = workload.model(), workload.batch()

    def call() -> int:
        if gradients:
            outputs, by_key = model.gradients(inputs, targets)
            by_key["x"].numpy()
        else:
            outputs = model.predict(inputs, targets)
        np.asarray(outputs)
        return workload.batch_size

    call()
    return lambda: _rate(call)


def method_rate(workload: Workload, method: Method) -> Callable[[], Rates]:
    """Returns what measures a method's evaluations by second over all rows of the workload."""
    model = workload.model()

    def call() -> int:
        return int(method.attribute(model, workload.rows).evaluations.sum())

    call()
    return lambda: _rate(call)


def _rate(call: Callable[[], int]) -> Rates:
    evaluations, wall, processor = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - wall < _SECONDS:
        evaluations += call()
    return evaluations / (time.perf_counter() - wall), evaluations / (time.process_time() - processor)


def best_rates(contenders: Sequence[Callable[[], Rates]]) -> list[Rates]:
    """Measures every contender in turn, several times; returns the best of each."""
    return [
        (best[0], best[1]) for best in np.max([[measure() for measure in contenders] for _ in range(_TURNS)], axis=0)
    ]
