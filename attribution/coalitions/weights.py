"""Coalitions as the bits of their numbers, and the weights with which their outputs make Shapley values."""

from __future__ import annotations

import math

import numpy as np


def coalitions_of(numbers: np.ndarray, features: int) -> np.ndarray:
    """Returns bool `[coalitions, features]`, the lowest `features` bits of int64 `numbers` `[coalitions]`."""
    return (numbers[:, None] >> np.arange(features)) & 1 == 1


def shapley_weights(present: np.ndarray) -> np.ndarray:
    """Weighs outputs into Shapley values: `values = outputs @ weights`, summed over all `2 ** features` coalitions.

    Args:
        present: bool `[coalitions, features]`, some or all of the coalitions.

    Returns:
        float64 `[coalitions, features]`: 1 / (n C(n - 1, s - 1)) for a feature in a coalition of s of n features, and
        -1 / (n C(n - 1, s)) for one outside.
    """
    count = present.shape[1]
    joins = np.array([1 / (count * math.comb(count - 1, size)) for size in range(count)])
    sizes = present.sum(axis=1)
    inside = joins[np.maximum(sizes - 1, 0)]
    outside = -joins[np.minimum(sizes, count - 1)]
    return np.where(present, inside[:, None], outside[:, None])


def banzhaf_weights(present: np.ndarray) -> np.ndarray:
    """Weighs outputs into Banzhaf values, as `shapley_weights` does: 1 / 2^(n - 1) inside a coalition, else less it."""
    return np.where(present, 1.0, -1.0) / 2.0 ** (present.shape[1] - 1)


WEIGHTS = {"shapley": shapley_weights, "banzhaf": banzhaf_weights}
