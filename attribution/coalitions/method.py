"""What the methods that play coalitions share: their settings, and the way from a problem to attributions."""

from __future__ import annotations

import abc
import dataclasses
from typing import ClassVar

import numpy as np

from tfx_explain.attribution.coalitions.seating import Seating, over_baselines
from tfx_explain.attribution.problem.estimates import Estimates, precise
from tfx_explain.attribution.problem.method import Method
from tfx_explain.attribution.problem.problem import Problem
from tfx_explain.attribution.problem.randomness import keys_of_rows
from tfx_explain.attribution.problem.result import Attributions

# Numbers of players that rows with fewer are given.
_ROOMY = (16, 20, 24, 32, 48, 64)


class CoalitionMethod(Method):
    """Explains rows of any model by outputs with some features present and the others absent, at a baseline's values.

    A feature whose value in a row is the baseline's has an attribution of 0 there, and takes no evaluations. Tensors
    may have any dtype and may be ragged. Stated errors hold for all features of a row at once (see `problem.promise`);
    of exact values they are what rounding does. A budget too small for so many features is refused.
    """

    # Whether a feature that cannot change the output has a value of 0, and no influence on the others'.
    _dummies_are_out: ClassVar[bool] = True
    _random: ClassVar[bool] = True

    def __init__(self, *, tolerance: float = 0.01, seed: int = 0, batch_size: int = 16384) -> None:
        if batch_size < 1 or not tolerance > 0:
            raise ValueError(
                f"batch_size is {batch_size} (at least 1), tolerance {tolerance} (above 0); put each in its range."
            )
        self._tolerance, self._seed, self._batch_size = tolerance, seed, batch_size

    def _explain(self, problem: Problem, row_keys: np.ndarray | None) -> Attributions:
        self.check_budget(len(problem.features))
        seats = None
        if self._random:
            seats = self._seed, keys_of_rows(problem.inputs, row_keys)
        found = over_baselines(
            problem, self._batch_size, self._estimate, self._budget, seats=seats, skip_equal=self._dummies_are_out
        )
        if problem.num_baselines == 1:
            return found
        # What is precise against each of the baselines need not be in the mean, where attributions cancel.
        ends = found.baseline_outputs, found.instance_outputs
        converged = precise(found.values, found.approximation_errors, *ends, self._tolerance)
        return dataclasses.replace(found, converged=found.converged & converged)

    def check_budget(self, players: int) -> None:
        """Refuses a budget that is too small for so many players.

        Raises:
            ValueError: if it is; the message says how much would do.
        """
        budget, least = self._budget(players), self._least_budget(players)
        if budget < least:
            raise ValueError(f"{budget} evaluations a row are too few for {players} features; give at least {least}.")

    def roomy(self, players: int) -> int:
        """Returns how many players to give rows of so many, those beyond them changing nothing.

        They change no value, and rows of many lengths then have the same design and rules, whose making takes longer
        than a few outputs. None are added where they would matter: to the fit, or to a design that has all coalitions.
        """
        if not (self._random and self._dummies_are_out) or 2**players <= self._budget(players):
            return players
        return next((size for size in _ROOMY if size >= players), players)

    @abc.abstractmethod
    def _budget(self, places: int) -> int:
        """Returns the most evaluations of a row whose features take so many places."""

    def _least_budget(self, places: int) -> int:
        """Returns the fewest evaluations of a row with which the method works."""
        return 1

    @abc.abstractmethod
    def _estimate(self, seating: Seating) -> Estimates:
        """Estimates the values of seated rows, by place."""
