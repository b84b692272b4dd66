"""Which coalitions to evaluate."""

from __future__ import annotations

import functools
import math

import numpy as np

from tfx_explain.attribution.coalitions.kriging import Design, between, of_values, prior
from tfx_explain.attribution.coalitions.weights import coalitions_of
from tfx_explain.attribution.problem.randomness import random_orders, random_words

# Of the interactions for which pairs are chosen. With less, some numbers of pairs see everything of three features and
# next to nothing of five, and what they see does not tell how far off the values are.
_STRENGTH = 3.0
# In choosing pairs, the variance of single features' effects relative to that of the interactions.
_UNKNOWN = 1e5
# Pairs among which the greedy choice is made, and how many it chooses; the others are taken as they come.
_CANDIDATES = 2048
_GREEDY = 300
# Of so many pairs for each place, the first are those of single features. Fewer, or fewer of them chosen, leave too
# little to tell how large interactions are.
_MANY_BY_PLACE = 2
# Orders of which one is chosen: as many as take so much work, but between two limits; it is the first few that matter.
_WORK = 2**18
_LEAST_ORDERS, _MOST_ORDERS = 16, 1024
# How many draws in a row may bring nothing new.
_FUTILE = 8


@functools.lru_cache(maxsize=64)
def choose_pairs(places: int, pairs: int) -> Design:
    """Chooses pairs that together say most about Shapley values; fewer if there are no more.

    Of at least twice as many pairs as places, those of one feature and all others come first: together they say more
    than what is chosen one after the other, and they reach every leaf of a tree that one feature alone must be present
    at, or absent. The beginning of a longer choice is the shorter one, if both have so many.
    """
    candidates = _candidates(places)
    begins = _MANY_BY_PLACE * places <= min(pairs, _GREEDY)
    first = np.flatnonzero(of_single_features(candidates)) if begins else np.arange(0)
    order = _greedy(candidates, np.concatenate([[0], first]), min(_GREEDY, pairs, len(candidates)))
    rest = np.setdiff1d(np.arange(len(candidates)), order)
    signs = candidates[np.concatenate([order, rest])[:pairs]]
    return Design(signs, np.arange(-1, len(signs) - 1))


def of_single_features(signs: np.ndarray) -> np.ndarray:
    """Tells which pairs are of one feature and all others, bool `[pairs]`, of signs `[pairs, places]`."""
    return np.abs(signs.sum(axis=1)) == signs.shape[1] - 2


@functools.lru_cache(maxsize=64)
def choose_orders(places: int, orders: int, pairs: int) -> Design:
    """Draws orders, and takes the pairs that each and its reverse pass through and no earlier one did.

    Args:
        places: number of places, at least 2.
        orders: the most orders, without the reverse ones; each is a group.
        pairs: the most pairs; the last order may be taken in part.
    """
    chosen, groups = np.zeros((1, places), bool), np.array([-1])
    pairs = min(pairs, 2 ** (places - 1))
    for draw in range(orders + _FUTILE):
        if groups[-1] + 1 == orders or len(chosen) == pairs:
            break
        new = _newest(draw, chosen)[: pairs - len(chosen)]
        chosen = np.concatenate([chosen, new])
        groups = np.concatenate([groups, np.full(len(new), groups[-1] + 1)])
    return Design(np.where(chosen, 1.0, -1.0), groups)


