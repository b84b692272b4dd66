"""How to weigh the outputs of coalitions, so that few evaluations say most about Shapley values.

An output v over coalitions is a sum of interactions, one for each set of features. Only interactions of an odd number
of features matter for Shapley values, and half the difference of v at a coalition and at its complement holds exactly
those: therefore coalitions come in such pairs. Values are estimated by kriging: effects of single features are unknown
constants, interactions of three and more are independent with a variance that falls with their number. The estimate is
the best linear unbiased one under that assumption (O'Hagan, "Bayes-Hermite quadrature", 1991). Coalitions are written
as signs, 1 for present and -1 for absent.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Protocol

import numpy as np

from tfx_explain.attribution.model.blocks import row_products

# An interaction of k of n features has variance (_STRENGTH / n)^k. From 0.5 to 1.5 the error hardly changes on ReLU,
# tanh and sigmoid networks; 1.5 gave the best standard errors.
STRENGTH = 1.5
# Keeps nearly dependent pairs from making the system singular.
_JITTER = 1e-8
# Groups of orders that are left out in turn for the standard error.
_MOST_GROUPS = 10


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


class Rule(Protocol):
    """What makes values and standard errors of half differences of pairs, float64 `[rows, pairs]`."""

    def values(self, differences: np.ndarray) -> np.ndarray:
        """Returns `[rows, places]`."""
        ...

    def standard_errors(self, differences: np.ndarray) -> np.ndarray:
        """Returns `[rows, places]`."""
        ...


@dataclasses.dataclass(frozen=True)
class AssumedInteractions:
    """The values of least variance under the assumption, which the standard error rests on too.

    The scale of a row's interactions is the root mean square of the standardised errors of predicting each pair from
    the others.
    """

    weights: np.ndarray  # [pairs, places]
    variance: float  # of a value, for interactions of unit scale, the mean over places
    precision: np.ndarray  # [pairs, pairs] inverse covariance of half differences, single features' effects taken out

    def values(self, differences: np.ndarray) -> np.ndarray:
        """See `Rule`."""
        return row_products(differences, self.weights)

    def standard_errors(self, differences: np.ndarray) -> np.ndarray:
        """See `Rule`."""
        errors = row_products(differences, self.precision)
        scales = np.sqrt(np.mean(errors**2 / np.diag(self.precision), axis=1) * self.variance)
        return np.repeat(scales[:, None], self.weights.shape[1], axis=1)


@dataclasses.dataclass(frozen=True)
class LeaveOut:
    """Values that are unbiased whatever the function; their standard error is a jackknife over groups of pairs.

    Unbiased means over the random seats of features (see `estimates.over_baselines`).
    """

    weights: np.ndarray  # [pairs, places]
    without: np.ndarray  # [pairs, groups * places] the weights without the pairs of each group

    def values(self, differences: np.ndarray) -> np.ndarray:
        """See `Rule`."""
        return row_products(differences, self.weights)

    def standard_errors(self, differences: np.ndarray) -> np.ndarray:
        """See `Rule`."""
        left = row_products(differences, self.without).reshape(len(differences), -1, self.weights.shape[1])
        return np.sqrt(left.shape[1] - 1) * left.std(axis=1)


@functools.lru_cache(maxsize=16)
def assumed_interactions(index: str, design: Design, pairs: int) -> AssumedInteractions:
    """Returns the rule for the first `pairs` pairs of a design, more than places.

    `index` is 'shapley', or 'banzhaf', whose values are the effects of single features alone.
    """
    inverse, weights, variance = _solve(index, design.signs[:pairs])
    if index == "shapley":
        weights = _complete(weights)
    return AssumedInteractions(weights, variance, np.ascontiguousarray(inverse[:pairs, :pairs]))


@functools.lru_cache(maxsize=64)
def leave_out(design: Design, pairs: int) -> LeaveOut:
    """Returns the rule for the first `pairs` pairs, which are all of at least two groups."""
    signs, groups = design.signs[:pairs], design.groups[:pairs]
    inverse, weights, _ = _solve("shapley", signs)
    weights = weights + _towards_unbiased(signs, weights, inverse[:pairs, :pairs])
    count = min(_MOST_GROUPS, int(groups.max()) + 1)
    without = []
    for group in range(count):
        # Pinning the weights of the group to 0 in the system that has been solved already.
        out = np.flatnonzero((groups >= 0) & (groups % count == group))
        change = np.linalg.lstsq(inverse[np.ix_(out, out)], weights[out], rcond=None)[0]
        kept = weights - inverse[:pairs, out] @ change
        kept[out] = 0
        without.append(_complete(kept))
    return LeaveOut(_complete(weights), np.concatenate(without, axis=1))


def _solve(index: str, signs: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Returns the inverse of the kriging system, the weights `[pairs, places]` and a value's variance."""
    pairs, places = signs.shape
    covariances, with_values, variance = prior(places)
    if index == "banzhaf":
        with_values, variance = np.zeros(places), 0.0
    system = np.zeros((pairs + places,) * 2)
    system[:pairs, :pairs] = between(signs, signs, covariances)
    system[:pairs, pairs:] = signs
    system[pairs:, :pairs] = signs.T
    system[np.arange(pairs), np.arange(pairs)] += _JITTER * covariances[0]
    # A single feature's effect on v, from absent to present, is twice its coefficient.
    right = np.concatenate([of_values(signs, with_values), 2 * np.eye(places)])
    inverse = np.linalg.inv(system)
    solution = inverse @ right
    return inverse, solution[:pairs], max(0.0, variance - float(np.mean((right * solution).sum(axis=0))))


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


def prior(features: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Covariances of interactions of three and more features, an odd number.

    Returns:
        Of half differences of two coalitions, `[features + 1]`, by how many features differ between them; of a
        feature's Shapley value and half differences, `[features]`, by how many other features are present; and a
        Shapley value's variance.
    """
    ratio = STRENGTH / features
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


def between(signs: np.ndarray, others: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Returns the covariances `[..., pairs, others]` of half differences of signs `[..., pairs or others, places]`."""
    differing = (signs.shape[-1] - signs @ others.swapaxes(-1, -2)) / 2
    return covariances[np.rint(differing).astype(np.int64)]


def of_values(signs: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Returns the covariances `[pairs, places]` of half differences and Shapley values."""
    present = (signs > 0).sum(axis=1, keepdims=True) - (signs > 0)
    return signs * covariances[present]
