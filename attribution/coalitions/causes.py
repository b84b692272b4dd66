"""Which feature makes a row's output NaN or infinite."""

from __future__ import annotations

import numpy as np

from tfx_explain.attribution.coalitions.game import CoalitionGame
from tfx_explain.attribution.problem.problem import Problem
from tfx_explain.attribution.problem.result import NOT_FINITE


class Causes:
    """Counts, of rows with outputs that are not finite, the finite and other ones with and without each feature."""

    def __init__(self, rows: int, places: int) -> None:
        self._broken = np.zeros(rows, bool)
        # By finite or not, row, absent or present, place.
        self._counts = np.zeros((2, rows, 2, places))

    def add(self, rows: np.ndarray, outputs: np.ndarray, present: np.ndarray) -> None:
        """Counts `outputs` `[rows, coalitions]` of bool `present` `[coalitions, places]`."""
        finite = np.isfinite(outputs)
        broken = ~finite.all(axis=1)
        if broken.any():
            self._broken[rows[broken]] = True
            members = np.stack([~present, present]).astype(np.float64)
            for number, which in enumerate((finite[broken], ~finite[broken])):
                self._counts[number, rows[broken]] += np.einsum("rc,scp->rsp", which.astype(np.float64), members)

    def reasons(self, features: np.ndarray) -> np.ndarray:
        """Returns str `[rows]`, '' or why the row failed; `features` `[rows, places]` are the features' names.

        A feature is the cause where every output that is not finite has it present, or absent; among several, the one
        in whose way the fewest finite outputs have it too.
        """
        reasons = np.where(self._broken, NOT_FINITE, "").astype(object)
        for row in np.flatnonzero(self._broken):
            finite, broken = self._counts[:, row]
            suspects = broken == broken.sum(axis=0)
            if suspects.any():
                state, place = np.unravel_index(np.where(suspects, finite, np.inf).argmin(), suspects.shape)
                reasons[row] += f" where feature {features[row, place]!r} is {('absent', 'present')[state]}"
        return reasons


def blame(problem: Problem, rows: np.ndarray, batch_size: int) -> np.ndarray:
    """Returns str `[rows]`, why rows whose output is not finite failed, by changing one feature at a time."""
    count = len(problem.features)
    alone = np.eye(count, dtype=bool)
    present = np.concatenate([np.zeros((1, count), bool), np.ones((1, count), bool), alone, ~alone])
    places = np.broadcast_to(np.arange(count), (len(rows), count))
    causes = Causes(len(rows), count)
    outputs = CoalitionGame(problem, 0, batch_size)(rows, present, places)
    causes.add(np.arange(len(rows)), outputs, present)
    reasons = causes.reasons(np.array(problem.features, dtype=object)[places])
    reasons = np.where(reasons == "", NOT_FINITE + " on the way from the baseline", reasons)
    # The first coalition is the baseline, the second the row.
    for end, then in enumerate(("baseline; give another", "row; mend it or the model")):
        reasons[~np.isfinite(outputs[:, end])] += f", at the {then}"
    return reasons
