"""What a coalition method finds out against one baseline, and the average over baselines."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np

from tfx_explain.attribution.blocks import each_block
from tfx_explain.attribution.coalitions import CoalitionGame
from tfx_explain.attribution.problem import Problem
from tfx_explain.attribution.randomness import random_orders
from tfx_explain.attribution.result import Attributions, assemble

# Differences below this share of the outputs are float32 rounding, which no sampling removes.
ROUNDING = 1e-6
# What the outputs of a block of rows may take, in bytes.
_OUTPUT_BYTES = 2**25
# Rows estimated together, so that two blocks can overlap.
_BLOCK_ROWS = 128


@dataclasses.dataclass(frozen=True)
class Estimates:
    """Attributions of some rows against one baseline."""

    values: np.ndarray  # [rows, features]
    standard_errors: np.ndarray  # [rows, features]
    empty: np.ndarray  # [rows] output with every feature absent
    full: np.ndarray  # [rows] output with every feature present
    evaluations: np.ndarray  # [rows] int64
    converged: np.ndarray  # [rows] bool
    reasons: np.ndarray  # [rows] str, '' or why the row failed

    @classmethod
    def of_no_rows(cls, features: int) -> Estimates:
        """Returns what is known where no row can be explained."""
        by_feature, by_row = np.zeros((0, features)), np.zeros(0)
        counts, converged, reasons = np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(0, object)
        return cls(by_feature, by_feature, by_row, by_row, counts, converged, reasons)


@dataclasses.dataclass(frozen=True)
class Seating:
    """Rows whose features take part in a game, each at a place; of the others it is known that they change nothing.

    Attributes:
        game: the game.
        rows: int `[rows]`.
        players: int `[rows, places]`, the feature at each place.
        features: names of the features.
    """

    game: CoalitionGame
    rows: np.ndarray
    players: np.ndarray
    features: tuple[str, ...]

    @property
    def places(self) -> int:
        """Number of places."""
        return self.players.shape[1]

    @property
    def names(self) -> np.ndarray:
        """The features' names at their places, `[rows, places]`."""
        return np.array(self.features, dtype=object)[self.players]

    def play(self, which: np.ndarray, present: np.ndarray) -> np.ndarray:
        """Evaluates bool `present` `[coalitions, places]` for some of the rows.

        Args:
            which: int `[which]`, positions in `rows`.
            present: the coalitions.

        Returns:
            float64 `[which, coalitions]`.
        """
        places = np.full((len(which), len(self.features)), self.places)
        np.put_along_axis(places, self.players[which], np.arange(self.places)[None], axis=1)
        return self.game(self.rows[which], present, places)

    def by_feature(self, at_places: np.ndarray) -> np.ndarray:
        """Returns `[rows, features]` of `[rows, places]`, 0 for features without a place."""
        values = np.zeros((len(self.rows), len(self.features)))
        np.put_along_axis(values, self.players, at_places, axis=1)
        return values


def joined(blocks: Sequence[Estimates]) -> Estimates:
    """Puts the rows of several estimates into one, in order."""
    names = [field.name for field in dataclasses.fields(Estimates)]
    return Estimates(**{name: np.concatenate([getattr(block, name) for block in blocks]) for name in names})


def precise(
    values: np.ndarray, standard_errors: np.ndarray, empty: np.ndarray, full: np.ndarray, tolerance: float
) -> np.ndarray:
    """Returns bool `[rows]`, whether every standard error is at most `tolerance` times the sum of absolute values."""
    allowed = tolerance * np.abs(values).sum(axis=1) + ROUNDING * (np.abs(empty) + np.abs(full))
    return standard_errors.max(axis=1, initial=0) <= allowed


def over_baselines(
    problem: Problem,
    batch_size: int,
    estimate: Callable[[Seating], Estimates],
    evaluations: Callable[[int], int],
    *,
    seats: tuple[int, np.ndarray] | None = None,
    skip_equal: bool = True,
) -> Attributions:
    """Explains every row of a problem: the average over its baselines, whose samples are independent.

    Args:
        problem: the problem.
        batch_size: rows in one call of the model.
        estimate: estimates the values of seated rows, by place.
        evaluations: from the number of places to the most evaluations of a row.
        seats: seed and uint64 `[rows]` row keys, from which each row's features are seated; None: in their order.
        skip_equal: whether a feature whose value is the baseline's has a value of 0 and takes no part.
    """
    rows = problem.sound_rows()
    estimates = []
    for baseline in range(problem.num_baselines):
        game = CoalitionGame(problem, baseline, batch_size)
        taking_part = problem.differing(baseline)[rows] | (not skip_equal)
        # In a row that is the baseline, any one feature does: it is found to change nothing.
        taking_part[~taking_part.any(axis=1), 0] = True
        found = [(np.arange(0), Estimates.of_no_rows(len(problem.features)))]
        for places in np.unique(taking_part.sum(axis=1)):
            which = np.flatnonzero(taking_part.sum(axis=1) == places)
            players = np.argsort(~taking_part[which], axis=1, kind="stable")[:, :places]
            if seats is not None:
                orders = random_orders(seats[0], seats[1][rows[which]], np.array([baseline]), int(places))[:, 0]
                players = np.take_along_axis(players, orders, axis=1)
            found.append(
                (which, _in_blocks(estimate, Seating(game, rows[which], players, problem.features), evaluations))
            )
        estimates.append(_in_order(found))
    return averaged(problem, rows, estimates)


def _in_blocks(
    estimate: Callable[[Seating], Estimates], seating: Seating, evaluations: Callable[[int], int]
) -> Estimates:
    def of_some(which: np.ndarray) -> Estimates:
        some = dataclasses.replace(seating, rows=seating.rows[which], players=seating.players[which])
        found = estimate(some)
        return dataclasses.replace(
            found,
            values=some.by_feature(found.values),
            standard_errors=some.by_feature(found.standard_errors),
        )

    block = min(_BLOCK_ROWS, _OUTPUT_BYTES // (8 * evaluations(seating.places)))
    return joined(each_block(of_some, np.arange(len(seating.rows)), block))


def _in_order(parts: Sequence[tuple[np.ndarray, Estimates]]) -> Estimates:
    """Joins estimates of the positions they come with, in the order of those."""
    order = np.argsort(np.concatenate([which for which, _ in parts]))
    whole = joined([found for _, found in parts])
    return Estimates(**{field.name: getattr(whole, field.name)[order] for field in dataclasses.fields(Estimates)})


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
