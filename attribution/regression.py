"""Values by regression on pairs of complementary coalitions, for the methods that differ only in their weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from tfx_explain.attribution.coalitions import CoalitionGame
from tfx_explain.attribution.designs import choose_pairs, solve
from tfx_explain.attribution.enumeration import attribute_exactly
from tfx_explain.attribution.estimates import MASK_BYTES, Estimates, over_baselines, precise
from tfx_explain.attribution.model import Model, Tensors
from tfx_explain.attribution.problem import Players, prepare
from tfx_explain.attribution.randomness import random_orders
from tfx_explain.attribution.randomness import row_keys as hash_rows
from tfx_explain.attribution.result import Attributions, output_reasons
from tfx_explain.attribution.weights import WEIGHTS

# More pairs make a system that takes longer to solve than the model takes to evaluate.
MOST_EVALUATIONS = 4096
# Each further round adds this share of the pairs so far.
_GROWTH = 0.5


@dataclasses.dataclass(frozen=True)
class Regression:
    """Settings of a regression.

    Attributes:
        index: whose weights: 'shapley' or 'banzhaf'.
        coalitions: evaluated per row, at most 4096; None: as many as the tolerance takes.
        tolerance: standard error that is good enough, relative to the sum of the row's absolute attributions.
        max_evaluations: most model evaluations per row where `coalitions` is None, at most 4096.
        seed: of the places that features take.
        batch_size: rows in one call of the model.

    Raises:
        ValueError: if a setting is out of range.
    """

    index: str
    coalitions: int | None
    tolerance: float
    max_evaluations: int
    seed: int
    batch_size: int

    def __post_init__(self) -> None:
        if not 1 <= self.budget <= MOST_EVALUATIONS or self.batch_size < 1 or not self.tolerance > 0:
            raise ValueError(
                f"coalitions is {self.budget} (1 to {MOST_EVALUATIONS}), batch_size {self.batch_size} (at least 1), "
                f"tolerance {self.tolerance} (above 0); put each in its range."
            )

    @property
    def budget(self) -> int:
        """The most evaluations of a row."""
        return self.max_evaluations if self.coalitions is None else self.coalitions

    def estimate(self, game: CoalitionGame, features: int, keys: np.ndarray, draw: int, rows: np.ndarray) -> Estimates:
        """Estimates the values of some rows.

        Args:
            game: the game.
            features: number of features.
            keys: uint64 row keys of all rows of the game.
            draw: which of a row's draws of places to take.
            rows: int `[rows]`, which rows of the game.

        Raises:
            ValueError: if the budget does not reach for a regression.
        """
        least = 2 * (features + 2)
        if self.budget < least:
            raise ValueError(
                f"max_evaluations is {self.budget}, too few for {features} features; give at least {least}."
            )
        signs = choose_pairs(features, self.budget // 2)
        most = len(signs)
        count = min(most, max(16, 2 * features)) if self.coalitions is None else most
        # Which of the design's features each feature is, so that rows do not share the design's error.
        places = random_orders(self.seed, keys[rows], np.array([draw]), features)[:, 0]
        outputs = np.full((2, len(rows), most), np.nan)
        values, errors = np.zeros((2, len(rows), features))
        done, working = np.zeros(len(rows), np.int64), np.arange(len(rows))
        while len(working):
            new = slice(int(done[working[0]]), count)
            outputs[:, working, new] = _play(game, rows[working], signs[new] > 0, places[working])
            solution = solve(self.index, features, count, most)
            differences = (outputs[0, working, :count] - outputs[1, working, :count]) / 2
            # Not a matrix product: how that rounds depends on the number of rows.
            placed_values = np.einsum("rp,pf->rf", differences, solution.weights)
            values[working] = np.take_along_axis(placed_values, places[working], axis=1)
            errors[working] = (solution.scales(differences) * np.sqrt(solution.variance))[:, None]
            done[working] = count
            enough = precise(values, errors, outputs[0, :, 0], outputs[1, :, 0], self.tolerance)
            going_on = ~enough & np.all(np.isfinite(values), axis=1) & (done < most)
            working = working[going_on[working]]
            count = min(most, int(np.ceil(count * (1 + _GROWTH))))
        return Estimates(
            values=values,
            standard_errors=errors,
            empty=outputs[0, :, 0],
            full=outputs[1, :, 0],
            evaluations=2 * done,
            converged=precise(values, errors, outputs[0, :, 0], outputs[1, :, 0], self.tolerance),
            reasons=output_reasons(np.all(np.isfinite(values), axis=1)),
        )


def _play(game: CoalitionGame, rows: np.ndarray, present: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Evaluates bool `present` `[pairs, features]`, and its complements, with each row's features in their places.

    Returns:
        float64 `[2, rows, pairs]`.
    """
    placed = np.swapaxes(present.T[places], 1, 2)
    both = np.stack([placed, ~placed])
    each = np.broadcast_to(rows[:, None], (2, *placed.shape[:2]))
    return game(each.reshape(-1), both.reshape(-1, present.shape[1])).reshape(both.shape[:3])


class RegressionMethod:
    """A method that is a regression with the weights of `index`; exact where 2^features evaluations fit."""

    index: ClassVar[str]

    def __init__(
        self,
        *,
        coalitions: int | None = None,
        tolerance: float = 0.01,
        max_evaluations: int = MOST_EVALUATIONS,
        seed: int = 0,
        batch_size: int = 8192,
    ) -> None:
        """Chooses accuracy and cost; where 2^features evaluations fit, the values are exact.

        Args:
            coalitions: evaluated per row and baseline, at most 4096. None: as many as the tolerance takes.
            tolerance: standard error of every feature that is good enough, relative to the sum of the row's absolute
                attributions.
            max_evaluations: most model evaluations per row and baseline where `coalitions` is None, at most 4096.
            seed: of the places that features take in the coalitions; a row's own come from the seed and its row key.
            batch_size: rows in one call of the model.

        Raises:
            ValueError: if a setting is out of range.
        """
        self._regression = Regression(self.index, coalitions, tolerance, max_evaluations, seed, batch_size)

    def attribute(
        self,
        model: Model | Callable[..., Any],
        inputs: Tensors | Any,
        baselines: Tensors | Any = 0.0,
        players: Players | None = None,
        targets: Any = None,
        row_keys: np.ndarray | None = None,
    ) -> Attributions:
        """Explains every row; arguments, result and errors are those of `SampledShapley.attribute`."""
        regression, problem = self._regression, prepare(model, inputs, baselines, players, targets)
        features = len(problem.features)
        if 2**features <= regression.budget:
            return attribute_exactly(problem, WEIGHTS[regression.index], regression.batch_size)
        keys = hash_rows(problem.inputs) if row_keys is None else np.asarray(row_keys, np.uint64)

        def estimate(game: CoalitionGame, baseline: int, rows: np.ndarray) -> Estimates:
            return regression.estimate(game, features, keys, baseline, rows)

        return over_baselines(problem, regression.batch_size, MASK_BYTES // (regression.budget * features), estimate)
