"""Which feature makes a row of a path method fail."""

from __future__ import annotations

import numpy as np

from tfx_explain.attribution.coalitions.causes import blame
from tfx_explain.attribution.problem.problem import Problem


def gradient_reasons(
    problem: Problem, rows: np.ndarray, gradients_finite: np.ndarray, outputs_finite: np.ndarray, batch_size: int
) -> np.ndarray:
    """Returns str `[tried]` why rows of a path method failed, '' where they did not.

    Args:
        problem: the problem.
        rows: int `[tried]`.
        gradients_finite: bool `[tried, features]`; the first feature whose gradient is not is the cause.
        outputs_finite: bool `[tried]`; comes first, since where the output is not finite, no gradient is.
        batch_size: rows in one call of the model, which looks for the cause of outputs.
    """
    names = [f"the gradient by feature {feature!r} is not finite" for feature in problem.features]
    causes = np.array(names, dtype=object)[gradients_finite.argmin(axis=1)]
    reasons = np.where(gradients_finite.all(axis=1), "", causes).astype(object)
    if not outputs_finite.all():
        reasons[~outputs_finite] = blame(problem, rows[~outputs_finite], batch_size)
    return reasons
