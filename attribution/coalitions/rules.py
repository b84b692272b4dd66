"""What makes values of the outputs of a design's pairs, and says how far off they are, row by row.

Three things together say it. By how much a row's values change where some of its pairs are left out tells how strong
its interactions are. How such changes compare with errors depends on how fast interactions fall with the number of
their features; the assumption is therefore made with several strengths (see `kriging`), and each counts by how likely
it makes the row's outputs. And as features are seated at random, the errors at all places are alike. The fewer changes
there are that don't hang together, and the less the strengths agree, the more standard errors are stated.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import os
import threading
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.coalitions import kriging
from tfx_explain.attribution.coalitions.designs import of_single_features
from tfx_explain.attribution.coalitions.kriging import Design
from tfx_explain.attribution.coalitions.leaves import FARTHEST, unreached
from tfx_explain.attribution.coalitions.products import folded, sums_and_squares
from tfx_explain.attribution.problem.promise import CONFIDENCE, simultaneous_of
from tfx_explain.attribution.problem.randomness import random_orders

# Strengths, at most this share of the features, and how likely each is before anything is known of a row.
_STRENGTHS = {0.5: 1.0, 1.5: 1.0, 3.0: 0.5, 6.0: 0.1, 12.0: 0.02}
_MOST_BY_PLACE = 0.95
# Functions have more interactions of many features than one strength says: this share is of a strength as many times.
_ROUGH_SHARE, _ROUGHER = 0.15, 3.0
# Pairs whose outputs are held against the strengths: more take time, and a few hundred tell them apart. The first pair
# is not one of them: near nobody a function may be another than elsewhere, as one with kinks at zero is.
_JUDGED = 300
# Designs that begin with all single features say a little more than changes and strengths let expect. Of fewer than ten
# features all designs begin so, and the others' constants were chosen by them.
_SMALLER, _FEW_PLACES = 0.98, 9
# Groups of pairs that are left out, one after the other.
_GROUPS = 10
# At most so many degrees of freedom have standard errors, as interactions are not normal numbers; and what of the
# variance between strengths counts, for functions between two of them are like neither. Nor do more outputs than so
# many tell strengths apart: where hundreds agree on one, the interactions that are still in doubt need not be of it.
_DEGREES, _SPREAD, _TELLING = 15.0, 0.5, 20
# Where most of all coalitions are prescribed, interactions of many features alone are left in doubt, which no strength
# tells well: so much more of that variance counts, the nearer to all of them. Who looks more than once has enough.
_SPREAD_OF_ALL = 2.5
# Of the attributions' size, what may be missed by so few pairs, or orders, that none need show an interaction: it falls
# with each order, or pair that the effects of single features leave.
_UNSEEN_BY_ORDER, _UNSEEN_BY_PAIR = 0.45, 0.55
# The same of pairs by their number, however many there are: an interaction of five features shows in few of them.
_UNSEEN_BY_NUMBER = 0.06
# So many interactions of three features alone are tried, none of which may be off by more than `FARTHEST` times.
_TRIPLES = 1500
# How many more pairs than places show how large interactions may be of which they show little.
_PLENTY = 100
# Rules that are kept: those of all rounds for all numbers of tokens (see `method`), up to 15 MB each. With fewer, texts
# of several lengths would have them all made anew in every batch.
_KEPT = 72


@dataclasses.dataclass(frozen=True)
class Rule:
    """Makes values and standard errors of half differences of pairs, float64 `[rows, pairs]`."""

    weights: tf.Tensor  # [pairs, places]
    changes: tf.Tensor  # [pairs, groups * places], of the weights where one of the groups is left out
    precisions: tuple[tf.Tensor, ...]  # folded inverse covariances by strength, single features' effects taken out
    logs: np.ndarray  # [strengths], logarithms of how likely each is, but for the outputs
    ratios: np.ndarray  # [strengths], of an error's variance and a change's
    doubts: np.ndarray  # [strengths], inverse degrees of freedom of the changes' variance
    spread: float  # what counts of the variance between strengths
    unseen: float  # least stated error, relative to the sum of absolute values
    hidden: np.ndarray  # [triples, 2], errors of interactions that show little, and what is stated of what they show
    unreached: float  # what a leaf that no coalition reaches may change, relative to what it adds: see `leaves`

    def judge(
        self, differences: np.ndarray, confidence: float = CONFIDENCE
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns values `[rows, places]`, their standard errors `[rows]`, the same at every place, and stated ones.

        The stated ones hold with a probability of `confidence`.
        """
        values, changes, squares = sums_and_squares(differences, self.weights, self.changes, self.precisions)
        chances = self._chances(squares, values.shape[1])
        ratio = np.maximum((chances * self.ratios).sum(axis=1), np.finfo(np.float64).tiny)
        standard_errors = np.sqrt(changes * ratio)
        spread = (chances * (self.ratios / ratio[:, None] - 1) ** 2).sum(axis=1)
        # The variance of an estimated variance, relative to its square, is twice the inverse degrees of freedom.
        doubts = (chances * self.doubts).sum(axis=1) + self.spread * spread / 2 + 1 / _DEGREES
        stated = standard_errors * simultaneous_of(values.shape[1], 1 / doubts, confidence)
        sizes = np.abs(values).sum(axis=1)
        return values, standard_errors, np.maximum(self._with_hidden(stated, sizes), self.unseen * sizes)

    def _with_hidden(self, stated: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Returns stated errors `[rows]` that do for `hidden`, as far as these may be in a row of these sizes `[rows]`.

        They are not larger than the row's attributions, nor than what it shows of interactions, if that says enough.
        """
        errors, shown = self.hidden.T
        with np.errstate(divide="ignore", invalid="ignore"):
            largest = np.fmin(sizes[:, None], stated[:, None] / shown)
        return np.maximum(stated, (errors * largest / FARTHEST).max(axis=1, initial=0))

    def _chances(self, squares: np.ndarray, places: int) -> np.ndarray:
        """Returns how likely the strengths are, `[rows, strengths]`, when nothing is known of a row's scale.

        `squares` are those of the judged differences, relative to what each strength lets expect, `[rows, strengths]`.
        """
        degrees = min(len(self.precisions[-1]) - places, _TELLING)
        logs = self.logs - degrees / 2 * np.log(np.maximum(squares, np.finfo(np.float64).tiny))
        chances = np.exp(logs - logs.max(axis=1, keepdims=True))
        return chances / chances.sum(axis=1, keepdims=True)


# Blocks of rows need the same rule at the same time: the first makes it, the others wait.
_turn = functools.cache(threading.Lock)
# A forked process has none of the threads that might hold it.
os.register_at_fork(after_in_child=_turn.cache_clear)


def least_variance(index: str, prescribed: bool, design: Design, pairs: int) -> Rule:
    """Returns the rule of `kriging.least_variance` for the first `pairs` pairs of a design, which may be prescribed."""
    with _turn():
        return _least_variance(index, prescribed, design, pairs)


def unbiased(design: Design, pairs: int) -> Rule:
    """Returns the rule of `kriging.unbiased` for the first `pairs` pairs of a design."""
    with _turn():
        return _unbiased(design, pairs)


@functools.lru_cache(maxsize=_KEPT)
def _least_variance(index: str, prescribed: bool, design: Design, pairs: int) -> Rule:
    signs = design.signs[:pairs]
    places = signs.shape[1]
    spread = _SPREAD + prescribed * _SPREAD_OF_ALL * max(0.0, pairs / 2 ** (places - 2) - 1)
    unseen = max(_UNSEEN_BY_PAIR ** (pairs - places), _UNSEEN_BY_NUMBER / pairs)
    smaller = _SMALLER if places > _FEW_PLACES and of_single_features(signs).sum() == places else 1.0
    return _rule(index, signs, *kriging.least_variance(index, signs), unseen, spread, smaller)


@functools.lru_cache(maxsize=_KEPT)
def _unbiased(design: Design, pairs: int) -> Rule:
    signs = design.signs[:pairs]
    unseen = _UNSEEN_BY_ORDER ** float(design.groups[pairs - 1] + 1)
    return _rule("shapley", signs, *kriging.unbiased(signs), unseen)


def _rule(
    index: str,
    signs: np.ndarray,
    weights: np.ndarray,
    precision: np.ndarray,
    unseen: float,
    spread: float = _SPREAD,
    smaller: float = 1.0,
) -> Rule:
    changes, judged = _changes(weights, precision), signs[1 : 1 + _JUDGED]
    differing = kriging.differing(signs, signs)
    precisions, logs, ratios, doubts = [], [], [], []
    for strength, chance in _STRENGTHS.items():
        prior = _prior(index, signs.shape[1], strength)
        covariance = prior[0][differing]
        inverse, log = _likelihood(judged, covariance[1 : 1 + _JUDGED, 1 : 1 + _JUDGED])
        precisions.append(inverse)
        logs.append(log * min(1.0, _TELLING / max(1, len(judged) - signs.shape[1])) + np.log(chance))
        of_changes = changes.T @ (covariance @ changes)
        ratios.append(_error_variance(signs, weights, prior, covariance) / np.mean(np.diag(of_changes)))
        # Satterthwaite's: how many independent changes would be as uncertain together.
        doubts.append(np.sum(of_changes**2) / np.trace(of_changes) ** 2)
    logs, ratios, doubts = np.array(logs), np.array(ratios) * smaller**2, np.array(doubts)
    parts = tf.constant(weights), tf.constant(changes), folded(precisions), logs, ratios, doubts, spread
    missed = unreached(index, np.concatenate([signs > 0, signs < 0]))
    rule = Rule(*parts, unseen=0.0, hidden=np.zeros((0, 2)), unreached=missed)
    return dataclasses.replace(rule, unseen=unseen, hidden=_hidden(index, signs, rule))


def _hidden(index: str, signs: np.ndarray, rule: Rule) -> np.ndarray:
    """Returns what `Rule.hidden` says, relative to the sum of such an output's absolute values.

    That is of the interactions of three features of which the pairs do not show enough. It is tried on outputs that
    change only where three features are all present, of one size.
    """
    places = signs.shape[1]
    triples = np.array(list(_triples(places)), int).reshape(-1, 3)
    # Of that output, single features' effects, which are known, and those of two, which have none, left out.
    found, _, stated = rule.judge(np.ascontiguousarray(signs[:, triples].prod(axis=2).T) / 8)
    true = np.zeros_like(found)
    np.put_along_axis(true, triples, 1 / 12 if index == "shapley" else 0.0, axis=1)
    errors = np.abs(found - true).max(axis=1)
    # The sum of that output's absolute values.
    size = 1.0 if index == "shapley" else 3 / 4
    is_hidden = errors > FARTHEST * stated
    # Fewer pairs may show little by luck.
    shown = stated * (len(signs) - places >= _PLENTY)
    return np.stack([errors, shown], axis=1)[is_hidden] / size


def _triples(places: int) -> Iterable[tuple[int, ...]]:
    """Returns all triples of places, or, of many, random ones."""
    if math.comb(places, 3) <= _TRIPLES:
        return itertools.combinations(range(places), 3)
    ranks = random_orders(0, np.array([places], np.uint64), np.arange(_TRIPLES), places)[0]
    return map(tuple, np.argsort(ranks, axis=1)[:, :3])


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
    return max(0.0, prior[2] - 2 * float(together) + float(np.mean((weights * (covariance @ weights)).sum(axis=0))))
