"""What a method finds out against one baseline, and the average over baselines."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from tfx_explain.attribution.problem.problem import Problem
from tfx_explain.attribution.problem.promise import simultaneous
from tfx_explain.attribution.problem.result import Attributions, assemble

# Of the attributions' size, by the square of their number, what draws that are all alike may miss: of noisy copies of
# rows of small ReLU networks that all lie in one linear piece, nine in ten were within that.
_UNSEEN = 0.8
# Differences below this share of the outputs are float32 rounding, which no sampling removes.
ROUNDING = 1e-6


@dataclasses.dataclass(frozen=True)
class Estimates:
    """Attributions of some rows against one baseline."""

    values: np.ndarray  # [rows, features]
    standard_errors: np.ndarray  # [rows, features]
    errors: np.ndarray  # [rows], the stated ones: see `promise`
    empty: np.ndarray  # [rows] output with every feature absent
    full: np.ndarray  # [rows] output with every feature present
    evaluations: np.ndarray  # [rows] int64
    converged: np.ndarray  # [rows] bool
    reasons: np.ndarray  # [rows] str, '' or why the row failed

    @classmethod
    def unknown(cls, rows: int, features: int) -> Estimates:
        """Returns zeros for so many rows, to be written over by what is found of them."""
        return cls(
            values=np.zeros((rows, features)),
            standard_errors=np.zeros((rows, features)),
            errors=np.zeros(rows),
            empty=np.zeros(rows),
            full=np.zeros(rows),
            evaluations=np.zeros(rows, np.int64),
            converged=np.zeros(rows, bool),
            reasons=np.full(rows, "", object),
        )

    @classmethod
    def drawn(
        cls,
        values: np.ndarray,
        standard_errors: np.ndarray,
        ends: tuple[np.ndarray, np.ndarray],
        *,
        draws: float,
        degrees: int,
        evaluations: np.ndarray,
        reasons: np.ndarray,
        tolerance: float,
        besides: np.ndarray | float = 0.0,
        missed: np.ndarray | float = 0.0,
    ) -> Estimates:
        """Returns estimates from random draws, and states their errors, which are Student's for all features at once.

        Args:
            values: `[rows, features]`.
            standard_errors: `[rows, features]`.
            ends: `empty` and `full`.
            draws: their number; infinite where there is no chance in them.
            degrees: of freedom of each standard error, at least 1.
            evaluations: `[rows]`.
            reasons: `[rows]`.
            tolerance: see `precise`.
            besides: `[rows]`, errors that draws have nothing to do with.
            missed: `[rows]`, what is known otherwise to be missing, though draws need not show it.
        """
        largest = standard_errors.max(axis=1, initial=0)
        of_draws = simultaneous(values.shape[1], degrees) * largest
        of_draws = np.maximum(of_draws, _UNSEEN / draws**2 * np.abs(values).sum(axis=1))
        # Below the rounding of the outputs no error is known.
        errors = np.maximum(np.maximum(np.hypot(of_draws, besides), missed), ROUNDING * np.abs(ends).max(axis=0))
        converged = precise(values, errors, *ends, tolerance)
        return cls(values, standard_errors, errors, *ends, evaluations, converged, reasons)


def joined(blocks: Sequence[Estimates]) -> Estimates:
    """Puts the rows of several estimates into one, in order."""
    names = [field.name for field in dataclasses.fields(Estimates)]
    return Estimates(**{name: np.concatenate([getattr(block, name) for block in blocks]) for name in names})


def precise(
    values: np.ndarray, errors: np.ndarray, empty: np.ndarray, full: np.ndarray, tolerance: float
) -> np.ndarray:
    """Returns bool `[rows]`, whether the stated error is at most `tolerance` times the sum of absolute values."""
    return errors <= tolerance * np.abs(values).sum(axis=1) + ROUNDING * (np.abs(empty) + np.abs(full))


def averaged(problem: Problem, rows: np.ndarray, estimates: Sequence[Estimates]) -> Attributions:
    """Averages estimates of the same rows from independent samples into the attributions of the whole problem."""
    standard_errors = np.sqrt(sum(one.standard_errors**2 for one in estimates)) / len(estimates)
    errors = np.sqrt(sum(one.errors**2 for one in estimates)) / len(estimates)
    reasons = functools.reduce(
        lambda first, then: np.where(first == "", then, first), (one.reasons for one in estimates)
    )
    return assemble(
        problem.features,
        problem.failures,
        rows,
        values=np.mean([one.values for one in estimates], axis=0),
        baseline_outputs=np.mean([one.empty for one in estimates], axis=0),
        instance_outputs=np.mean([one.full for one in estimates], axis=0),
        approximation_errors=errors,
        standard_errors=standard_errors,
        evaluations=np.sum([one.evaluations for one in estimates], axis=0),
        converged=np.all([one.converged for one in estimates], axis=0),
        reasons=reasons,
    )
