import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.attribution import (
    ExpectedGradients,
    GradientTimesInput,
    IntegratedGradients,
    Saliency,
    SmoothGrad,
)


def _product_and_square(x):
    return x[:, 0] * x[:, 1] + x[:, 2] ** 2


_ROWS = tf.constant([[2.0, 3.0, -4.0], [1.0, -1.0, 0.5]])


def test_gradient_times_input_is_the_linear_continuation():
    result = GradientTimesInput().attribute(_product_and_square, _ROWS, 1.0)
    first, second, third = _ROWS.numpy().T
    expected = np.stack([second * (first - 1), first * (second - 1), 2 * third * (third - 1)], axis=1)
    np.testing.assert_allclose(result.values, expected, rtol=1e-6)
    np.testing.assert_allclose(result.approximation_errors, np.abs(result.completeness_gaps))
    assert not result.converged.any()


def test_gradient_times_input_of_a_line_is_complete():
    result = GradientTimesInput().attribute(lambda x: 2 * x[:, 0] - x[:, 1], _ROWS, tf.constant([[0.0] * 3, [1.0] * 3]))
    np.testing.assert_allclose(result.completeness_gaps, 0, atol=1e-6)
    assert result.converged.all()


def test_saliency_is_the_absolute_gradient():
    result = Saliency().attribute(_product_and_square, _ROWS)
    np.testing.assert_allclose(result.values, [[3, 2, 8], [1, 1, 1]], rtol=1e-6)


def test_saliency_sums_over_a_feature_s_tensors():
    inputs = {"a": tf.constant([[1.0, 2.0]]), "b": tf.constant([3.0])}
    result = Saliency().attribute(
        lambda t: tf.reduce_sum(t["a"] * [1.0, -2.0], axis=1) + 5 * t["b"], inputs, 0.0, {"both": ("a", "b")}
    )
    np.testing.assert_allclose(result.values, [[8]])


def test_a_gradient_that_is_not_finite_is_named():
    smooth = SmoothGrad(Saliency(), noise_sigma={"x[1]": 1.0})
    for method in (GradientTimesInput(), Saliency(), smooth):
        result = method.attribute(lambda x: tf.sqrt(x[:, 0]) + x[:, 1], tf.constant([[0.0, 1.0], [4.0, 1.0]]), 1.0)
        assert result.failures == ("the gradient by feature 'x[0]' is not finite", "")


def test_expected_gradients_are_the_mean_over_the_background(relu_network, six_columns):
    background = six_columns[20:]
    exact = IntegratedGradients(tolerance=1e-3).attribute(relu_network, six_columns[:10], background)
    result = ExpectedGradients(samples=400).attribute(relu_network, six_columns[:10], background)
    scores = (result.values - exact.values) / result.standard_errors
    assert 0.5 < np.sqrt(np.mean(scores**2)) < 1.5
    np.testing.assert_allclose(result.instance_outputs, exact.instance_outputs, atol=1e-5)


def test_expected_gradients_do_not_depend_on_the_batch(relu_network, six_columns):
    method = ExpectedGradients(samples=20, seed=3)
    whole = method.attribute(relu_network, six_columns, six_columns)
    part = ExpectedGradients(samples=20, seed=3, batch_size=7).attribute(relu_network, six_columns[5:9], six_columns)
    np.testing.assert_allclose(part.values, whole.values[5:9], atol=1e-5)


def test_smooth_grad_of_a_square_adds_the_noise_s_variance():
    # The mean of (x + e)^2 is x^2 + sigma^2, and integrated gradients from 0 give all of it to x.
    method = SmoothGrad(IntegratedGradients(steps=2), noise_sigma={"x[2]": 0.5}, samples=4000)
    result = method.attribute(_product_and_square, _ROWS)
    squares = result.values[:, 2] - (_ROWS.numpy()[:, 2] ** 2 + 0.25)
    assert (np.abs(squares) < 4 * result.approximation_errors).all()
    np.testing.assert_allclose(result.values[:, :2], [[3, 3], [-0.5, -0.5]], rtol=1e-5)
    np.testing.assert_allclose(result.completeness_gaps, 0, atol=1e-4)


def test_smooth_grad_leaves_columns_without_a_feature_alone():
    rows = tf.constant([[1.0, 100.0]])
    method = SmoothGrad(Saliency(), noise_sigma=1.0, samples=50)
    result = method.attribute(lambda x: x[:, 0] * x[:, 1], {"x": rows}, {"x": tf.zeros([1, 2])}, {"a": (("x", 0),)})
    np.testing.assert_allclose(result.values, [[100]], rtol=1e-6)


def test_smooth_grad_does_not_depend_on_the_batch(relu_network, six_columns):
    whole = SmoothGrad(Saliency(), seed=2).attribute(relu_network, six_columns)
    part = SmoothGrad(Saliency(), seed=2, rows_at_once=15).attribute(relu_network, six_columns[::-1][:4])
    np.testing.assert_allclose(part.values, whole.values[::-1][:4], atol=1e-5)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="samples is 1"):
        ExpectedGradients(samples=1)
    with pytest.raises(ValueError, match="noise_sigma -1"):
        SmoothGrad(Saliency(), noise_sigma=-1)
    with pytest.raises(ValueError, match=r"noise_sigma names \['age'\]"):
        SmoothGrad(Saliency(), noise_sigma={"age": 1.0}).attribute(_product_and_square, _ROWS)
