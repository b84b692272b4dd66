"""Which coalitions to evaluate."""

from __future__ import annotations

import functools
import math

import numpy as np

from tfx_explain.attribution.kriging import STRENGTH, Design, between, of_values, prior
from tfx_explain.attribution.randomness import random_orders, random_words
from tfx_explain.attribution.weights import coalitions_of

# In choosing pairs, the variance of single features' effects relative to that of the interactions.
_UNKNOWN = 1e5
# Pairs among which the greedy choice is made, and how many it chooses; the others are taken as they come.
_CANDIDATES = 2048
_GREEDY = 300
# Orders of which one is chosen, and how many in a row may bring nothing new.
_ORDERS = 16
_FUTILE = 8


@functools.lru_cache(maxsize=64)
def choose_pairs(places: int, pairs: int) -> Design:
    """Chooses pairs that together say most about Shapley values; fewer if there are no more.

    The beginning of a longer choice is the shorter one.
    """
    candidates = _candidates(places)
    order = _greedy(candidates, min(_GREEDY, pairs, len(candidates)))
    rest = np.setdiff1d(np.arange(len(candidates)), order)
    signs = candidates[np.concatenate([order, rest])[:pairs]]
    return Design(signs, np.arange(-1, len(signs) - 1))


@functools.lru_cache(maxsize=64)
def choose_orders(places: int, orders: int, pairs: int) -> Design:
    """Draws orders, and takes the pairs that each and its reverse pass through and no earlier one did.

    Args:
        places: number of places, at least 2.
        orders: the most orders, without the reverse ones; each is a group.
        pairs: the most pairs; the last order may be taken in part.
    """
    chosen, groups = np.zeros((1, places), bool), np.array([-1])
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
    taken = set(map(_key, chosen))
    covariances = prior(places)[0]
    best, new = (0, 0.0), chosen[:0]
    draws = draw * _ORDERS + np.arange(_ORDERS)
    for ranks in random_orders(0, np.array([places], np.uint64), draws, places)[0]:
        passed = {_key(coalition): coalition for coalition in ranks < np.arange(1, places)[:, None]}
        found = np.array([coalition for key, coalition in passed.items() if key not in taken])
        if len(found) >= max(1, best[0]):
            signs, others = (np.where(some, 1.0, -1.0) for some in (found, np.concatenate([chosen, found])))
            score = len(found), -float(np.sum(between(signs, others, covariances) ** 2))
            best, new = max((best, new), (score, found), key=lambda choice: choice[0])
    return new


def _key(coalition: np.ndarray) -> bytes:
    return np.packbits(coalition ^ coalition[-1]).tobytes()


def _greedy(candidates: np.ndarray, count: int) -> np.ndarray:
    """Chooses, one after the other, the pair that takes most from the Shapley values' variance; the first is given.

    Each step updates, for all candidates, the variance of the half difference and its covariances with the Shapley
    values, given the pairs so far (a pivoted Cholesky factorisation).
    """
    features = candidates.shape[1]
    covariances_between, with_values, _ = prior(features)
    single = _UNKNOWN * STRENGTH / features
    covariances_between = covariances_between + single * (features - 2 * np.arange(features + 1))
    variances = np.full(len(candidates), covariances_between[0])
    covariances = of_values(candidates, with_values + 2 * single)
    factors = np.zeros((count, len(candidates)))
    chosen = np.zeros(count, np.int64)
    for step in range(count):
        if step:
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
