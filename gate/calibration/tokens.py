"""Bounds of how the tokens of texts and lists rank, from pairs of sound models.

On the whole alone: a slice has too few sightings of most tokens. How well two rankings agree is bounded as the ranking
of features is. How many tokens enter the most important ones is a count. Of a Poisson variable whose mean nobody knows
(a gamma distribution after Jeffreys' prior), the next count is from a negative binomial distribution, the end of which
is the bound (Hahn and Meeker, "Statistical Intervals", 1991, chapter 7). Where counts vary by more than a Poisson
variable does, its distance from their mean is stretched by how many times as much.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from tfx_explain.gate.calibration import bounds as rule
from tfx_explain.gate.calibration.runs import Comparison
from tfx_explain.gate.calibration.suggestion import ABSOLUTE, Bound, Observed
from tfx_explain.gate.usual import LINEAR, LOG_OF_REST, Usual, t_quantile
from tfx_explain.metrics.tokens import TokenNDCG, TokensEntering, entering_tokens, token_ndcg

_TOP = 20


@dataclass(frozen=True)
class TokenChanges:
    """How the tokens of features changed from one sound model to another.

    Attributes:
      features: Those of which every comparison has tokens that were seen often enough.
      ndcg: How well rankings agree, float64 `[comparisons, features]`.
      entering: How many of the most important tokens were not among them before, float64 `[comparisons, features]`.
    """

    features: tuple[str, ...]
    ndcg: np.ndarray
    entering: np.ndarray

    @property
    def how_many(self) -> int:
        """Among how many bounds the rate of false alarms is shared."""
        return 2 * len(self.features)


def token_changes(comparisons: Sequence[Comparison]) -> TokenChanges:
    """Returns what comparisons say of tokens; of no feature where there are fewer than two."""
    ndcg: dict[str, list[float]] = {}
    entering: dict[str, list[int]] = {}
    for one in comparisons:
        for name, (new, old) in one.tokens.items():
            ndcg.setdefault(name, []).append(token_ndcg(new, old))
            entering.setdefault(name, []).append(len(entering_tokens(list(new), list(old), _TOP)))
    known = [name for name, values in ndcg.items() if np.isfinite(values).sum() == len(comparisons) > 1]
    shape = (len(known), len(comparisons))
    values = (np.array([of[name] for name in known], np.float64).reshape(shape).T for of in (ndcg, entering))
    return TokenChanges(tuple(known), *values)


def bounds_of_tokens(found: TokenChanges, rate: float, class_name: str) -> Iterator[Bound]:
    """Yields the bounds that something could break.

    Args:
      found: The changes.
      rate: Of false alarms of each bound in one run.
      class_name: The class.
    """
    if not found.features:
        return
    agreement, least = rule.least_agreement(found.ndcg, rate)
    most, t = _most_entering(found.entering, rate), t_quantile(len(found.entering), rate)
    for index, name in enumerate(found.features):
        if not math.isnan(least[index]):
            metric = str(TokenNDCG(name, class_name=class_name).name)
            usual = Usual(LOG_OF_REST, agreement.centre[index], agreement.of_next[index], len(found.ndcg))
            value = 1 - float(f"{1.01 * (1 - least[index]):.3g}")
            observed = _observed(found.ndcg[:, index])
            yield Bound(TokenNDCG.__name__, metric, name, (), ABSOLUTE, value, True, usual, observed)
        if most[index] < _TOP:
            metric = str(TokensEntering(name, _TOP, class_name=class_name).name)
            usual = Usual(LINEAR, 0.0, most[index] / t, len(found.entering))
            observed = _observed(found.entering[:, index])
            yield Bound(TokensEntering.__name__, metric, name, (), ABSOLUTE, most[index], False, usual, observed)


def _most_entering(counts: np.ndarray, rate: float) -> np.ndarray:
    """Returns the most that the next counts may be, float64 `[features]`, of counts `[comparisons, features]`."""
    runs, total = len(counts), counts.sum(axis=0)
    most = stats.nbinom.ppf(1 - rate, total + 0.5, runs / (runs + 1))
    mean = total / runs
    dispersion = np.maximum(1.0, counts.var(axis=0, ddof=1) / np.maximum(mean, 1 / runs))
    return np.ceil(mean + dispersion * (most - mean))


def _observed(values: np.ndarray) -> Observed:
    return Observed(values.mean(), values.min(), values.max())
