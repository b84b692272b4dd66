"""What makes values of the outputs of a design's pairs, and says how far off they are, row by row.

Three things together say it. By how much a row's values change where some of its pairs are left out tells how strong
its interactions are. How such changes compare with errors depends on how fast interactions fall with the number of
their features; the assumption is therefore made with several strengths (see `kriging`), and each counts by how likely
it makes the row's outputs. And as features are seated at random, the errors at all places are alike.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import threading

import numpy as np

from tfx_explain.attribution.coalitions import kriging
from tfx_explain.attribution.coalitions.kriging import Design
from tfx_explain.attribution.model.blocks import row_products
from tfx_explain.attribution.problem.promise import simultaneous
from tfx_explain.attribution.problem.randomness import random_orders

# Strengths, at most this share of the features, and how likely each is before anything is known of a row.
_STRENGTHS = {0.5: 1.0, 1.5: 1.0, 3.0: 1.0, 6.0: 0.6, 12.0: 0.25}
_MOST_BY_PLACE = 0.95
# Functions have more interactions of many features than one strength says: this share is of a strength as many times.
_ROUGH_SHARE, _ROUGHER = 0.15, 3.0
# Pairs whose outputs are held against the strengths: more take time, and a few hundred tell them apart. The first pair
# is not one of them: near nobody a function may be another than elsewhere, as one with kinks at zero is.
_JUDGED = 300
# Groups of pairs that are left out, one after the other.
_GROUPS = 10
# Degrees of freedom of the standard errors: of what the groups leave, and of each that single features leave.
_DEGREES, _DEGREES_LEFT = 8.0, 4.0


@dataclasses.dataclass(frozen=True)
class Rule:
    """Makes values and standard errors of half differences of pairs, float64 `[rows, pairs]`."""

    weights: np.ndarray  # [pairs, places]
    changes: np.ndarray  # [pairs, groups * places], of the weights where one of the groups is left out
    precisions: np.ndarray  # [judged, strengths * judged], inverse covariances, single features' effects taken out
    logs: np.ndarray  # [strengths], logarithms of how likely each is, but for the outputs
    ratios: np.ndarray  # [strengths], of an error's variance and a change's
    factor: float  # how many standard errors are stated

    def values(self, differences: np.ndarray) -> np.ndarray:
        """Returns `[rows, places]`."""
        return row_products(differences, self.weights)

    def standard_errors(self, differences: np.ndarray) -> np.ndarray:
        """Returns `[rows]`, the same at every place."""
        changes = row_products(differences, self.changes)
        variances = (changes**2).sum(axis=1) / changes.shape[1]
        return np.sqrt(variances * (self._chances(differences) * self.ratios).sum(axis=1))

    def _chances(self, differences: np.ndarray) -> np.ndarray:
        """Returns how likely the strengths are, `[rows, strengths]`, when nothing is known of a row's scale."""
        judged = len(self.precisions)
        differences = differences[:, 1 : 1 + judged]
        errors = row_products(differences, self.precisions).reshape(len(differences), -1, judged)
        squares = (errors * differences[:, None]).sum(axis=2)
        degrees = judged - self.weights.shape[1]
        logs = self.logs - degrees / 2 * np.log(np.maximum(squares, np.finfo(np.float64).tiny))
        chances = np.exp(logs - logs.max(axis=1, keepdims=True))
        return chances / chances.sum(axis=1, keepdims=True)


# Blocks of rows need the same rule at the same time: the first makes it, the others wait.
_turn = functools.cache(threading.Lock)
# A forked process has none of the threads that might hold it.
os.register_at_fork(after_in_child=_turn.cache_clear)


def least_variance(index: str, design: Design, pairs: int) -> Rule:
    """Returns the rule of `kriging.least_variance` for the first `pairs` pairs of a design."""
    with _turn():
        return _least_variance(index, design, pairs)


def unbiased(design: Design, pairs: int) -> Rule:
    """Returns the rule of `kriging.unbiased` for the first `pairs` pairs of a design."""
    with _turn():
        return _unbiased(design, pairs)


