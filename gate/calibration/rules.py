"""The rules by which bounds are set, as functions of arrays.

A bound is the end of a one-sided prediction interval for one future observation from a normal distribution with unknown
mean and variance (Hahn and Meeker, "Statistical Intervals", 1991, section 4.8): of n runs with mean m and standard
deviation s, the next one is above m + t s sqrt(1 + 1/n) with probability a, t being the 1 - a quantile of Student's t
distribution. The less history there is, the wider it gets.

Scale. A share is a mean of absolute values divided by a sum of such. Its cube root is nearly normal, as that of a sum
of positive parts is (Wilson and Hilferty, 1931), and shares of any size spread alike on that scale. Of a comparison of
two models, which is 1 where they agree, the logarithm of what is left of 1 is taken.

Spread. n runs say little of a standard deviation: of three, it is wrong by a factor of two and more. What all features
and slices have in common helps: their mean variance counts as much as `PRIOR` degrees of freedom, beside the n - 1 of a
quantity's own, and t has n - 1 + `PRIOR`, at most `MOST_DEGREES`, since retrainings have heavier tails than the normal
distribution. That is the moderated t of Smyth, "Linear models and empirical Bayes
methods", 2004, but with a fixed prior: one that is estimated from few runs is too sure of itself. It says that spreads
of features are within a factor of about three of each other, which they are on this scale.

Changes. A candidate and its baseline model are two retrainings: the difference of their cube roots is expected to be 0,
with twice the variance of one. A threshold bounds the difference d or the quotient q of the shares themselves. Where
the two roots are m + e/2 and m - e/2, d = (m + e/2)^3 - (m - e/2)^3 = 3 m^2 e + e^3/4, and
q = ((m - e/2) / (m + e/2))^3.

Rate. That of a whole config is divided by the number of its bounds and by the runs that it is promised for
(Bonferroni): this holds however bounds depend on each other, slices on the whole and one run on the next.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy import special

from tfx_explain.gate.usual import MOST_DEGREES, PRIOR, t_quantile

ENOUGH = 1.5
"""How much wider than after an endless history bounds may be for the history to be called long enough."""

_LEAST_REST = 1e-12


@dataclasses.dataclass(frozen=True)
class Spread:
    """How some quantities vary between runs, on their scale.

    Attributes:
      centre: Their means, float64 `[quantities]`.
      deviation: Their standard deviations between runs, float64 `[quantities]`.
      runs: How many runs this is from.
    """

    centre: np.ndarray
    deviation: np.ndarray
    runs: int

    @property
    def of_next(self) -> np.ndarray:
        """The standard deviation of the next run around the centre, float64 `[quantities]`."""
        return self.deviation * math.sqrt(1 + 1 / self.runs)

    @property
    def of_difference(self) -> np.ndarray:
        """The standard deviation of the difference of two runs, float64 `[quantities]`."""
        return self.deviation * math.sqrt(2)


def spread(values: np.ndarray, more: np.ndarray | float = 0.0) -> Spread:
    """Returns how quantities vary.

    Args:
      values: float64 `[runs, quantities]`; two runs at least, and any number of quantities, none among them.
      more: Variance that the runs don't show, float64 `[quantities]`.
    """
    runs, variance = len(values), values.var(axis=0, ddof=1)
    common = variance.sum() / max(1, variance.size)
    moderated = (PRIOR * common + (runs - 1) * variance) / (PRIOR + runs - 1)
    return Spread(values.mean(axis=0), np.sqrt(moderated + more), runs)


def difference_of_cubes(middle: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """Returns the difference of two shares from the middle and the difference of their cube roots."""
    return 3 * middle**2 * difference + difference**3 / 4


def quotient_of_cubes(middle: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """Returns the smaller of two shares by the larger one, from the middle and the difference of their cube roots."""
    return (np.maximum(middle - difference / 2, 0) / (middle + difference / 2)) ** 3


def log_rest(values: np.ndarray) -> np.ndarray:
    """Returns the logarithm of what is left of 1."""
    return np.log(np.maximum(1 - values, _LEAST_REST))


def width(runs: int, rate: float) -> float:
    """Returns how many times as wide a bound is as after an endless history.

    Args:
      runs: How many runs there are.
      rate: Of false alarms of this bound in one run.
    """
    return t_quantile(runs, rate) * math.sqrt(1 + 1 / runs) / float(-special.stdtrit(MOST_DEGREES, rate))


def runs_needed(rate: float) -> int:
    """Returns from how many runs on a bound is no more than `ENOUGH` times as wide as after an endless history."""
    runs = 2
    while width(runs, rate) > ENOUGH:
        runs += 1
    return runs
