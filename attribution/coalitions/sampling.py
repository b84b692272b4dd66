"""Values from pairs of complementary coalitions, evaluated in rounds until they are precise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tfx_explain.attribution.coalitions.causes import Causes
from tfx_explain.attribution.coalitions.kriging import Design
from tfx_explain.attribution.coalitions.rules import Rule
from tfx_explain.attribution.coalitions.seating import Seating
from tfx_explain.attribution.problem.estimates import Estimates, precise

# Each further round adds this share of the pairs so far.
_GROWTH = 0.3


def round_sizes(first: int, most: int) -> list[int]:
    """Returns growing numbers, from `first` to `most`, after which the precision is looked at."""
    sizes = [min(first, most)]
    while sizes[-1] < most:
        sizes.append(min(most, int(np.ceil(sizes[-1] * (1 + _GROWTH)))))
    return sizes


def sample(
    seating: Seating, design: Design, rounds: Sequence[int], rule: Callable[[int], Rule], tolerance: float
) -> Estimates:
    """Estimates values of seated rows.

    Args:
        seating: the rows.
        design: the pairs.
        rounds: growing numbers of pairs; a row is done after a round that made it precise, or the last.
        rule: the rule for a number of pairs.
        tolerance: error that is precise, relative to the sum of the row's absolute values.
    """
    rows, working, done = len(seating.rows), np.arange(len(seating.rows)), 0
    differences = np.zeros((rows, rounds[-1]))
    ends = np.zeros((2, rows))
    values, standard_errors, errors = np.zeros((rows, seating.places)), np.zeros((rows, 1)), np.zeros(rows)
    evaluations, converged = np.zeros(rows, np.int64), np.zeros(rows, bool)
    causes = Causes(rows, seating.places)
    for count in rounds:
        present = np.concatenate([design.present[done:count], ~design.present[done:count]])
        outputs = seating.play(working, present)
        causes.add(working, outputs, present)
        if not done:
            ends = outputs[:, [0, count]].T
        there, back = np.split(outputs, 2, axis=1)
        differences[working, done:count] = (there - back) / 2
        so_far, weigh = differences[working, :count], rule(count)
        values[working] = weigh.values(so_far)
        standard_errors[working, 0] = weigh.standard_errors(so_far)
        # Below the rounding of the outputs no error is known.
        rounding = 2 * seating.game.rounding * np.abs(ends[:, working]).max(axis=0)
        errors[working] = np.maximum(weigh.factor * standard_errors[working, 0], rounding)
        evaluations[working] = 2 * count
        empty, full = ends[:, working]
        converged[working] = precise(values[working], errors[working], empty, full, tolerance)
        working = working[~converged[working] & np.isfinite(values[working]).all(axis=1)]
        done = count
        if not len(working):
            break
    return Estimates(
        values=values,
        standard_errors=np.broadcast_to(standard_errors, values.shape),
        errors=errors,
        empty=ends[0],
        full=ends[1],
        evaluations=evaluations,
        converged=converged,
        reasons=causes.reasons(seating.names),
    )