@functools.lru_cache(maxsize=32)
def _least_variance(index: str, design: Design, pairs: int) -> Rule:
    signs = design.signs[:pairs]
    return _rule(index, signs, *kriging.least_variance(index, signs))


@functools.lru_cache(maxsize=32)
def _unbiased(design: Design, pairs: int) -> Rule:
    signs = design.signs[:pairs]
    return _rule("shapley", signs, *kriging.unbiased(signs))


def _rule(index: str, signs: np.ndarray, weights: np.ndarray, precision: np.ndarray) -> Rule:
    places = signs.shape[1]
    changes, judged = _changes(weights, precision), signs[1 : 1 + _JUDGED]
    differing = kriging.differing(signs, signs)
    precisions, logs, ratios = [], [], []
    for strength, chance in _STRENGTHS.items():
        prior = _prior(index, places, strength)
        covariance = prior[0][differing]
        inverse, log = _likelihood(judged, covariance[1 : 1 + _JUDGED, 1 : 1 + _JUDGED])
        precisions.append(inverse)
        logs.append(log + np.log(chance))
        ratios.append(_error_variance(signs, weights, prior, covariance) / _variance(changes, covariance))
    degrees = 1 / (1 / _DEGREES + 1 / (_DEGREES_LEFT * (len(signs) - places)))
    factor = simultaneous(places, degrees)
    return Rule(weights, changes, np.concatenate(precisions, axis=1), np.array(logs), np.array(ratios), factor)


def _prior(index: str, places: int, strength: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Returns what `kriging.prior` does for interactions of a strength and some rougher ones, of unit variance."""
    parts = [kriging.prior(index, places, min(one, _MOST_BY_PLACE * places)) for one in (strength, _ROUGHER * strength)]
    scales = np.array([1 - _ROUGH_SHARE, _ROUGH_SHARE]) / [part[0][0] for part in parts]
    between, with_values, variances = (np.tensordot(scales, np.array(some), 1) for some in zip(*parts, strict=True))
    return between, with_values, float(variances)


def _changes(weights: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Returns the changes of weights, `[pairs, groups * places]`, where one group of pairs after the other is left out.

    The pairs left leave at least half of the degrees of freedom that single features leave.
    """
    pairs, places = weights.shape
    order = 1 + random_orders(0, np.array([pairs], np.uint64), np.zeros(1, np.int64), pairs - 1)[0, 0]
    size = min(-(-len(order) // _GROUPS), max(1, (pairs - places) // 2))
    groups = [order[start : start + size] for start in range(0, min(len(order), _GROUPS * size), size)]
    # Pinning the weights of the group to 0 in the system that has been solved already.
    return np.concatenate(
        [
            precision[:, out] @ np.linalg.lstsq(precision[np.ix_(out, out)], weights[out], rcond=None)[0]
            for out in groups
        ],
        axis=1,
    )


def _likelihood(signs: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns what the likelihood of half differences rests on, single features' effects being unknown constants.

    That is their inverse covariance, the effects taken out, and the logarithm of what else it is proportional to.
    """
    covariance = covariance + kriging.JITTER * covariance[0, 0] * np.eye(len(signs))
    inverse = np.linalg.inv(covariance)
    effects = inverse @ signs
    information = signs.T @ effects
    log = -(np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(information)[1]) / 2
    return inverse - effects @ np.linalg.solve(information, effects.T), float(log)


def _error_variance(
    signs: np.ndarray, weights: np.ndarray, prior: tuple[np.ndarray, np.ndarray, float], covariance: np.ndarray
) -> float:
    """Returns the variance of a value's error, the mean over places."""
    together = np.mean((weights * kriging.of_values(signs, prior[1])).sum(axis=0))
    return max(0.0, prior[2] - 2 * float(together) + _variance(weights, covariance))


def _variance(weights: np.ndarray, covariance: np.ndarray) -> float:
    """Returns the variance of sums of half differences by `weights` `[pairs, sums]`, the mean over sums."""
    return float(np.mean((weights * (covariance @ weights)).sum(axis=0)))
