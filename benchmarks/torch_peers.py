"""Captum on PyTorch and alibi on Keras: the same network and rows as ours, errors and speed side by side.

`make bench-torch` runs it, and with it the code of the guides that shows them. The libraries need versions that don't
fit beside TFX: they have an environment of their own, `.venv-peers`, in which `apart` runs.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.report import Table
from benchmarks.workloads import Workload, dense_layers, dense_network
from tfx_explain.attribution import Attributions, IntegratedGradients, KernelShap, SampledShapley

_ROOT = pathlib.Path(__file__).parent
_PYTHON = _ROOT.parent / ".venv-peers" / "bin" / "python"
_PATH, _COALITION = "path", "coalition"
# Of coalition methods, few rows: some of theirs take a second for one.
_ROWS = {_PATH: 512, _COALITION: 16}
# Evaluations a row. Shapley values are of 12 features: whole orders, beside the outputs at both ends.
_EVALUATIONS = {_PATH: (16, 48, 128), _COALITION: (121, 241, 601)}
_OURS: dict[str, dict[str, Callable[[int], Any]]] = {
    _PATH: {
        "ours, IntegratedGradients": lambda steps: IntegratedGradients(steps=steps),
    },
    _COALITION: {
        "ours, SampledShapley": lambda evaluations: SampledShapley(paths=(evaluations - 1) // 12),
        "ours, KernelShap": lambda evaluations: KernelShap(coalitions=evaluations),
    },
}
_PAGES = [_ROOT.parent / "docs" / f"{name}.md" for name in ("from-captum", "from-alibi")]
_TITLES = {_PATH: "Integrated gradients, by gradients a row", _COALITION: "Shapley values, by evaluations a row"}


def run() -> Iterator[Table]:
    """Measures theirs, then ours on the same rows, in some minutes."""
    workloads = {kind: dense_network(rows) for kind, rows in _ROWS.items()}
    theirs = _theirs(workloads)
    for kind, workload in workloads.items():
        yield _table(kind, workload, _ours(kind, workload) | theirs[kind])


# Attributions `[rows, features]` and seconds of processor time, by a method's name and evaluations a row.
_Found = dict[str, dict[int, tuple[np.ndarray, float]]]


def _theirs(workloads: dict[str, Workload]) -> dict[str, _Found]:
    given = {f"{kind}_rows": np.asarray(workload.inputs["x"]) for kind, workload in workloads.items()}
    given |= {f"{kind}_evaluations": np.array(some) for kind, some in _EVALUATIONS.items()}
    for number, layer in enumerate(dense_layers()):
        given |= {
            f"{name}_{number}": np.asarray(tensor) for name, tensor in zip(("weights", "biases"), layer, strict=True)
        }
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        np.savez(at / "network.npz", **given)
        done = subprocess.run([_PYTHON, _ROOT / "apart.py", at, *_PAGES], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        for page, theirs in json.loads((at / "pages.json").read_text()).items():
            _check_page(pathlib.Path(page), theirs)
        took = json.loads((at / "found.json").read_text())
        with np.load(at / "found.npz") as values:
            found: dict[str, _Found] = {kind: {} for kind in workloads}
            for key, seconds in took.items():
                name, kind, evaluations = key.split("|")
                found[kind].setdefault(name, {})[int(evaluations)] = values[key], seconds
    return found


def _check_page(page: pathlib.Path, found: dict[str, list[float]]) -> None:
    """Raises a RuntimeError where a guide has other attributions than its code finds."""
    text = page.read_text()
    for method, values in found.items():
        shown = f" | {' | '.join(f'{value:.4f}' for value in values)} |"
        if not any(line.startswith(f"| `{method}`") and line.endswith(shown) for line in text.split("\n")):
            raise RuntimeError(f"{page.name} has other attributions than{shown} by {method}.")


def _ours(kind: str, workload: Workload) -> _Found:
    return {
        name: {evaluations: _timed(workload, make(evaluations)) for evaluations in _EVALUATIONS[kind]}
        for name, make in _OURS[kind].items()
    }


def _timed(workload: Workload, method: Any) -> tuple[np.ndarray, float]:
    workload.attribute(method)  # what is traced once
    started = time.process_time()
    found: Attributions = workload.attribute(method)
    return found.values, time.process_time() - started


def _table(kind: str, workload: Workload, found: _Found) -> Table:
    """The first method is ours, whose time the others' are held against."""
    exact = IntegratedGradients(steps=4000, rule="riemann") if kind == _PATH else SampledShapley()
    truth = workload.attribute(exact).values
    first = next(iter(found.values()))
    rows = [
        (
            name,
            *(f"{np.sqrt(np.mean((values - truth) ** 2) / np.mean(truth**2)):.4f}" for values, _ in one.values()),
            *(f"{1e6 * seconds / len(truth):,.0f}" for _, seconds in one.values()),
            f"{np.median([seconds / first[evaluations][1] for evaluations, (_, seconds) in one.items()]):.1f}",
        )
        for name, one in found.items()
    ]
    some = _EVALUATIONS[kind]
    heads = "method", *(f"error at {n}" for n in some), *(f"microseconds a row at {n}" for n in some), "times ours"
    title = (
        f"{_TITLES[kind]}; {workload.name}, {workload.num_rows} rows; error relative to the exact values' size, "
        "processor time"
    )
    return Table(title, heads, rows)


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["torch_peers"])
