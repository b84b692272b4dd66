"""Methods of one gradient a row: Simonyan, Vedaldi, Zisserman, "Deep Inside Convolutional Networks", 2014 (saliency);
Shrikumar, Greenside, Shcherbina, Kundaje, "Not Just a Black Box", 2016 (gradient times input).
"""

from __future__ import annotations

import numpy as np

from tfx_explain.attribution.path.causes import gradient_reasons
from tfx_explain.attribution.path.path import Path
from tfx_explain.attribution.problem.method import Method
from tfx_explain.attribution.problem.problem import Problem
from tfx_explain.attribution.problem.result import Attributions, assemble


class GradientTimesInput(Method):
    """The gradient at the row times its difference from the baseline: what a linear continuation to the baseline says.

    Exact for linear functions; for others the completeness gap, in `approximation_errors`, says how far they bend.
    """

    def __init__(self, *, tolerance: float = 0.01, batch_size: int = 16384) -> None:
        """Sets the completeness gap that counts as converged, relative to the sum of absolute attributions."""
        self._tolerance, self._batch_size = tolerance, batch_size

    def _explain(self, problem: Problem, row_keys: np.ndarray | None) -> Attributions:
        path, rows = Path(problem, self._batch_size), problem.sound_rows()
        baselines_of = range(problem.num_baselines)
        starts = np.mean([path.outputs(baseline, rows, 0.0) for baseline in baselines_of], axis=0)
        slopes = [path.slopes(baseline, rows, np.ones((len(rows), 1))) for baseline in baselines_of]
        values = np.mean([slope[:, 0].astype(np.float64) for _, slope in slopes], axis=0)
        ends = slopes[0][0][:, 0]
        gaps = np.abs(values.sum(axis=1) - (ends - starts))
        converged = gaps <= self._tolerance * np.abs(values).sum(axis=1)
        return _at_rows(problem, rows, values, (starts, ends), gaps, converged, 2 * len(slopes), self._batch_size)


class Saliency(Method):
    """Absolute gradients at the row, in units of output per unit of input, summed over each feature's tensors.

    They say where the output is steep, not what it owes to the feature: they have no sign, no completeness, and the
    baseline plays no part but for its output in the result.
    """

    def __init__(self, *, batch_size: int = 16384) -> None:
        """Sets the number of rows in one call of the model."""
        self._batch_size = batch_size

    def _explain(self, problem: Problem, row_keys: np.ndarray | None) -> Attributions:
        path, rows = Path(problem, self._batch_size), problem.sound_rows()
        values = path.gradient_sizes(rows).astype(np.float64)
        starts = np.mean([path.outputs(index, rows, 0.0) for index in range(problem.num_baselines)], axis=0)
        ends = path.outputs(0, rows, 1.0)
        exact = np.zeros(len(rows)), np.ones(len(rows), bool)
        return _at_rows(problem, rows, values, (starts, ends), *exact, problem.num_baselines + 2, self._batch_size)


def _at_rows(
    problem: Problem,
    rows: np.ndarray,
    values: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray],
    errors: np.ndarray,
    converged: np.ndarray,
    evaluations: int,
    batch_size: int,
) -> Attributions:
    outputs_finite = np.isfinite(ends[0]) & np.isfinite(ends[1])
    return assemble(
        problem.features,
        problem.failures,
        rows,
        values=values,
        baseline_outputs=ends[0],
        instance_outputs=ends[1],
        approximation_errors=errors,
        evaluations=np.full(len(rows), evaluations),
        converged=converged,
        reasons=gradient_reasons(problem, rows, np.isfinite(values), outputs_finite, batch_size),
    )
