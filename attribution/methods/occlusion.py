"""Occlusion: Zeiler, Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014.

The attribution of a feature is what the output loses when that feature alone is absent.
"""

from __future__ import annotations

import numpy as np

from tfx_explain.attribution.coalitions.causes import Causes
from tfx_explain.attribution.coalitions.method import CoalitionMethod
from tfx_explain.attribution.coalitions.seating import Seating
from tfx_explain.attribution.problem.estimates import Estimates


class Occlusion(CoalitionMethod):
    """The cheapest coalition method: `features + 2` evaluations a row. Blind to features that stand in for each other.

    Attributions do not add up to the output's change where features interact.
    """

    _random = False

    def __init__(self, *, batch_size: int = 16384) -> None:
        """Sets the number of rows in one call of the model."""
        super().__init__(batch_size=batch_size)

    def _budget(self, places: int) -> int:
        return places + 2

    def _estimate(self, seating: Seating) -> Estimates:
        places, rows = seating.places, np.arange(len(seating.rows))
        nobody, everybody = np.zeros((1, places), bool), np.ones((1, places), bool)
        present = np.concatenate([nobody, everybody, ~np.eye(places, dtype=bool)])
        outputs = seating.play(rows, present)
        causes = Causes(len(rows), places)
        causes.add(rows, outputs, present)
        rounding = 2 * seating.game.rounding * np.abs(outputs).max(axis=1)
        return Estimates(
            values=outputs[:, 1:2] - outputs[:, 2:],
            standard_errors=np.repeat(rounding[:, None], places, axis=1),
            errors=rounding,
            empty=outputs[:, 0],
            full=outputs[:, 1],
            evaluations=np.full(len(rows), len(present)),
            converged=np.ones(len(rows), bool),
            reasons=causes.reasons(seating.names),
        )
