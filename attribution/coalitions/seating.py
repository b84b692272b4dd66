"""Rows seated at games, and what a coalition method estimates of them, averaged over baselines."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from tfx_explain.attribution.coalitions.game import CoalitionGame
from tfx_explain.attribution.model.blocks import each_block
from tfx_explain.attribution.problem.estimates import Estimates, averaged, joined
from tfx_explain.attribution.problem.joined import with_joins
from tfx_explain.attribution.problem.problem import Problem
from tfx_explain.attribution.problem.randomness import random_orders
from tfx_explain.attribution.problem.result import Attributions

# What the outputs of a block of rows may take, in bytes.
_OUTPUT_BYTES = 2**23
# Rows estimated together: whole vectors of them, and so many that what a block takes besides its calls hardly counts.
_BLOCK_ROWS = 576


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
    rows, played = problem.sound_rows(), with_joins(problem)
    estimates = []
    for baseline in range(problem.num_baselines):
        game = CoalitionGame(played, baseline, batch_size)
        taking_part = problem.differing(baseline)[rows] | (not skip_equal)
        # In a row that is the baseline, any one feature does: it is found to change nothing.
        taking_part[~taking_part.any(axis=1), 0] = True
        found = [(np.arange(0), Estimates.unknown(0, len(problem.features)))]
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
