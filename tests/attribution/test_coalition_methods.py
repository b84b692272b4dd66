import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.attribution import Banzhaf, Lime, Occlusion, SampledShapley


def test_banzhaf_of_a_product_is_its_share_over_all_coalitions_of_the_others():
    # Of three factors, each makes a difference only where both others are present: one coalition of four.
    result = Banzhaf().attribute(lambda x: tf.reduce_prod(x, axis=1), tf.constant([[2.0, 3.0, 4.0]]))
    np.testing.assert_allclose(result.values, [[6, 6, 6]])
    assert result.evaluations[0] == 8


def test_sampled_banzhaf_agrees_with_enumeration_within_its_standard_errors(relu_network, six_columns):
    def model(x):
        return relu_network(x[:, :6] + x[:, 6:])

    rows = tf.concat([six_columns, six_columns[::-1]], axis=1)
    exact = Banzhaf(max_evaluations=4096).attribute(model, rows)
    result = Banzhaf(coalitions=200).attribute(model, rows)
    assert (exact.evaluations == 4096).all()
    score = np.sqrt(np.mean((result.values - exact.values) ** 2) / np.mean(result.standard_errors**2))
    assert 0.5 < score < 2


def test_occlusion_is_the_loss_without_each_feature(six_columns):
    result = Occlusion().attribute(lambda x: x[:, 0] * x[:, 1] + x[:, 2], six_columns, 1.0)
    first, second, third = six_columns.numpy()[:, :3].T
    np.testing.assert_allclose(result.values[:, 0], first * second - second, atol=1e-5)
    np.testing.assert_allclose(result.values[:, 1], first * second - first, atol=1e-5)
    np.testing.assert_allclose(result.values[:, 2], third - 1, atol=1e-5)
    np.testing.assert_array_equal(result.values[:, 3:], 0)
    assert (result.evaluations == 8).all()


def test_lime_recovers_an_additive_function(six_columns):
    result = Lime(samples=60).attribute(lambda x: tf.reduce_sum(x, axis=1), six_columns)
    np.testing.assert_allclose(result.values, six_columns, atol=1e-5)
    assert result.converged.all()
    assert (result.evaluations == 62).all()


def test_lime_is_the_weighted_fit_to_all_coalitions_where_they_are_no_more_than_its_samples(relu_network, six_columns):
    result = Lime(samples=62).attribute(relu_network, six_columns)
    assert (result.evaluations == 64).all()
    assert result.converged.all()
    present = np.array(list(itertools.product([0, 1], repeat=6)))
    # The authors' kernel, of the share of features that are absent: a distance of sqrt(absent).
    roots = np.exp(-(6 - present.sum(axis=1)) / (2 * (0.75 * np.sqrt(6)) ** 2)) ** 0.5
    for row, values in zip(six_columns.numpy(), result.values, strict=True):
        outputs = relu_network(tf.constant(present * row, tf.float32)).numpy()
        design = np.column_stack([np.ones(64), present])
        expected = np.linalg.lstsq(design * roots[:, None], outputs * roots, rcond=None)[0][1:]
        np.testing.assert_allclose(values, expected, atol=1e-5)


def test_a_narrow_lime_kernel_sees_the_neighbourhood_of_the_row():
    def lost_twice(x):
        return tf.cast(tf.reduce_sum(1 - x, axis=1) >= 2, tf.float32)

    rows = tf.ones([1, 6])
    narrow = Lime(samples=3000, kernel_width=0.3).attribute(lost_twice, rows)
    wide = Lime(samples=3000, kernel_width=50.0).attribute(lost_twice, rows)
    assert np.abs(narrow.values).max() < 0.03
    assert wide.values.max() < -0.05


def test_lime_standard_errors_have_the_size_of_the_errors(relu_network, six_columns):
    many = Lime(samples=20000, seed=1).attribute(relu_network, six_columns[:8])
    few = Lime(samples=50, seed=2).attribute(relu_network, six_columns[:8])
    scores = (few.values - many.values) / few.standard_errors
    assert 0.6 < np.sqrt(np.mean(scores**2)) < 1.6


@pytest.mark.parametrize("method", [Lime(samples=50, seed=4), Banzhaf(coalitions=40, seed=4), Occlusion()])
def test_values_do_not_depend_on_the_batch(method):
    rows = tf.constant(np.random.default_rng(1).integers(-3, 4, (9, 8)), tf.float32)

    def model(x):
        return tf.reduce_prod(x[:, :3], axis=1) + tf.reduce_max(x, axis=1)

    whole, part = method.attribute(model, rows), method.attribute(model, rows[::-1][2:5])
    np.testing.assert_allclose(part.values, whole.values[::-1][2:5], atol=1e-9)


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match="7 evaluations a row are too few for 9 features; give at least 13"):
        Lime(samples=5).attribute(lambda x: x[:, 0], tf.ones([1, 9]))
    with pytest.raises(ValueError, match="kernel_width -1"):
        Lime(kernel_width=-1)


def test_columns_of_narrow_and_of_wide_tensors_are_chosen_alike():
    rows = tf.constant(np.random.default_rng(4).normal(size=(9, 4)), tf.float32)
    players = {name: [("x", column)] for column, name in enumerate("abcd")}
    found = []
    for columns in (4, 80):  # chosen by a product, and by a mask
        inputs = {"x": tf.pad(rows, [[0, 0], [0, columns - 4]]), "t": tf.reverse(rows, [1])}
        result = SampledShapley().attribute(
            lambda d: d["x"][:, 0] * d["x"][:, 1] + tf.tanh(d["x"][:, 2] * d["t"][:, 3]) * d["x"][:, 3],
            inputs,
            {"x": tf.fill([1, columns], 0.5), "t": 0.0},
            {**players, "whole": ["t"]},
        )
        found.append(result.values)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-6)
