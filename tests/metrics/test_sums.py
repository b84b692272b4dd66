import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_explain.metrics.sums import AttributionSums

ROWS = st.lists(st.one_of(st.none(), st.tuples(*[st.integers(-99, 99)] * 3)), max_size=12)


def row(values) -> AttributionSums:
    """One row's sums; None: a row that failed."""
    if values is None:
        return AttributionSums(scalars=np.eye(6)[1])
    return AttributionSums(("a", "b", "c"), np.stack([np.asarray(values, float), np.abs(values)]), np.eye(6)[0])


def total(parts) -> AttributionSums:
    result = AttributionSums()
    for part in parts:
        result.add(part)
    return result


@given(ROWS, st.integers(0, 12), st.integers(0, 12))
def test_merging_is_associative_and_leaves_what_it_adds_alone(rows, one, other):
    low, high = sorted((one, other))
    parts = [total(map(row, r)) for r in (rows[:low], rows[low:high], rows[high:])]
    before = [(p.features, p.by_feature.copy(), p.scalars.copy()) for p in parts]
    left, right = total([total(parts[:2]), parts[2]]), total([parts[0], total(parts[1:])])
    for result in (left, right):
        whole = total(map(row, rows))
        assert result.features == whole.features
        np.testing.assert_array_equal(result.by_feature, whole.by_feature)
        np.testing.assert_array_equal(result.scalars, whole.scalars)
    for part, (features, by_feature, scalars) in zip(parts, before, strict=True):
        assert part.features == features
        np.testing.assert_array_equal(part.by_feature, by_feature)
        np.testing.assert_array_equal(part.scalars, scalars)


def test_records_of_different_features_do_not_mix():
    one, other = (AttributionSums((f,), np.ones((2, 1)), np.ones(6)) for f in ("age", "sex"))
    with pytest.raises(ValueError, match=r"disagree about their features: \['age', 'sex'\]"):
        one.add(other)
