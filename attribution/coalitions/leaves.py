"""Leaves of trees, and by how much values are off for those that none of a design's coalitions reaches."""

from __future__ import annotations

import functools
import math

import numpy as np

from tfx_explain.attribution.problem.promise import CONFIDENCE

# Leaves that so many features choose are looked for; so many are tried of each kind, which is how many features choose,
# and how many of them must be present.
_FEATURES, _TRIED = range(3, 8), 256
# By how many times what is stated what stays unseen may be off: fewer than five, as there may be others beside it.
FARTHEST = 4.0


def unreached(index: str, present: np.ndarray) -> float:
    """Tells what a leaf may change the values by though no coalition reaches it, relative to what it adds there.

    A function of steps looks as if nothing interacted wherever none of the coalitions reaches a leaf that several
    features choose, some of them present and the others absent. Which ones there are is tried.

    Args:
        index: 'shapley' or 'banzhaf'.
        present: bool `[coalitions, places]`.

    Returns:
        What covers leaves of every kind.
    """
    worst = 0.0
    for features in (number for number in _FEATURES if number <= present.shape[1]):
        leaves = _leaves(present.shape[1], features)
        for joined in range(features + 1):
            missed = 1 - np.mean(_reached(present, leaves, joined))
            share = float(missed > 1 - CONFIDENCE) or float(missed > 0) / FARTHEST
            worst = max(worst, share * _largest(index, features, joined))
    return worst


def _reached(present: np.ndarray, leaves: np.ndarray, joined: int) -> np.ndarray:
    """Tells which leaves a coalition reaches, bool `[leaves]`: the first `joined` features must be there, no others."""
    reached = np.ones((len(present), len(leaves)), bool)
    for number, places in enumerate(leaves.T):
        reached &= present[:, places] == (number < joined)
    return reached.any(axis=0)


@functools.lru_cache(maxsize=64)
def _leaves(places: int, features: int) -> np.ndarray:
    """Draws which places choose leaves, int `[leaves, features]`."""
    rng = np.random.default_rng([places, features])
    return np.argsort(rng.random((_TRIED, places)), axis=1)[:, :features].copy()


def _largest(index: str, features: int, joined: int) -> float:
    """Returns the largest value of the features of a leaf that adds 1, of which so many must be present."""
    if index == "banzhaf":
        return 0.5 ** (features - 1)
    # In which share of orders those come before the others, and a certain one of them last, or first.
    fewest = min(number for number in (joined, features - joined) if number)
    return 1 / (math.comb(features, joined) * fewest)
