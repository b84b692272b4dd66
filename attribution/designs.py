"""Which coalitions to evaluate, and how to weigh their outputs, so that few evaluations say most about Shapley values.

An output v over coalitions is a sum of interactions, one for each set of features. Only interactions of an odd number
of features matter for Shapley values, and half the difference of v at a coalition and at its complement holds exactly
those: therefore coalitions come in such pairs. Shapley values are estimated by kriging: effects of single features are
unknown constants, interactions of three and more are independent with a variance that falls with their number. The
estimate is the best linear unbiased one under that assumption (O'Hagan, "Bayes-Hermite quadrature", 1991), and the
pairs are chosen greedily to make its variance small. Coalitions are written as signs, 1 for present and -1 for absent.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np

from tfx_explain.attribution.randomness import random_words
from tfx_explain.attribution.weights import coalitions_of

# An interaction of k of n features has variance (_STRENGTH / n)^k. From 0.5 to 1.5 the error hardly changes on ReLU,
# tanh and sigmoid networks; 1.5 gave the best standard errors.
_STRENGTH = 1.5
# In choosing pairs, the variance of single features' effects relative to that of the interactions.
_UNKNOWN = 1e5
# Pairs among which the greedy choice is made, and how many it chooses; the others are taken as they come.
_CANDIDATES = 4096
_GREEDY = 512
# Keeps nearly dependent pairs from making the system singular.
_JITTER = 1e-8


@dataclasses.dataclass(frozen=True)
class Solution:
    """How to get Shapley values from half differences of `pairs` pairs; all arrays are float64."""

    weights: np.ndarray  # [pairs, features] of the half differences, of coalition less complement
    variance: float  # of an estimate, for interactions of unit scale, the mean over features
    precision: np.ndarray  # [pairs, pairs] inverse covariance of half differences, single features' effects taken out

    def scales(self, differences: np.ndarray) -> np.ndarray:
        """Estimates the scale of the interactions, `[rows]`, from how well `differences` `[rows, pairs]` are predicted.

        It is the root mean square of the standardised errors of predicting each pair from the others.
        """
        errors = differences @ self.precision
        return np.sqrt(np.mean(errors**2 / np.diag(self.precision), axis=1))


@functools.lru_cache(maxsize=8)
def choose_pairs(features: int, pairs: int) -> np.ndarray:
    """Returns float64 signs `[pairs, features]` of one coalition of each pair; fewer if there are no more.

    The first is that of all features absent. The beginning of a longer choice is the shorter one.
    """
    candidates = _candidates(features)
    order = _greedy(candidates, min(_GREEDY, pairs, len(candidates)))
    rest = np.setdiff1d(np.arange(len(candidates)), order)
    return candidates[np.concatenate([order, rest])[:pairs]]


@functools.lru_cache(maxsize=8)
def solve(index: str, features: int, pairs: int, chosen: int) -> Solution:
    """Returns the weights for the first `pairs` pairs of `choose_pairs(features, chosen)`, more pairs than features.

    `index` is 'shapley', or 'banzhaf', whose values are the effects of single features alone.
    """
    signs = choose_pairs(features, chosen)[:pairs]
    covariances, with_values, variance = _prior(features)
    if index == "banzhaf":
        with_values, variance = np.zeros(features), 0.0
    system = np.zeros((len(signs) + features,) * 2)
    system[: len(signs), : len(signs)] = _between(signs, signs, covariances)
    system[: len(signs), len(signs) :] = signs
    system[len(signs) :, : len(signs)] = signs.T
    system[np.arange(len(signs)), np.arange(len(signs))] += _JITTER * covariances[0]
    # A single feature's effect on v, from absent to present, is twice its coefficient.
    right = np.concatenate([_with_values(signs, with_values), 2 * np.eye(features)])
    inverse = np.linalg.inv(system)
    solution = inverse @ right
    weights = solution[: len(signs)]
    if index == "shapley":
        # Of the rounding that is left, none may touch completeness: the values sum to the whole change.
        weights = weights - weights.mean(axis=1, keepdims=True)
        weights[0] -= 2 / features
    return Solution(
        weights=weights,
        variance=max(0.0, variance - float(np.mean((right * solution).sum(axis=0)))),
        precision=inverse[: len(signs), : len(signs)],
    )


def _prior(features: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Covariances of interactions of three and more features, an odd number.

    Returns:
        Of half differences of two coalitions, `[features + 1]`, by how many features differ between them; of a
        feature's Shapley value and half differences, `[features]`, by how many other features are present; and a
        Shapley value's variance.
    """
    ratio = _STRENGTH / features
    differing = np.arange(features + 1)
    up, down = (1 + ratio), (1 - ratio)
    odd = (up ** (features - differing) * down**differing - down ** (features - differing) * up**differing) / 2
    # The Shapley value of an interaction of k features is 2 / k for each of them: an integral over [-1, 1] of u^(k-1).
    nodes, weights = np.polynomial.legendre.leggauss(features // 2 + 2)
    others = np.arange(features)
    products = (1 + ratio * nodes[:, None]) ** others * (1 - ratio * nodes[:, None]) ** (features - 1 - others)
    orders = range(3, features + 1, 2)
    return (
        odd - ratio * (features - 2 * differing),
        ratio * (weights @ products - 2),
        sum(4 / order**2 * ratio**order * math.comb(features - 1, order - 1) for order in orders),
    )


def _between(signs: np.ndarray, others: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    differing = (signs.shape[1] - signs @ others.T) / 2
    return covariances[np.rint(differing).astype(np.int64)]


def _with_values(signs: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    present = (signs > 0).sum(axis=1, keepdims=True) - (signs > 0)
    return signs * covariances[present]


def _greedy(candidates: np.ndarray, count: int) -> np.ndarray:
    """Chooses, one after the other, the pair that takes most from the Shapley values' variance; the first is given.

    Each step updates, for all candidates, the variance of the half difference and its covariances with the Shapley
    values, given the pairs so far (a pivoted Cholesky factorisation).
    """
    features = candidates.shape[1]
    between, with_values, _ = _prior(features)
    single = _UNKNOWN * _STRENGTH / features
    between = between + single * (features - 2 * np.arange(features + 1))
    variances = np.full(len(candidates), between[0])
    covariances = _with_values(candidates, with_values + 2 * single)
    factors = np.zeros((count, len(candidates)))
    chosen = np.zeros(count, np.int64)
    for step in range(count):
        if step:
            known = variances < 1e-9 * between[0]
            gains = (covariances**2).sum(axis=1) / np.where(known, np.inf, variances)
            gains[chosen[:step]] = -1
            chosen[step] = gains.argmax()
        at = chosen[step]
        row = _between(candidates[at : at + 1], candidates, between)[0] - factors[:step, at] @ factors[:step]
        deviation = math.sqrt(max(variances[at], 1e-12 * between[0]))
        factors[step] = row / deviation
        covariances = covariances - factors[step][:, None] * (covariances[at] / deviation)
        variances = variances - factors[step] ** 2
    return chosen


def _candidates(features: int) -> np.ndarray:
    """Returns signs `[candidates, features]`: one of each pair, all of them where these are few."""
    if 2 ** (features - 1) <= _CANDIDATES:
        present = coalitions_of(np.arange(2 ** (features - 1)), features)
    else:
        present = np.concatenate([np.zeros((1, features), bool), np.eye(features, dtype=bool), _drawn(features)])
        present ^= present[:, -1:]
        _, first = np.unique(present, axis=0, return_index=True)
        present = present[np.sort(first)][:_CANDIDATES]
    return np.where(present, 1.0, -1.0)


def _drawn(features: int) -> np.ndarray:
    """Draws coalitions: half of them of sizes s as Kernel SHAP does, by 1 / (s (n - s)), half with even chances."""
    words = random_words(0, np.array([features], np.uint64), np.arange(_CANDIDATES), features + 1)[0] / 2.0**64
    sizes = np.arange(1, features)
    chances = np.cumsum(1 / (sizes * (features - sizes)))
    drawn = 1 + np.searchsorted(chances / chances[-1], words[:, -1])
    sized = np.argsort(np.argsort(words[:, :-1], axis=1), axis=1) < drawn[:, None]
    return np.where(np.arange(_CANDIDATES)[:, None] % 2 == 0, sized, words[:, :-1] < 0.5)
