import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.attribution import SampledShapley, row_keys
from tfx_explain.attribution.problem.promise import simultaneous


def _by_definition(function, rows, baseline):
    """Mean marginal change over all orders, computed one order at a time."""
    rows, count = np.asarray(rows), rows.shape[1]
    values = np.zeros(rows.shape)
    for order in itertools.permutations(range(count)):
        point = np.broadcast_to(np.float32(baseline), rows.shape).copy()
        before = function(tf.constant(point)).numpy().astype(np.float64)
        for feature in order:
            point[:, feature] = rows[:, feature]
            after = function(tf.constant(point)).numpy().astype(np.float64)
            values[:, feature] += after - before
            before = after
    return values / math.factorial(count)


def test_enumeration_is_the_mean_over_all_orders(relu_network, six_columns):
    result = SampledShapley().attribute(relu_network, six_columns, 0.5)
    np.testing.assert_allclose(result.values, _by_definition(relu_network, six_columns, 0.5), atol=1e-5)
    assert (result.evaluations == 64).all()
    assert (result.approximation_errors < 1e-5).all()
    assert result.converged.all()
    np.testing.assert_allclose(result.completeness_gaps, 0, atol=1e-12)


def test_sampling_agrees_with_enumeration_within_its_standard_errors(relu_network, six_columns):
    def model(x):
        return relu_network(x[:, :6] + x[:, 6:])

    rows = tf.concat([six_columns, six_columns[::-1]], axis=1)
    exact = SampledShapley().attribute(model, rows).values
    result = SampledShapley(paths=60, seed=3).attribute(model, rows)
    # 30 orders and their reverses pass through fewer coalitions than steps.
    assert 400 < result.evaluations[0] <= 662
    scores = (result.values - exact) / result.standard_errors
    assert 0.7 < np.sqrt(np.mean(scores**2)) < 1.4
    np.testing.assert_allclose(result.completeness_gaps, 0, atol=1e-12)
    # The largest of twelve errors is within so many standard errors on 95% of rows; more, as these are estimates.
    several = result.approximation_errors / np.max(result.standard_errors, axis=1)
    assert (several > simultaneous(12, np.inf)).all()
    assert (several < 1.5 * simultaneous(12, np.inf)).all()


def test_sampling_stops_at_the_tolerance(six_columns):
    def mostly_additive(x):
        return tf.reduce_sum(x, axis=1) + 10 * tf.nn.relu(x[:, 0]) * tf.nn.relu(x[:, 1] * x[:, 2])

    result = SampledShapley(tolerance=0.02, max_evaluations=63).attribute(mostly_additive, tf.tile(six_columns, [1, 2]))
    assert result.evaluations.max() <= 63
    wide = SampledShapley(tolerance=0.02, max_evaluations=4000).attribute(mostly_additive, tf.tile(six_columns, [1, 2]))
    scale = np.abs(wide.values).sum(axis=1)
    met = wide.approximation_errors <= 0.02 * scale + 1e-4
    assert met[wide.converged].all()
    additive = tf.reduce_min(tf.nn.relu(six_columns[:, :3]), axis=1).numpy() == 0
    assert wide.evaluations[additive].min() < wide.evaluations.max()


def test_an_additive_function_is_exact_after_the_first_pairs():
    rows = tf.constant(np.random.default_rng(0).integers(-9, 9, (5, 20)), tf.float32)
    result = SampledShapley().attribute(lambda x: tf.reduce_sum(x, axis=1), rows)
    np.testing.assert_allclose(result.values, rows, atol=1e-9)
    assert (result.standard_errors < 1e-5).all()
    # A value of 0, the baseline's, takes no part.
    taking_part = (rows.numpy() != 0).sum(axis=1)
    assert (result.evaluations <= 2 + 8 * 2 * (taking_part - 1)).all()
    assert (result.standard_errors[rows.numpy() == 0] == 0).all()


def test_an_additive_function_of_many_features_is_known_after_the_first_orders():
    rows = tf.constant(np.random.default_rng(0).integers(1, 9, (2, 40)), tf.float32)
    result = SampledShapley().attribute(lambda x: tf.reduce_sum(x, axis=1), rows)
    np.testing.assert_allclose(result.values, rows, atol=1e-6)
    assert result.converged.all() and (result.evaluations <= 2 + 8 * 2 * 39).all()