def _newest(draw: int, chosen: np.ndarray) -> np.ndarray:
    """Returns, of the best of several orders, the coalitions `[new, places]` whose pairs have not been chosen.

    The best has the most of them, and of these the ones that tell least about each other and those chosen.
    """
    places = chosen.shape[1]
    orders = min(_MOST_ORDERS, max(_LEAST_ORDERS, _WORK // (places * len(chosen))))
    ranks = random_orders(0, np.array([places], np.uint64), draw * _MOST_ORDERS + np.arange(orders), places)[0]
    passed = ranks[:, None] < np.arange(1, places)[:, None]
    new = ~np.isin(_keys(passed), _keys(chosen))
    most = new.sum(axis=1) == new.sum(axis=1).max()
    passed, new = passed[most], new[most]
    signs, covariances = np.where(passed, 1.0, -1.0), prior("shapley", places)[0]
    among = between(signs, signs, covariances) * new[:, None] * new[:, :, None]
    others = between(signs, np.where(chosen, 1.0, -1.0), covariances) * new[:, :, None]
    best = ((among**2).sum(axis=(1, 2)) + (others**2).sum(axis=(1, 2))).argmin()
    return passed[best, new[best]]


def _keys(coalitions: np.ndarray) -> np.ndarray:
    """Hashes coalitions `[..., places]` to uint64, both of a pair to the same."""
    words = random_words(0, np.zeros(1, np.uint64), np.zeros(1, np.int64), coalitions.shape[-1])[0, 0]
    return np.where(coalitions ^ coalitions[..., -1:], words, np.uint64(0)).sum(axis=-1)


def _greedy(candidates: np.ndarray, first: np.ndarray, count: int) -> np.ndarray:
    """Chooses, one after the other, the pair that takes most from the Shapley values' variance; the first are given.

    Each step updates, for all candidates, the variance of the half difference and its covariances with the Shapley
    values, given the pairs so far (a pivoted Cholesky factorisation).
    """
    features = candidates.shape[1]
    strength = min(_STRENGTH, features / 2)
    covariances_between, with_values, _ = prior("shapley", features, strength)
    single = _UNKNOWN * strength / features
    covariances_between = covariances_between + single * (features - 2 * np.arange(features + 1))
    variances = np.full(len(candidates), covariances_between[0])
    covariances = of_values(candidates, with_values + 2 * single)
    factors = np.zeros((count, len(candidates)))
    chosen = np.zeros(count, np.int64)
    chosen[: len(first)] = first[:count]
    for step in range(count):
        if step >= len(first):
            known = variances < 1e-9 * covariances_between[0]
            gains = (covariances**2).sum(axis=1) / np.where(known, np.inf, variances)
            gains[chosen[:step]] = -1
            chosen[step] = gains.argmax()
        at = chosen[step]
        row = between(candidates[at : at + 1], candidates, covariances_between)[0] - factors[:step, at] @ factors[:step]
        deviation = math.sqrt(max(variances[at], 1e-12 * covariances_between[0]))
        factors[step] = row / deviation
        covariances = covariances - factors[step][:, None] * (covariances[at] / deviation)
        variances = variances - factors[step] ** 2
    return chosen


def _candidates(places: int) -> np.ndarray:
    """Returns signs `[candidates, places]`: one of each pair, all of them where these are few; first of nobody."""
    if 2 ** (places - 1) <= _CANDIDATES:
        present = coalitions_of(np.arange(2 ** (places - 1)), places)
    else:
        present = np.concatenate([np.zeros((1, places), bool), np.eye(places, dtype=bool), _drawn(places)])
        present ^= present[:, -1:]
        _, first = np.unique(present, axis=0, return_index=True)
        present = present[np.sort(first)][:_CANDIDATES]
    return np.where(present, 1.0, -1.0)


def _drawn(places: int) -> np.ndarray:
    """Draws coalitions: half of them of sizes s as Kernel SHAP does, by 1 / (s (n - s)), half with even chances."""
    words = random_words(0, np.array([places], np.uint64), np.arange(_CANDIDATES), places + 1)[0] / 2.0**64
    sizes = np.arange(1, places)
    chances = np.cumsum(1 / (sizes * (places - sizes)))
    drawn = 1 + np.searchsorted(chances / chances[-1], words[:, -1])
    sized = np.argsort(np.argsort(words[:, :-1], axis=1), axis=1) < drawn[:, None]
    return np.where(np.arange(_CANDIDATES)[:, None] % 2 == 0, sized, words[:, :-1] < 0.5)
