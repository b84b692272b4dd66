"""Arithmetic of probabilities on logarithms, where nothing saturates.

A value is known by how far it is above the least that it can be, and below the most: a sigmoid by log(p) and
log(1 - p).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

# What float32 leaves of 0, in sums of weights for example.
_ROUNDING = 1e-6
_FAR = 10.0


@dataclass(frozen=True)
class Between:
    """Values by the ends between which they lie, all float64 of one shape.

    Attributes:
        low: the least that they can be.
        span: how much more the most is; of no account where `below` is None.
        above: log(value - low).
        below: log(low + span - value); None where it isn't known.
    """

    low: tf.Tensor
    span: tf.Tensor
    above: tf.Tensor
    below: tf.Tensor | None

    @property
    def log(self) -> tf.Tensor:
        """The logarithm of the values; NaN where they may be negative."""
        return log_add(_log(self.low), self.above)

    @property
    def log_of_rest(self) -> tf.Tensor | None:
        """log(1 - value), None where it isn't known."""
        return None if self.below is None else log_add(_log(1 - self.low - self.span), self.below)

    def map(self, function: Callable[[tf.Tensor], tf.Tensor]) -> Between:
        """Returns the values moved about."""
        below = None if self.below is None else function(self.below)
        return Between(function(self.low), function(self.span), function(self.above), below)


