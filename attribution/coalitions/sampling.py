"""Values from pairs of complementary coalitions, evaluated in rounds until they are precise."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from tfx_explain.attribution.coalitions.causes import Causes
from tfx_explain.attribution.coalitions.kriging import Design
from tfx_explain.attribution.coalitions.rules import Rule
from tfx_explain.attribution.coalitions.seating import Seating
from tfx_explain.attribution.problem.estimates import ROUNDING, Estimates, precise
from tfx_explain.attribution.problem.promise import CONFIDENCE

# Each further round adds this share of the pairs so far.
_GROWTH = 0.3
# Who may stop after any of several rounds stops rather where errors look small by luck. That each of them promises more
# makes up for it.
_CONFIDENCE_OF_A_ROUND = 0.96


def round_sizes(first: int, most: int) -> list[int]:
    """Returns growing numbers, from `first` to `most`, after which the precision is looked at."""
    sizes = [min(first, most)]
    while sizes[-1] < most:
        sizes.append(min(most, int(np.ceil(sizes[-1] * (1 + _GROWTH)))))
    return sizes


def sample(
    seating: Seating,
    design: Design,
    rounds: Sequence[int],
    rule: Callable[[int], Rule],
    tolerance: float,
) -> Estimates:
    """Estimates values of seated rows.

    Args:
        seating: the rows.
        design: the pairs.
        rounds: growing numbers of pairs; a row is done after a round that made it precise, or the last.
        rule: the rule for a number of pairs.
        tolerance: error that is precise, relative to the sum of the row's absolute values.
    """
    working, places = np.arange(len(seating.rows)), seating.places
    differences = np.zeros((len(working), rounds[-1]))
    confidence = CONFIDENCE if len(rounds) == 1 else _CONFIDENCE_OF_A_ROUND
    found, causes = Estimates.unknown(len(working), places), Causes(len(working), places)
    for done, count in itertools.pairwise([0, *rounds]):
        present = np.concatenate([design.present[done:count], ~design.present[done:count]])
        outputs = seating.play(working, present)
        causes.add(working, outputs, present)
        there, back = np.split(outputs, 2, axis=1)
        differences[working, done:count] = (there - back) / 2
        if not done:
            found.empty[:], found.full[:] = there[:, 0], back[:, 0]
        ends, now = (found.empty[working], found.full[working]), rule(count)
        values, standard_errors, errors = now.judge(differences[working, :count], confidence)
        errors = np.maximum(errors, now.unreached * _heights(values, standard_errors, *ends))
        # Below the rounding of the outputs no error is known.
        errors = np.maximum(errors, 2 * seating.game.rounding * np.abs(ends).max(axis=0))
        found.values[working], found.standard_errors[working] = values, standard_errors[:, None]
        found.errors[working], found.evaluations[working] = errors, 2 * count
        found.converged[working] = precise(values, errors, *ends, tolerance)
        working = working[~found.converged[working] & np.isfinite(values).all(axis=1)]
        if not len(working):
            break
    return dataclasses.replace(found, reasons=causes.reasons(seating.names))


def _heights(values: np.ndarray, standard_errors: np.ndarray, empty: np.ndarray, full: np.ndarray) -> np.ndarray:
    """Returns how high leaves may be that no coalition reaches, `[rows]`; 0 of rows on which features interact.

    As high as what one feature changes in the mean, of those that change anything.
    """
    sizes = np.abs(values).sum(axis=1)
    rounding = ROUNDING * (np.abs(empty) + np.abs(full) + sizes)
    effective = (np.abs(values) > rounding[:, None]).sum(axis=1)
    flat = np.isfinite(sizes) & (standard_errors <= rounding)
    return np.where(flat, sizes / np.maximum(effective, 1), 0)
