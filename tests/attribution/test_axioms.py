"""The axioms that every attribution method is held to, as properties over generated functions and rows."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attribution.methods import COMPLETE, LINEAR, PRECISE

_COLUMNS = 8
_every_method = pytest.mark.parametrize("method", PRECISE.values(), ids=PRECISE)
_some = settings(max_examples=4, deadline=None, derandomize=True)
_seeds = st.integers(0, 2**20)


@pytest.fixture(autouse=True, scope="module")
def _without_tracing():
    """Hundreds of functions, each called a few times: tracing them would take most of the tests' time."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


class _Polynomial:
    """A cubic of `_COLUMNS` inputs with random coefficients; column 3 does nothing, and 1 and 2 are interchangeable."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        first, second, third = rng.normal(0, 0.7, (3, _COLUMNS, 1)).astype(np.float32)
        for weights in (first, second, third):
            weights[3], weights[2] = 0, weights[1]
        self._first, self._second, self._third = first, second, third

    def __call__(self, x):
        first, second, third = x @ self._first, x @ self._second, x @ self._third
        return (first + first * second + 0.3 * first * second * third)[:, 0]


def _rows(seed):
    return tf.constant(np.random.default_rng(seed).normal(size=(3, _COLUMNS)), tf.float32)


def _allowed(result):
    # Some seven standard errors of the 18 pairs that the budget has.
    return np.maximum(2 * result.approximation_errors, 6e-4)[:, None]


@pytest.mark.parametrize("method", COMPLETE.values(), ids=COMPLETE)
@_some
@given(seed=_seeds)
def test_attributions_add_up(method, seed):
    result = method.attribute(_Polynomial(seed), _rows(seed + 1), 0.25)
    assert (np.abs(result.completeness_gaps) <= np.maximum(result.approximation_errors, 1e-5)).all()


@_every_method
@_some
@given(seed=_seeds)
def test_a_dummy_has_nothing(method, seed):
    result = method.attribute(_Polynomial(seed), _rows(seed + 1), 0.25)
    assert (np.abs(result.values[:, 3]) <= _allowed(result)[:, 0]).all()


@_every_method
@_some
@given(seed=_seeds)
def test_interchangeable_features_have_the_same(method, seed):
    rows = _rows(seed + 1).numpy()
    rows[:, 2] = rows[:, 1]
    result = method.attribute(_Polynomial(seed), rows, 0.25)
    assert (np.abs(result.values[:, 1] - result.values[:, 2]) <= _allowed(result)[:, 0]).all()


@pytest.mark.parametrize("method", LINEAR.values(), ids=LINEAR)
@_some
@given(seed=_seeds, factor=st.floats(-2, 2))
def test_attributions_of_a_sum_are_the_sum(method, seed, factor):
    one, other, rows = _Polynomial(seed), _Polynomial(seed + 1), _rows(seed + 2)
    both = method.attribute(lambda x: one(x) + factor * other(x), rows, 0.25)
    parts = [method.attribute(function, rows, 0.25) for function in (one, other)]
    expected = parts[0].values + factor * parts[1].values
    allowed = _allowed(both) + _allowed(parts[0]) + abs(factor) * _allowed(parts[1])
    assert (np.abs(both.values - expected) <= allowed).all()


@_every_method
@_some
@given(seed=_seeds)
def test_only_the_function_counts_not_how_it_is_written(method, seed):
    function, rows = _Polynomial(seed), _rows(seed + 1)
    result = method.attribute(function, rows, 0.25)
    rewritten = method.attribute(lambda x: tf.nn.relu(function(x)) - tf.nn.relu(-function(x)), rows, 0.25)
    assert (np.abs(result.values - rewritten.values) <= _allowed(result) + _allowed(rewritten)).all()