def log_add(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """log(exp(first) + exp(second)); either may be -infinity."""
    most = tf.stop_gradient(tf.maximum(first, second))
    most = tf.where(tf.math.is_finite(most), most, tf.zeros_like(most))
    return tf.math.log(tf.exp(first - most) + tf.exp(second - most)) + most


def log_sum_of_others(logits: tf.Tensor) -> tf.Tensor:
    """Of each element, log(sum(exp)) of the others along the last axis; nothing is subtracted, so nothing cancels."""
    before = tf.math.cumulative_logsumexp(logits, axis=-1, exclusive=True)
    after = tf.math.cumulative_logsumexp(logits, axis=-1, exclusive=True, reverse=True)
    return tf.reduce_logsumexp(tf.stack([before, after]), axis=0)


def constant(values: tf.Tensor) -> Between:
    """Values that no feature has any influence on."""
    nothing = tf.fill(tf.shape(values), tf.constant(-np.inf, tf.float64))
    return Between(values, tf.zeros_like(values), nothing, nothing)


def of_log(log: tf.Tensor, log_of_rest: tf.Tensor | None = None) -> Between:
    """Positive values by their logarithm; those below 1 by that of what they leave to 1, too."""
    return Between(tf.zeros_like(log), tf.ones_like(log), log, log_of_rest)


def sigmoid(logits: tf.Tensor) -> Between:
    """Of the logistic function."""
    return of_log(tf.math.log_sigmoid(logits), tf.math.log_sigmoid(-logits))


def softmax(logits: tf.Tensor) -> Between:
    """Of a softmax over the last axis."""
    others = log_sum_of_others(logits)
    every = log_add(logits, others)
    return of_log(logits - every, others - every)


def tanh(values: tf.Tensor) -> Between:
    """Of the hyperbolic tangent: 2 sigmoid(2 z) - 1."""
    return plus(scaled(sigmoid(2 * values), _like(values, 2)), constant(_like(values, -1)))


def erfc(values: tf.Tensor) -> Between:
    """Of the complementary error function, of which a probit is half."""
    log, log_of_rest = _log_erfc(values), _log_erfc(-values)
    return Between(tf.zeros_like(log), _like(log, 2), log, log_of_rest)


def erf(values: tf.Tensor) -> Between:
    """Of the error function: 1 - erfc(z)."""
    return plus(scaled(erfc(values), _like(values, -1)), constant(_like(values, 1)))


def exp_of_minus(log: tf.Tensor) -> Between:
    """Of exp(-exp(log)): what is left to 1 is taken of the smaller one of two numbers (Mächler, 2012)."""
    rate = tf.exp(log)
    is_small = log < math.log(math.log(2))
    near = tf.math.log(-tf.math.expm1(-tf.where(is_small, rate, tf.ones_like(rate))))
    far = tf.math.log1p(-tf.exp(-tf.where(is_small, tf.ones_like(rate), rate)))
    return of_log(-rate, tf.where(is_small, near, far))


def negated(one: Between) -> Between | None:
    """-value."""
    return None if one.below is None else Between(-one.low - one.span, one.span, one.below, one.above)


def plus(one: Between, other: Between) -> Between:
    """Sums."""
    below = None if one.below is None or other.below is None else log_add(one.below, other.below)
    return _level(one.low + other.low, one.span + other.span, log_add(one.above, other.above), below)


def scaled(one: Between, factors: tf.Tensor) -> Between:
    """Products with numbers; where it isn't known how far values are below their most, positive ones."""
    log = tf.math.log(tf.abs(factors))
    span = tf.abs(factors) * one.span
    if one.below is None:
        return _level(factors * one.low, span, tf.math.log(factors) + one.above, None)
    up, down = one.above + tf.zeros_like(log), one.below + tf.zeros_like(log)
    is_up = tf.broadcast_to(factors >= 0, tf.shape(up))
    low = factors * one.low + tf.where(factors >= 0, tf.zeros_like(factors), factors) * one.span
    return _level(low, span, log + tf.where(is_up, up, down), log + tf.where(is_up, down, up))


def times(one: Between, other: Between) -> Between:
    """Products of positive values: a b is below A B by B (A - a) + a (B - b)."""
    most, others = one.low + one.span, other.low + other.span
    below = None
    if one.below is not None and other.below is not None:
        below = log_add(tf.math.log(others) + one.below, one.log + other.below)
    return _level(tf.zeros_like(one.low), most * others, one.log + other.log, below)


def quotient(one: Between, whole: Between, rest: Between | None = None) -> Between:
    """Quotients of positive values; `rest` is what the first are less than the second, if it is known and positive."""
    return of_log(one.log - whole.log, None if rest is None else rest.log - whole.log)


def reciprocal(one: Between) -> Between:
    """1 / value of values above a positive low: 1 / low - 1 / value is (value - low) / (low value)."""
    return _level(tf.zeros_like(one.low), 1 / one.low, -one.log, one.above - tf.math.log(one.low) - one.log)


def summed(one: Between, reduce: Callable[[Callable[..., tf.Tensor], tf.Tensor], tf.Tensor]) -> Between:
    """Sums over axes: `reduce` applies a reducing function to a tensor."""
    below = None if one.below is None else reduce(tf.reduce_logsumexp, one.below)
    low, span = (reduce(tf.reduce_sum, part) for part in (one.low, one.span))
    return Between(low, span, reduce(tf.reduce_logsumexp, one.above), below)


def greatest(one: Between, reduce: Callable[[Callable[..., tf.Tensor], tf.Tensor], tf.Tensor]) -> Between:
    """The greatest along axes, of values between the same ends."""
    below = None if one.below is None else reduce(tf.reduce_min, one.below)
    low, span = (reduce(tf.reduce_max, part) for part in (one.low, one.span))
    return Between(low, span, reduce(tf.reduce_max, one.above), below)


def multiplied(one: Between) -> Between:
    """Products along the last axis of values from 0 to 1: 1 - a b c is (1 - a) + a (1 - b) + a b (1 - c)."""
    rest = one.log_of_rest
    before = tf.cumsum(one.log, axis=-1, exclusive=True)
    return of_log(
        tf.reduce_sum(one.log, axis=-1), None if rest is None else tf.reduce_logsumexp(before + rest, axis=-1)
    )


def _level(low: tf.Tensor, span: tf.Tensor, above: tf.Tensor, below: tf.Tensor | None) -> Between:
    """Parts that were broadcast, in the one shape of all."""
    zeros = tf.zeros_like(above)
    return Between(low + zeros, span + zeros, above, below)


def _log(values: tf.Tensor) -> tf.Tensor:
    """Of numbers of which rounding may have left something of 0."""
    return tf.math.log(tf.where(tf.abs(values) < _ROUNDING, tf.zeros_like(values), values))


def _log_erfc(values: tf.Tensor) -> tf.Tensor:
    """Where erfc is next to 0, by its asymptotic series (Abramowitz and Stegun 7.1.23), right to 1e-9 there."""
    is_far, edge = values > _FAR, _like(values, _FAR)
    far, near = tf.maximum(values, edge), tf.minimum(values, edge)
    step = 0.5 / far**2
    series = tf.math.log1p(-step * (1 - 3 * step * (1 - 5 * step * (1 - 7 * step))))
    tail = series - far**2 - tf.math.log(far * math.sqrt(math.pi))
    return tf.where(is_far, tail, tf.math.log(tf.math.erfc(near)))


def _like(values: tf.Tensor, number: float) -> tf.Tensor:
    return tf.fill(tf.shape(values), tf.constant(number, tf.float64))
