"""Makes attribution.svg, the picture of the guide, from a run on the network of the benchmark."""

from __future__ import annotations

import pathlib

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

from benchmarks.workloads import dense_network
from tfx_explain.attribution import IntegratedGradients, KernelShap, SampledShapley

_PICTURE = pathlib.Path(__file__).with_name("attribution.svg")
_EVALUATIONS = (60, 120, 240, 480, 960)
_STEPS = (12, 25, 50, 100, 200)
_TOLERANCES = (0.06, 0.03, 0.015, 0.007, 0.003)


def main(picture: pathlib.Path = _PICTURE, rows: int = 128) -> None:
    """Runs the methods on some rows, and draws their errors against their cost."""
    workload = dense_network(rows)
    matplotlib.rcParams.update({"svg.hashsalt": "attribution", "font.size": 9})
    figure, (coalitions, path) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    exact = workload.attribute(SampledShapley()).values
    shapley = {
        "SampledShapley": lambda most: SampledShapley(max_evaluations=most, tolerance=1e-9),
        "KernelShap": lambda most: KernelShap(coalitions=most),
    }
    for name, make in shapley.items():
        _draw(coalitions, name, [workload.attribute(make(most)) for most in _EVALUATIONS], exact)
    coalitions.set(title="Shapley values", xlabel="evaluations a row (all: 4,096)", ylabel="relative error")
    along = workload.attribute(IntegratedGradients(steps=4000, rule="riemann")).values
    _draw(path, "adaptive", [workload.attribute(IntegratedGradients(tolerance=most)) for most in _TOLERANCES], along)
    _draw(path, "Gauss-Legendre", [workload.attribute(IntegratedGradients(steps=steps)) for steps in _STEPS], along)
    path.set(title="Integrated gradients", xlabel="gradients a row")
    for axes in (coalitions, path):
        axes.legend(frameon=False)
    figure.savefig(picture, metadata={"Date": None})
    plt.close(figure)


def _draw(axes: plt.Axes, name: str, results: list, truth: np.ndarray) -> None:
    costs = [result.evaluations.mean() for result in results]
    size = np.sqrt(np.mean(truth**2))
    (line,) = axes.loglog(costs, [np.sqrt(np.mean((r.values - truth) ** 2)) / size for r in results], "o-", label=name)
    if results[0].standard_errors is not None:
        reported = [np.sqrt(np.mean(result.standard_errors**2)) / size for result in results]
        axes.loglog(costs, reported, ":", color=line.get_color(), label=f"{name}: standard error")


if __name__ == "__main__":
    main()
