"""What holds for every method: bad rows harm no other, and a row's results depend on that row alone."""

import numpy as np
import pytest
import tensorflow as tf

from tests.attribution.methods import MAKERS, PRECISE
from tfx_explain import attribution
from tfx_explain.attribution import GradientTimesInput, Saliency, SmoothGrad, from_function

_every_method = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def test_every_method_is_on_the_list():
    exported = {name for name in attribution.__all__ if hasattr(getattr(attribution, name), "attribute")}
    listed = {type(make(1)).__name__ for make in MAKERS.values()}
    precise = {type(method).__name__ for method in PRECISE.values()}
    assert listed == precise == exported - {"Attributions"}


@pytest.fixture(scope="module")
def smooth_network():
    """A network whose activations round in another way where they fill no vector registers."""
    rng = np.random.default_rng(5)
    first, second = (tf.constant(rng.normal(0, 0.4, size), tf.float32) for size in ((6, 37), (37, 1)))
    return from_function(lambda x: tf.sigmoid(tf.tanh(x @ first) @ second)[:, 0])


@pytest.fixture(scope="module")
def wide_network():
    """A network whose products TensorFlow splits over threads, some of them by what is summed, from some rows on."""
    rng = np.random.default_rng(5)
    weights = [tf.constant(rng.normal(0, 0.2, size), tf.float32) for size in ((6, 128), (128, 64), (64, 1))]

    def network(x):
        for weight in weights[:-1]:
            x = tf.nn.relu(x @ weight + 0.1)
        return (x @ weights[-1])[:, 0]

    return from_function(network)


@_every_method
@pytest.mark.parametrize("network", ["smooth_network", "wide_network"])
def test_a_row_s_bits_depend_on_the_row_alone(make, network, six_columns, request):
    network = request.getfixturevalue(network)
    baselines = tf.constant([[0.0] * 6, [0.5] * 6])
    whole = make(8192).attribute(network, six_columns, baselines)
    order = np.random.default_rng(3).permutation(40)
    many = np.tile(order, 16)
    for part, batch_size in ((order[:1], 8192), (order[1:14], 512), (order[14:], 7), (many, 16384)):
        result = make(batch_size).attribute(network, tf.gather(six_columns, part), baselines)
        np.testing.assert_array_equal(result.values, whole.values[part])
        np.testing.assert_array_equal(result.approximation_errors, whole.approximation_errors[part])
        np.testing.assert_array_equal(result.evaluations, whole.evaluations[part])


@pytest.mark.parametrize("shape", [(150,), (30, 5)], ids=["columns", "one feature"])
@pytest.mark.parametrize("name", ["adaptive path", "fixed path", "expected", "gradient"])
def test_so_do_the_bits_of_wide_rows(name, shape):
    rng = np.random.default_rng(6)
    first, second = (tf.constant(rng.normal(0, 0.1, size), tf.float32) for size in ((150, 37), (37, 1)))
    network = from_function(lambda x: tf.nn.relu(tf.reshape(x, [-1, 150]) @ first - 0.1) @ second)
    rows = tf.constant(rng.normal(size=(200, *shape)), tf.float32)
    whole = MAKERS[name](8192).attribute(network, rows)
    for part in (slice(0, 1), slice(90, 123)):
        result = MAKERS[name](2048).attribute(network, rows[part])
        np.testing.assert_array_equal(result.values, whole.values[part])
        np.testing.assert_array_equal(result.approximation_errors, whole.approximation_errors[part])


@_every_method
def test_a_row_that_is_the_baseline_gets_zeros(make, smooth_network, six_columns):
    rows = tf.concat([six_columns[:3], tf.fill([2, 6], 0.25)], axis=0)
    result = make(8192).attribute(smooth_network, rows, 0.25)
    assert not any(result.failures)
    if not isinstance(make(1), (SmoothGrad, Saliency, GradientTimesInput)):
        np.testing.assert_allclose(result.values[3:], 0, atol=1e-6)


@_every_method
@pytest.mark.parametrize("rows", [0, 2])
def test_no_sound_row_gives_no_attributions(make, smooth_network, rows):
    result = make(8192).attribute(smooth_network, tf.fill([rows, 6], float("nan")), 0.25)
    assert result.values.shape == (rows, 6)
    assert result.failures == ("feature 'x[0]' is not finite",) * rows
    assert not result.converged.any()


@_every_method
def test_bad_rows_are_named_and_harm_no_other(make, six_columns):
    def model(x):
        return tf.reduce_sum(x[:, :5] * x[:, 1:], axis=1) + tf.where(x[:, 0] == 7, np.nan, 0.0)

    bad = six_columns.numpy().copy()
    bad[3, 2], bad[4, 1], bad[5, 0] = np.nan, -np.inf, 7
    model = from_function(model)
    result, sound = make(8192).attribute(model, bad), make(8192).attribute(model, six_columns)
    assert result.failures[3] == "feature 'x[2]' is not finite"
    assert result.failures[4] == "feature 'x[1]' is not finite"
    # Noise moves the row away from where the output is not finite.
    smooth = isinstance(make(1), SmoothGrad)
    assert smooth or "'x[0]'" in result.failures[5]
    failed = [3, 4] if smooth else [3, 4, 5]
    assert np.isnan(result.values[failed]).all()
    others = np.delete(np.arange(40), [3, 4, 5])
    assert not any(result.failures[row] for row in others)
    np.testing.assert_array_equal(result.values[others], sound.values[others])


@_every_method
def test_a_group_of_features_is_one_player(make):
    rows = tf.constant([[1.0, 2.0, 3.0, 4.0]])
    groups = {"pair": (("x", 0), ("x", 2)), "second": (("x", 1),), "last": (("x", 3),)}
    result = make(8192).attribute(lambda x: x @ [[1.0], [2.0], [3.0], [4.0]], {"x": rows}, 0.0, groups)
    assert result.features == ("pair", "second", "last")
    if not isinstance(make(1), SmoothGrad | Saliency):
        np.testing.assert_allclose(result.values, [[10, 4, 16]], rtol=1e-5)


@_every_method
def test_closed_forms(make):
    linear = make(8192).attribute(lambda x: x @ [[2.0], [-1.0], [0.5]], tf.constant([[1.0, 2.0, 4.0]]))
    # Saliency gives the gradients' sizes, and smoothing moves the rows a little.
    expected = [2, 1, 0.5] if isinstance(make(1), Saliency) else [2, -2, 2]
    if not isinstance(make(1), SmoothGrad):
        np.testing.assert_allclose(linear.values, [expected], rtol=1e-5)
