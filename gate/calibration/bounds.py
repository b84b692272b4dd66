"""The bounds of shares and of comparisons, as arrays; NaN where there is none."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfx_explain.gate.calibration import rules
from tfx_explain.gate.calibration.rules import Spread
from tfx_explain.gate.usual import t_quantile
from tfx_explain.metrics.drift import LEAST_SHARE


@dataclasses.dataclass(frozen=True)
class ShareBounds:
    """What the next model's shares, and their changes, stay within; float64 `[quantities]`, NaN where nothing is bound.

    No bound is set that nothing could break: below 0, or where a share of 1 is within it.

    Attributes:
      spread: Of the shares' cube roots.
      lower: The least share.
      upper: The largest share.
      rise: The largest rise over the baseline model's.
      rest: The least part of the baseline model's share that is left; NaN also where that is below `LEAST_SHARE`, of
        which `ShareKept` does not ask.
    """

    spread: Spread
    lower: np.ndarray
    upper: np.ndarray
    rise: np.ndarray
    rest: np.ndarray


def how_many(shares: np.ndarray) -> int:
    """Returns among how many bounds the rate of false alarms is shared, for shares float64 `[runs, quantities]`."""
    return int(3 * shares.shape[1] + _asked(shares).sum())


def share_bounds(shares: np.ndarray, rate: float, rows: np.ndarray | float = 0.0) -> ShareBounds:
    """Returns the bounds of shares.

    Args:
      shares: float64 `[runs, quantities]`; two runs at least.
      rate: Of false alarms of each bound in one run.
      rows: The variance of a cube root that comes from which rows are explained, float64 `[quantities]`, where all runs
        explained the same rows, so that it is not in `shares`; else 0. Candidate and baseline model are explained on
        the same rows in any case.
    """
    roots, t = np.cbrt(shares), t_quantile(len(shares), rate)
    between, next_one = rules.spread(roots), rules.spread(roots, rows)
    lower, upper = ((next_one.centre + sign * t * next_one.of_next) for sign in (-1, 1))
    difference = t * between.of_difference
    rise = rules.difference_of_cubes(between.centre, difference)
    rest = rules.quotient_of_cubes(between.centre, difference)
    return ShareBounds(
        spread=next_one,
        lower=np.where(lower > 0, lower**3, np.nan),
        upper=np.where(upper < 1, upper**3, np.nan),
        rise=np.where(shares.mean(axis=0) + rise < 1, rise, np.nan),
        rest=np.where(_asked(shares) & (rest > 0), rest, np.nan),
    )


def least_agreement(values: np.ndarray, rate: float) -> tuple[Spread, np.ndarray]:
    """Returns how the logarithms of what is left of 1 vary, and the least that the next comparison may be.

    Args:
      values: float64 `[comparisons, quantities]`, at most 1; two comparisons at least. Where one's candidate is the
        next one's baseline model they depend on each other, which makes the spread of few a little too small.
      rate: Of false alarms of each bound in one run.

    Returns:
      The spread, and the bounds, float64 `[quantities]`; NaN below 0, where no comparison says anything.
    """
    found = rules.spread(rules.log_rest(values))
    bound = 1 - np.exp(found.centre + t_quantile(len(values), rate) * found.of_next)
    return found, np.where(bound > 0, bound, np.nan)


def _asked(shares: np.ndarray) -> np.ndarray:
    return shares.min(axis=0) >= LEAST_SHARE
