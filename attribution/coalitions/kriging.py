"""How to weigh the outputs of coalitions, so that few evaluations say most about Shapley values.

An output v over coalitions is a sum of interactions, one for each set of features. Only interactions of an odd number
of features matter for Shapley values, and half the difference of v at a coalition and at its complement holds exactly
those: therefore coalitions come in such pairs. Values are estimated by kriging: effects of single features are unknown
constants, interactions of three and more are independent with a variance that falls with their number. The estimate is
the best linear unbiased one under that assumption (O'Hagan, "Bayes-Hermite quadrature", 1991). Coalitions are written
as signs, 1 for present and -1 for absent. How far off the values may be, `rules` finds out.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

# An interaction of k of n features has variance (STRENGTH / n)^k. From 0.5 to 1.5 the error hardly changes on ReLU,
# tanh and sigmoid networks.
STRENGTH = 1.5
# Keeps nearly dependent pairs from making the system singular.
JITTER = 1e-8


@dataclasses.dataclass(frozen=True, eq=False)
class Design:
    """Pairs of complementary coalitions to evaluate, the beginning of which is a smaller design; the first is 'nobody'.

    Attributes:
        signs: float64 `[pairs, places]`, one coalition of each pair.
        groups: int `[pairs]`, which of the pairs were drawn together, counted from 0; the first pair's is -1.
    """

    signs: np.ndarray
    groups: np.ndarray

    @property
    def present(self) -> np.ndarray:
        """Bool `[pairs, places]`."""
        return self.signs > 0


def least_variance(index: str, signs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finds the weights of the least variance under the assumption.

    Args:
        index: 'shapley', or 'banzhaf', whose values are the effects of single features alone.
        signs: `[pairs, places]`, more pairs than places, the first of which is nobody.

    Returns:
        The weights `[pairs, places]`, and the inverse covariance of half differences, single features' effects taken
        out, `[pairs, pairs]`.
    """
    pairs, places = signs.shape
    covariances, with_values, _ = prior(index, places)
    system = np.zeros((pairs + places,) * 2)
    system[:pairs, :pairs] = between(signs, signs, covariances)
    system[:pairs, pairs:] = signs
    system[pairs:, :pairs] = signs.T
    system[np.arange(pairs), np.arange(pairs)] += JITTER * covariances[0]
    # A single feature's effect on v, from absent to present, is twice its coefficient.
    right = np.concatenate([of_values(signs, with_values), 2 * np.eye(places)])
    inverse = np.linalg.inv(system)[:pairs]
    weights = inverse @ right
    return (_complete(weights) if index == "shapley" else weights), np.ascontiguousarray(inverse[:, :pairs])


def unbiased(signs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finds weights of Shapley values that are unbiased whatever the function; returns as `least_variance` does.

    Unbiased means over the random seats of features (see `seating.over_baselines`).
    """
    weights, precision = least_variance("shapley", signs)
    return _complete(weights + _towards_unbiased(signs, weights, precision)), precision


def _complete(weights: np.ndarray) -> np.ndarray:
    """Takes out the rounding that touches completeness: the values sum to the whole change."""
    weights = weights - weights.mean(axis=1, keepdims=True)
    weights[0] -= 2 / weights.shape[1]
    return weights


def _towards_unbiased(signs: np.ndarray, weights: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Returns the change of least variance that makes weights unbiased for any function, features seated at random.

    Then the mean estimate of a value is a sum over sizes of coalitions, and it is Shapley's where a feature's weights
    for coalitions of one size that it is in sum to 1 / places, on average over places; for each size.
    """
    pairs, places = signs.shape
    present = signs > 0
    sizes = present.sum(axis=1)
    # A pair holds a coalition for those present in it, and its complement for the others.
    members = np.concatenate([present / 2, (present - 1.0) / 2])
    of_size = np.concatenate([sizes, places - sizes])[:, None] == np.arange(1, places + 1)
    overlaps = (members @ members.T) * np.tile(precision, (2, 2))
    sums = of_size.T @ (members * np.tile(weights, (2, 1))).sum(axis=1)
    factors = np.linalg.lstsq(of_size.T @ overlaps @ of_size, 1 - sums, rcond=1e-9)[0]
    change = members * (of_size @ factors)[:, None]
    return precision @ (change[:pairs] + change[pairs:])


def prior(index: str, features: int, strength: float = STRENGTH) -> tuple[np.ndarray, np.ndarray, float]:
    """Covariances of interactions of three and more features, an odd number.

    Args:
        index: of which values, 'shapley' or 'banzhaf'; no interaction changes the latter.
        features: their number, more than `strength`.
        strength: of the interactions.

    Returns:
        Of half differences of two coalitions, `[features + 1]`, by how many features differ between them; of a
        feature's value and half differences, `[features]`, by how many other features are present; and a value's
        variance.
    """
    ratio = strength / features
    other = np.arange(features + 1)
    up, down = (1 + ratio), (1 - ratio)
    odd = (up ** (features - other) * down**other - down ** (features - other) * up**other) / 2
    odd -= ratio * (features - 2 * other)
    if index == "banzhaf":
        return odd, np.zeros(features), 0.0
    # The Shapley value of an interaction of k features is 2 / k for each of them: an integral over [-1, 1] of u^(k-1).
    nodes, weights = np.polynomial.legendre.leggauss(features // 2 + 2)
    others = np.arange(features)
    products = (1 + ratio * nodes[:, None]) ** others * (1 - ratio * nodes[:, None]) ** (features - 1 - others)
    orders = range(3, features + 1, 2)
    return (
        odd,
        ratio * (weights @ products - 2),
        sum(4 / order**2 * ratio**order * math.comb(features - 1, order - 1) for order in orders),
    )


def between(signs: np.ndarray, others: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Returns the covariances `[..., pairs, others]` of half differences of signs `[..., pairs or others, places]`."""
    return covariances[differing(signs, others)]


def differing(signs: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns how many features differ between coalitions, int64 `[..., pairs, others]`."""
    return np.rint((signs.shape[-1] - signs @ others.swapaxes(-1, -2)) / 2).astype(np.int64)


def of_values(signs: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Returns the covariances `[pairs, places]` of half differences and Shapley values."""
    present = (signs > 0).sum(axis=1, keepdims=True) - (signs > 0)
    return signs * covariances[present]
