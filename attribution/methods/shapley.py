"""Shapley values: Shapley, "A Value for n-Person Games", 1953; sampled along orders as in Castro, Gomez, Tejada,
"Polynomial calculation of the Shapley value based on sampling", 2009, with each order followed by its reverse (Mitchell
et al., "Sampling Permutations for Shapley Value Estimation", JMLR 2022).

The attribution of a feature is the mean, over all orders in which features can become present, of the output's change
when that feature does. Over all 2^features coalitions it is exact. Of sampled orders the mean of changes is unbiased,
but so are other sums of the same outputs; the one of least variance is taken (see `kriging`).
"""

from __future__ import annotations

import functools

import numpy as np

from tfx_explain.attribution.coalitions.designs import choose_orders
from tfx_explain.attribution.coalitions.enumeration import enumerate_coalitions
from tfx_explain.attribution.coalitions.method import CoalitionMethod
from tfx_explain.attribution.coalitions.rules import unbiased
from tfx_explain.attribution.coalitions.sampling import round_sizes, sample
from tfx_explain.attribution.coalitions.seating import Seating
from tfx_explain.attribution.coalitions.weights import shapley_weights
from tfx_explain.attribution.problem.estimates import Estimates

# Orders, each with its reverse, before the first look at the standard error: of fewer, agreement by luck is too likely.
_FIRST_ORDERS = 8


class SampledShapley(CoalitionMethod):
    """Shapley values of any model: exact where 2^features evaluations fit the budget, else sampled until precise.

    Sampled values are unbiased for any function. With a probability of 95% a row, every feature's error is at most the
    stated one (see `rules`), which hardly depends on what is assumed of the function's interactions.
    """

    def __init__(
        self,
        *,
        paths: int | None = None,
        tolerance: float = 0.01,
        max_evaluations: int = 4096,
        seed: int = 0,
        batch_size: int = 16384,
    ) -> None:
        """Chooses accuracy and cost.

        Args:
            paths: orders per row and baseline, rounded up to an even number of at least 4 because they come in pairs
                and one pair has no standard error; coalitions that several orders pass through are evaluated once, and
                where as many evaluations enumerate all coalitions, that is done instead. None: as many as the tolerance
                takes.
            tolerance: stated error that is good enough, relative to the sum of the row's absolute attributions.
            max_evaluations: most model evaluations per row and baseline where `paths` is None.
            seed: of the orders; a row's own orders come from the seed and its row key.
            batch_size: rows in one call of the model.

        Raises:
            ValueError: if a setting is out of range.
        """
        super().__init__(tolerance=tolerance, seed=seed, batch_size=batch_size)
        if max_evaluations < 1 or (paths is not None and paths < 1):
            raise ValueError(
                f"paths is {paths} (at least 1, or None to meet the tolerance), max_evaluations {max_evaluations} "
                "(at least 1); put each in its range."
            )
        self._orders = None if paths is None else max(2, -(-paths // 2))
        self._max_evaluations = max_evaluations

    def _budget(self, places: int) -> int:
        return self._max_evaluations if self._orders is None else 2 * self._orders * (places - 1) + 2

    def _least_budget(self, places: int) -> int:
        return min(4 * (places - 1) + 2, 2**places)

    def _estimate(self, seating: Seating) -> Estimates:
        budget = self._budget(seating.places)
        if 2**seating.places <= budget:
            return enumerate_coalitions(seating, shapley_weights)
        design = choose_orders(seating.places, self._orders or budget, budget // 2)
        # Where each order's pairs end.
        ends = np.cumsum(np.bincount(design.groups + 1))[1:]
        first = len(ends) if self._orders else _FIRST_ORDERS
        rounds = [int(ends[number - 1]) for number in round_sizes(min(first, len(ends)), len(ends))]
        return sample(seating, design, rounds, functools.partial(unbiased, design), self._tolerance)
