"""Sums and squares of half differences, which TensorFlow makes for all rows at once."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.attribution.coalitions.products import folded, sums_and_squares

_PAIRS, _PLACES, _JUDGED, _STRENGTHS = 130, 12, 100, 3


@pytest.fixture(name="rows", scope="module")
def fixture_rows():
    return np.random.default_rng(0).normal(size=(500, _PAIRS))


@pytest.fixture(name="precisions", scope="module")
def fixture_precisions():
    square = np.random.default_rng(2).normal(size=(_STRENGTHS, _JUDGED, _JUDGED))
    return square + square.swapaxes(1, 2)


@pytest.fixture(name="matrices", scope="module")
def fixture_matrices(precisions):
    shapes = (_PAIRS, _PLACES), (_PAIRS, 10 * _PLACES)
    plain = [tf.constant(np.random.default_rng(seed).normal(size=shape)) for seed, shape in enumerate(shapes)]
    return [*plain, folded(precisions)]


def test_they_are_what_they_say(rows, matrices, precisions):
    sums, squares, forms = sums_and_squares(rows, *matrices)
    weights, changes = (matrix.numpy() for matrix in matrices[:2])
    np.testing.assert_allclose(sums, rows @ weights, atol=1e-10)
    np.testing.assert_allclose(squares, ((rows @ changes) ** 2).mean(axis=1), rtol=1e-10)
    judged = rows[:, 1 : 1 + _JUDGED]
    np.testing.assert_allclose(forms, np.einsum("ri,sij,rj->rs", judged, precisions, judged), atol=1e-8)


@pytest.mark.parametrize("count", [1, 2, 47, 49, 300])
def test_a_row_s_bits_depend_on_the_row_alone(rows, matrices, count):
    of_all = sums_and_squares(rows, *matrices)
    of_some = sums_and_squares(rows[-count:], *matrices)
    for whole, some in zip(of_all, of_some, strict=True):
        np.testing.assert_array_equal(some, whole[-count:])


def test_a_row_that_is_not_finite_leaves_the_others_as_they_are(rows, matrices):
    broken = rows.copy()
    broken[3, 5] = np.nan
    for found, expected in zip(sums_and_squares(broken, *matrices), sums_and_squares(rows, *matrices), strict=True):
        assert np.isnan(found[3]).all()
        np.testing.assert_array_equal(np.delete(found, 3, axis=0), np.delete(expected, 3, axis=0))
