"""Weighted sums over every coalition: exact values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfx_explain.attribution.coalitions.causes import Causes
from tfx_explain.attribution.coalitions.seating import Seating
from tfx_explain.attribution.coalitions.weights import coalitions_of
from tfx_explain.attribution.model.blocks import row_products
from tfx_explain.attribution.problem.estimates import Estimates

# Coalitions weighed at once.
_BLOCK = 4096


def enumerate_coalitions(seating: Seating, weights: Callable[[np.ndarray], np.ndarray]) -> Estimates:
    """Sums the outputs of all `2 ** places` coalitions by `weights`, from bool `[coalitions, places]` to float64 of it.

    The errors bound what rounding of the outputs to their dtype makes of the values.
    """
    total, rows = 2**seating.places, np.arange(len(seating.rows))
    values, largest = np.zeros((len(rows), seating.places)), np.zeros(len(rows))
    causes = Causes(len(rows), seating.places)
    empty = full = np.zeros(len(rows))
    for start in range(0, total, _BLOCK):
        present = coalitions_of(np.arange(start, min(total, start + _BLOCK)), seating.places)
        outputs = seating.play(rows, present)
        causes.add(rows, outputs, present)
        values += row_products(outputs, weights(present))
        largest = np.maximum(largest, np.abs(outputs).max(axis=1, initial=0))
        empty = outputs[:, 0] if start == 0 else empty
        full = outputs[:, -1]
    # The absolute weights of one feature sum to 2.
    rounding = 2 * seating.game.rounding * largest
    return Estimates(
        values=values,
        standard_errors=np.repeat(rounding[:, None], seating.places, axis=1),
        errors=rounding,
        empty=empty,
        full=full,
        evaluations=np.full(len(rows), total),
        converged=np.ones(len(rows), bool),
        reasons=causes.reasons(seating.names),
    )
