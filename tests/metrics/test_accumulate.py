"""The sums behind the metrics, against numpy over all rows at once: in any order, cut anywhere, weighted."""

import functools
import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_model_analysis.utils import util

from tfx_explain.metrics.rows import ModelRows, to_extracts
from tfx_explain.metrics.sums import AttributionSums, sums_computation
from tfx_explain.storage import columns

NAMES = ("a", "b", "c")
# Whole numbers, so that sums are exact in any order; None: a row that failed.
ROWS = st.lists(st.one_of(st.none(), st.tuples(*[st.integers(-99, 99)] * 3)), max_size=12)
COMPUTATION = sums_computation("", "", True)


def batch(rows, names=NAMES, weights=None):
    """One batch as TFMA hands it to the combiner, record by record."""
    if not len(rows):
        return []
    values = np.asarray([[np.nan] * len(names) if row is None else row for row in rows], float)
    fields = np.tile([0.0, 1.0, 2.0, 0.0, 1.0], (len(rows), 1))
    extracts = to_extracts({"": {"": ModelRows(names, values, fields)}}, with_dictionaries=False)
    extracts["example_weights"] = np.ones(len(rows)) if weights is None else np.asarray(weights, float)
    (preprocessor,) = COMPUTATION.preprocessors
    return [row for extract in util.split_extracts(extracts) for row in preprocessor.process(extract)]


def accumulate(rows):
    return functools.reduce(COMPUTATION.combiner.add_input, rows, COMPUTATION.combiner.create_accumulator())


def value(accumulator):
    ((_, sums),) = COMPUTATION.combiner.extract_output(accumulator).items()
    return sums


def expected(rows):
    good = np.asarray([row for row in rows if row is not None], float).reshape(-1, len(NAMES))
    gaps = np.abs(good.sum(axis=1) - 1)
    counts = (len(good), len(rows) - len(good), len(good), gaps.sum(), 2 * len(good), 0)
    return good.sum(axis=0), np.abs(good).sum(axis=0), counts


def assert_sums(sums, rows):
    signed, absolute, scalars = expected(rows)
    if rows:
        np.testing.assert_array_equal(sums.signed, signed)
        np.testing.assert_array_equal(sums.absolute, absolute)
    got = operator.attrgetter(
        "explained_rows", "failed_rows", "weight", "completeness_gap", "approximation_error", "tolerance_missed"
    )
    assert got(sums) == scalars


@given(ROWS, st.integers(0, 12), st.integers(0, 12))
def test_merging_is_associative_and_leaves_what_it_adds_alone(rows, one, other):
    low, high = sorted((one, other))
    merge = COMPUTATION.combiner.merge_accumulators
    parts = [accumulate(batch(r)) for r in (rows[:low], rows[low:high], rows[high:])]
    left, right = merge([merge(parts[:2]), parts[2]]), merge([parts[0], merge(parts[1:])])
    for accumulator in (left, right, COMPUTATION.combiner.compact(left), accumulate(batch(rows))):
        if accumulator:
            assert_sums(value(accumulator), rows)
    for part, of_part in zip(parts, (rows[:low], rows[low:high], rows[high:]), strict=True):
        if part:
            assert_sums(value(part), of_part)


@given(ROWS.filter(len), st.lists(st.integers(1, 5), min_size=12, max_size=12))
def test_a_weight_is_a_repetition(rows, weights):
    weights = weights[: len(rows)]
    weighted = value(accumulate(batch(rows, weights=weights)))
    repeated = value(accumulate(batch(np.repeat(np.asarray(rows, object), weights, axis=0).tolist())))
    np.testing.assert_array_equal(weighted.signed, repeated.signed)
    np.testing.assert_array_equal(weighted.absolute, repeated.absolute)
    assert weighted.weight == repeated.weight
    assert weighted.completeness_gap == repeated.completeness_gap


def test_more_rows_than_are_added_at_once():
    rows = np.random.default_rng(3).integers(-9, 9, (1000, 3)).tolist()
    accumulator = accumulate(batch(rows))
    (block,) = accumulator.values()
    assert len(block.waiting) < 1000
    assert_sums(value(accumulator), rows)


def test_records_of_different_features_do_not_mix():
    mixed = accumulate([*batch([[1.0]], ("age",)), *batch([[1.0]], ("sex",))])
    with pytest.raises(ValueError, match=r"disagree about their features: \['age', 'sex'\]"):
        value(mixed)


def test_a_batch_without_attributions_mixes_with_any():
    mixed = value(accumulate([*batch([[1.0]], ("age",)), *batch([[]], ())]))
    assert (mixed.features, mixed.explained_rows, mixed.failed_rows) == (("age",), 1, 1)


def test_the_fields_are_those_of_the_records():
    assert columns.FIELDS.index("instance_output_value") == 1  # `batch` above relies on it.


def test_of_many_features_few_rows_wait():
    names = tuple(f"feature {number}" for number in range(2_000))
    rows = np.random.default_rng(0).normal(size=(9, len(names)))
    accumulator = accumulate(batch(rows, names))
    (block,) = accumulator.values()
    assert len(block.waiting) == 1  # of four at a time
    sums = value(accumulator)
    np.testing.assert_allclose(sums.signed, rows.sum(axis=0))
    assert sums.places["feature 1999"] == 1_999


def test_ranks_are_one_more_than_the_features_above():
    absolute = np.array([2.0, 5.0, np.nan, 2.0, np.inf, 0.0])
    sums = AttributionSums(tuple("abcdef"), absolute, absolute, *np.ones(6))
    assert sums.ranks.tolist() == [1 + np.count_nonzero(absolute > one) for one in absolute]
