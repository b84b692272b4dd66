"""What a coalition method finds out against one baseline, and the average over baselines."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np

from tfx_explain.attribution.blocks import each_block
from tfx_explain.attribution.coalitions import CoalitionGame
from tfx_explain.attribution.problem import Problem
from tfx_explain.attribution.result import Attributions, assemble

# Differences below this share of the outputs are float32 rounding, which no sampling removes.
ROUNDING = 1e-6
# What the coalitions of a block of rows may take, in bytes.
MASK_BYTES = 2**25


@dataclasses.dataclass(frozen=True)
class Estimates:
    """Attributions of some rows against one baseline."""

    values: np.ndarray  # [rows, features]
    standard_errors: np.ndarray  # [rows, features], 0 where exact
    empty: np.ndarray  # [rows] output with every feature absent
    full: np.ndarray  # [rows] output with every feature present
    evaluations: np.ndarray  # [rows] int64
    converged: np.ndarray  # [rows] bool
    reasons: np.ndarray  # [rows] str, '' or why the row failed


def joined(blocks: Sequence[Estimates]) -> Estimates:
    """Puts the rows of several estimates into one, in order."""
    names = [field.name for field in dataclasses.fields(Estimates)]
    return Estimates(**{name: np.concatenate([getattr(block, name) for block in blocks]) for name in names})


def precise(
    values: np.ndarray, standard_errors: np.ndarray, empty: np.ndarray, full: np.ndarray, tolerance: float
) -> np.ndarray:
    """Returns bool `[rows]`, whether every standard error is at most `tolerance` times the sum of absolute values."""
    allowed = tolerance * np.abs(values).sum(axis=1) + ROUNDING * (np.abs(empty) + np.abs(full))
    return standard_errors.max(axis=1) <= allowed


def over_baselines(
    problem: Problem,
    batch_size: int,
    block: int,
    estimate: Callable[[CoalitionGame, int, np.ndarray], Estimates],
) -> Attributions:
    """Explains every row of a problem: the average over its baselines, whose samples are independent.

    Args:
        problem: the problem.
        batch_size: rows in one call of the model.
        block: rows to estimate together.
        estimate: from the game against a baseline, the baseline's index and rows `[rows]` to estimates.
    """
    rows = problem.sound_rows()
    estimates = []
    for baseline in range(problem.num_baselines):
        game = CoalitionGame(problem, baseline, batch_size)
        estimates.append(joined(each_block(functools.partial(estimate, game, baseline), rows, block)))
    return averaged(problem, rows, estimates)


def averaged(problem: Problem, rows: np.ndarray, estimates: Sequence[Estimates]) -> Attributions:
    """Averages estimates of the same rows from independent samples into the attributions of the whole problem."""
    standard_errors = np.sqrt(sum(one.standard_errors**2 for one in estimates)) / len(estimates)
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
        approximation_errors=standard_errors.max(axis=1),
        standard_errors=standard_errors,
        evaluations=np.sum([one.evaluations for one in estimates], axis=0),
        converged=np.all([one.converged for one in estimates], axis=0),
        reasons=reasons,
    )
