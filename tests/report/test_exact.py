"""Exact sums: they are those of fractions, in any order."""

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tfx_explain.report.exact import ExactSums


def added(values):
    sums = ExactSums(values.shape[1])
    sums.add(values)
    return sums


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(np.float64, st.tuples(st.integers(0, 8), st.integers(1, 3)), elements=st.floats(-1e300, 1e300)),
    st.integers(0, 8),
    st.randoms(use_true_random=False),
)
def test_they_are_the_nearest_floats_in_any_order(values, cut, random):
    expected = [float(sum(map(Fraction, column))) for column in values.T.tolist()]
    assert added(values).values().tolist() == expected
    order = random.sample(range(len(values)), len(values))
    parts = added(values[order[cut:]])
    parts.merge(added(values[order[:cut]]))
    assert ExactSums.from_dict(json.loads(json.dumps(parts.to_dict()))).values().tolist() == expected


def test_what_is_no_number_makes_its_own_column_none():
    sums = added(np.array([[1.0, np.nan, 1.0], [2.0, 1.0, np.inf]]))
    sums.merge(added(np.ones((1, 3))))
    assert sums.values()[0] == 4
    assert np.isnan(sums.values()[1:]).all()


def test_small_numbers_are_not_lost_beside_large_ones():
    assert added(np.array([[1e300], [5e-324], [-1e300]])).values().tolist() == [5e-324]
    many = np.full((2**16, 1), 0.1)
    assert added(many).values()[0] == pytest.approx(float(Fraction(0.1) * 2**16), rel=0)