@pytest.mark.parametrize("size", [1.0, 0.01])
def test_an_interaction_of_three_of_many_features_is_off_by_less_than_five_stated_errors(size):
    rows = tf.ones([64, 40])
    known = tf.constant(np.random.default_rng(1).normal(size=40), tf.float32)
    exact = known.numpy() + np.where(np.arange(40) < 3, size * 40 / 3, 0)

    def model(x):
        return tf.linalg.matvec(x, known) + size * 40 * x[:, 0] * x[:, 1] * x[:, 2]

    # Each row's features have other places.
    result = SampledShapley(paths=16).attribute(model, rows, row_keys=np.arange(64, dtype=np.uint64))
    errors = np.abs(result.values - exact).max(axis=1)
    assert (errors < 5 * result.approximation_errors + 1e-4).all()


def test_strings_ragged_and_held_tensors_take_part():
    def model(tensors):
        words = tf.cast(tf.strings.length(tensors["word"]), tf.float32)
        return tensors["held"] * (words + tf.reduce_sum(tensors["tags"], axis=1) * tensors["size"][:, 0])

    inputs = {
        "word": tf.constant(["abc", "de"]),
        "tags": tf.ragged.constant([[1.0, 2.0, 3.0], []]),
        "size": tf.constant([[2.0], [5.0]]),
        "held": tf.constant([1.0, 10.0]),
    }
    baselines = {"word": [""], "tags": tf.ragged.constant([[1.0]]), "size": [[0.0]]}
    players = {name: (name,) for name in baselines}
    result = SampledShapley().attribute(model, inputs, baselines, players)
    # tags: half of its effect at size 0 and at full size; size: half at both tags.
    np.testing.assert_allclose(result.values, [[3, 5, 7], [20, -25, 25]], rtol=1e-6)


def test_several_baselines_are_averaged(relu_network, six_columns):
    baselines = tf.constant([[0.0] * 6, [1.0] * 6])
    both = SampledShapley().attribute(relu_network, six_columns, baselines)
    single = [SampledShapley().attribute(relu_network, six_columns, float(value)) for value in (0, 1)]
    np.testing.assert_allclose(both.values, (single[0].values + single[1].values) / 2, atol=1e-6)
    np.testing.assert_allclose(both.instance_outputs, single[0].instance_outputs, atol=1e-6)


def test_a_bad_row_is_named_and_harms_no_other(six_columns):
    def model(x):
        return tf.where(x[:, 0] == 7, np.nan, tf.reduce_sum(x, axis=1))

    bad = six_columns.numpy().copy()
    bad[3, 2], bad[5, 0] = np.nan, 7
    for method in (SampledShapley(), SampledShapley(paths=4, max_evaluations=8)):
        result = method.attribute(model, bad)
        assert result.failures[3] == "feature 'x[2]' is not finite"
        assert result.failures[5] == "the output is not finite where feature 'x[0]' is present"
        assert sum(map(bool, result.failures)) == 2
        assert np.isnan(result.values[[3, 5]]).all()
        sound = np.delete(np.arange(40), [3, 5])
        np.testing.assert_allclose(result.values[sound], six_columns.numpy()[sound], atol=1e-5)


def test_a_budget_without_two_pairs_is_refused():
    with pytest.raises(ValueError, match="10 evaluations a row are too few for 20 features; give at least 78"):
        SampledShapley(max_evaluations=10).attribute(lambda x: x[:, 0], tf.ones([1, 20]))


@pytest.mark.parametrize("batch_size", [16, 8192])
def test_same_seed_same_bits_however_batched_and_ordered(batch_size):
    # Small integers: the function is exact in float32, so only the randomness could differ.
    rows = tf.constant(np.random.default_rng(1).integers(-3, 4, (9, 14)), tf.float32)

    def model(x):
        return tf.reduce_prod(x[:, :3], axis=1) + tf.reduce_max(x, axis=1) * x[:, 5]

    method = SampledShapley(max_evaluations=500, seed=5, batch_size=batch_size)
    whole = SampledShapley(max_evaluations=500, seed=5).attribute(model, rows)
    order = np.random.default_rng(2).permutation(9)
    for part in (order[:4], order[4:]):
        result = method.attribute(model, tf.gather(rows, part))
        np.testing.assert_array_equal(result.values, whole.values[part])
        np.testing.assert_array_equal(result.approximation_errors, whole.approximation_errors[part])
    other = SampledShapley(max_evaluations=500, seed=6).attribute(model, rows)
    assert (other.values != whole.values).any()


def test_row_keys_take_part_in_the_randomness():
    rows = tf.ones([3, 14]) * tf.range(1.0, 15.0)

    def model(x):
        return tf.reduce_max(x, axis=1)

    result = SampledShapley(paths=4, max_evaluations=100).attribute(
        model, rows, row_keys=np.array([1, 1, 2], np.uint64)
    )
    np.testing.assert_array_equal(result.values[0], result.values[1])
    assert (result.values[0] != result.values[2]).any()
    np.testing.assert_array_equal(row_keys({"x": rows})[0], row_keys({"x": rows})[2])
