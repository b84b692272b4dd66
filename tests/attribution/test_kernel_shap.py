import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.attribution import KernelShap, SampledShapley
from tfx_explain.attribution.coalitions.designs import choose_pairs
from tfx_explain.attribution.coalitions.rules import least_variance


@pytest.fixture(scope="module")
def wide_network(relu_network):
    return lambda x: relu_network(x[:, :6] + x[:, 6:])


@pytest.fixture(scope="module")
def twelve_columns(six_columns):
    return tf.concat([six_columns, six_columns[::-1]], axis=1)


def test_pairs_are_distinct_and_a_longer_choice_begins_with_the_shorter():
    for features in (5, 12, 30):
        signs = choose_pairs(features, 200).signs
        assert (signs[0] == -1).all()
        both = np.concatenate([signs, -signs])
        assert len(np.unique(both, axis=0)) == len(both)
        np.testing.assert_array_equal(choose_pairs(features, 60).signs[:16], signs[: min(16, len(signs))])


@pytest.mark.parametrize(("features", "pairs"), [(5, 16), (12, 20), (12, 900), (40, 60)])
def test_weights_are_unbiased_for_single_features_and_complete(features, pairs):
    design = choose_pairs(features, pairs)
    signs, weights = design.signs, least_variance("shapley", True, design, pairs).weights.numpy()
    np.testing.assert_allclose(weights.T @ signs, 2 * np.eye(features), atol=1e-6)
    # All features present less all absent, minus twice the first half difference: the values sum to the whole change.
    np.testing.assert_allclose(weights.sum(axis=1), [-2] + [0] * (pairs - 1), atol=1e-9)


def test_all_pairs_give_exact_values(wide_network, twelve_columns):
    exact = SampledShapley().attribute(wide_network, twelve_columns)
    result = KernelShap(coalitions=4096).attribute(wide_network, twelve_columns)
    np.testing.assert_allclose(result.values, exact.values, atol=1e-6)
    assert (result.standard_errors < 1e-5).all()


@pytest.mark.parametrize("evaluations", [60, 120, 600])
def test_estimates_agree_with_enumeration_within_their_standard_errors(wide_network, twelve_columns, evaluations):
    exact = SampledShapley().attribute(wide_network, twelve_columns).values
    result = KernelShap(coalitions=evaluations, seed=1).attribute(wide_network, twelve_columns)
    assert (result.evaluations == evaluations).all()
    score = np.sqrt(np.mean((result.values - exact) ** 2) / np.mean(result.standard_errors**2))
    assert 0.6 < score < 1.7
    np.testing.assert_allclose(result.completeness_gaps, 0, atol=1e-9)


def test_it_is_more_precise_than_permutations_at_equal_evaluations(wide_network, twelve_columns):
    exact = SampledShapley().attribute(wide_network, twelve_columns).values
    orders = SampledShapley(max_evaluations=112, tolerance=1e-9).attribute(wide_network, twelve_columns)
    regression = KernelShap(coalitions=112).attribute(wide_network, twelve_columns)
    assert orders.evaluations[0] == regression.evaluations[0]
    errors = [np.sqrt(np.mean((result.values - exact) ** 2)) for result in (orders, regression)]
    assert errors[1] < 0.7 * errors[0]


def test_it_stops_at_the_tolerance(wide_network, twelve_columns):
    result = KernelShap(tolerance=0.004, max_evaluations=2048).attribute(wide_network, twelve_columns)
    scale = np.abs(result.values).sum(axis=1)
    assert (result.approximation_errors <= 0.004 * scale + 1e-5)[result.converged].all()
    assert result.evaluations.min() < result.evaluations.max() <= 2048


def test_an_additive_function_is_exact_in_the_first_round():
    rows = tf.constant(np.random.default_rng(0).integers(-9, 9, (5, 40)), tf.float32)
    result = KernelShap().attribute(lambda x: tf.reduce_sum(x, axis=1), rows)
    np.testing.assert_allclose(result.values, rows, atol=1e-6)
    # Twice as many pairs as features that differ from the baseline.
    np.testing.assert_array_equal(result.evaluations, 4 * (rows.numpy() != 0).sum(axis=1))
    assert result.converged.all()


@pytest.mark.parametrize("batch_size", [5, 8192])
def test_same_seed_same_values_however_batched_and_ordered(batch_size):
    rows = tf.constant(np.random.default_rng(1).integers(-3, 4, (9, 14)), tf.float32)

    def model(x):
        return tf.reduce_prod(x[:, :3], axis=1) + tf.reduce_max(x, axis=1) * x[:, 5]

    whole = KernelShap(max_evaluations=300, seed=5).attribute(model, rows)
    part = KernelShap(max_evaluations=300, seed=5, batch_size=batch_size).attribute(model, rows[::-1][2:6])
    np.testing.assert_allclose(part.values, whole.values[::-1][2:6], atol=1e-12)
    other = KernelShap(max_evaluations=300, seed=6).attribute(model, rows)
    assert (np.abs(other.values - whole.values) > 1e-3).any()


def test_a_bad_row_is_named_and_harms_no_other(twelve_columns):
    def model(x):
        return tf.where(x[:, 0] == 7, np.nan, tf.reduce_sum(x, axis=1))

    bad = twelve_columns.numpy().copy()
    bad[3, 2], bad[5, 0] = np.nan, 7
    result = KernelShap(coalitions=60).attribute(model, bad)
    assert {i: f for i, f in enumerate(result.failures) if f} == {
        3: "feature 'x[2]' is not finite",
        5: "the output is not finite where feature 'x[0]' is present",
    }
    sound = np.delete(np.arange(40), [3, 5])
    np.testing.assert_allclose(result.values[sound], twelve_columns.numpy()[sound], atol=1e-5)


def test_settings_and_budgets_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"coalitions is 9999; give 1 to 4096"):
        KernelShap(coalitions=9999)
    with pytest.raises(ValueError, match="40 evaluations a row are too few for 20 features; give at least 44"):
        KernelShap(max_evaluations=40).attribute(lambda x: x[:, 0], tf.ones([1, 20]))
