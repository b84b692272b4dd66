"""Values by regression on pairs of complementary coalitions, for the methods that differ only in their weights."""

from __future__ import annotations

import functools
from typing import ClassVar

from tfx_explain.attribution.coalitions.designs import choose_pairs
from tfx_explain.attribution.coalitions.enumeration import enumerate_coalitions
from tfx_explain.attribution.coalitions.method import CoalitionMethod
from tfx_explain.attribution.coalitions.rules import least_variance
from tfx_explain.attribution.coalitions.sampling import round_sizes, sample
from tfx_explain.attribution.coalitions.seating import Seating
from tfx_explain.attribution.coalitions.weights import WEIGHTS
from tfx_explain.attribution.problem.estimates import Estimates

# More pairs make a system that takes longer to solve than the model takes to evaluate.
_MOST_EVALUATIONS = 4096
# Pairs before the first look at the standard error, also in terms of places.
_FIRST_PAIRS, _FIRST_BY_PLACE = 16, 2


class RegressionMethod(CoalitionMethod):
    """A method that is a regression with the weights of `index`; exact where 2^features evaluations fit."""

    index: ClassVar[str]

    def __init__(
        self,
        *,
        coalitions: int | None = None,
        tolerance: float = 0.01,
        max_evaluations: int = _MOST_EVALUATIONS,
        seed: int = 0,
        batch_size: int = 16384,
    ) -> None:
        """Chooses accuracy and cost; where 2^features evaluations fit, the values are exact.

        Args:
            coalitions: evaluated per row and baseline, at most 4096. None: as many as the tolerance takes.
            tolerance: stated error that is good enough, relative to the sum of the row's absolute attributions.
            max_evaluations: most model evaluations per row and baseline where `coalitions` is None, at most 4096.
            seed: of the places that features take in the coalitions; a row's own come from the seed and its row key.
            batch_size: rows in one call of the model.

        Raises:
            ValueError: if a setting is out of range.
        """
        super().__init__(tolerance=tolerance, seed=seed, batch_size=batch_size)
        self._adaptive, self._evaluations = coalitions is None, max_evaluations if coalitions is None else coalitions
        if not 1 <= self._evaluations <= _MOST_EVALUATIONS:
            name = "max_evaluations" if coalitions is None else "coalitions"
            raise ValueError(f"{name} is {self._evaluations}; give 1 to {_MOST_EVALUATIONS}.")

    def _budget(self, places: int) -> int:
        return self._evaluations

    def _least_budget(self, places: int) -> int:
        return min(2 * (places + 2), 2**places)

    def _estimate(self, seating: Seating) -> Estimates:
        if 2**seating.places <= self._evaluations:
            return enumerate_coalitions(seating, WEIGHTS[self.index])
        design = choose_pairs(seating.places, self._evaluations // 2)
        most = len(design.signs)
        first = max(_FIRST_PAIRS, _FIRST_BY_PLACE * seating.places) if self._adaptive else most
        rule = functools.partial(least_variance, self.index, not self._adaptive, design)
        return sample(seating, design, round_sizes(first, most), rule, self._tolerance)
