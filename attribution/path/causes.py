"""Which feature makes a row of a path method fail."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tfx_explain.attribution.coalitions.causes import blame
from tfx_explain.attribution.path.integration import Trouble
from tfx_explain.attribution.problem.problem import Problem

# What is said of the places: where no integral was found, and where the rule that was asked for has points.
_BETWEEN = {
    Trouble.INSIDE: "points between the baseline and the row; take SampledShapley, which asks for no gradient, or "
    "another baseline"
}
NO_INTEGRAL = _BETWEEN | {
    Trouble.AT_START: "the baseline, and has no integral from there; give a baseline elsewhere, or take SampledShapley",
    Trouble.AT_END: "the row, and has no integral up to there; take SampledShapley, which asks for no gradient",
    Trouble.AT_START | Trouble.AT_END: "the baseline and at the row, and has no integral between them; take "
    "SampledShapley, which asks for no gradient",
}
POINT_AT_END = _BETWEEN | {
    end: f"{where}, where the rule has a point; take rule 'gauss_legendre', or leave out the steps"
    for end, where in (
        (Trouble.AT_START, "the baseline"),
        (Trouble.AT_END, "the row"),
        (Trouble.AT_START | Trouble.AT_END, "the baseline and at the row"),
    )
}


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
    troubles = np.concatenate([~gradients_finite, ~outputs_finite[:, None]], axis=1) * Trouble.INSIDE
    return integral_reasons(problem, rows, troubles, {}, batch_size)


def integral_reasons(
    problem: Problem, rows: np.ndarray, troubles: np.ndarray, places: Mapping[Trouble, str], batch_size: int
) -> np.ndarray:
    """Returns the same of int `[tried, features + 1]` `Trouble`s of the gradients, and last of the output.

    `places` is what to say where a feature has trouble only at ends, and where between them, too.
    """
    reasons = np.full(len(rows), "", object)
    for row in np.flatnonzero(troubles[:, :-1].any(axis=1)):
        cause = troubles[row, :-1].astype(bool).argmax()
        reasons[row] = f"the gradient by feature {problem.features[cause]!r} is not finite"
        where = Trouble(int(troubles[row, cause]))
        how = places.get(Trouble.INSIDE if Trouble.INSIDE in where else where)
        reasons[row] += f" at {how}" if how else ""
    outputs_broken = troubles[:, -1] != 0
    if outputs_broken.any():
        reasons[outputs_broken] = blame(problem, rows[outputs_broken], batch_size)
    return reasons
