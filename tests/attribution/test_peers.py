"""Agreement with public libraries on the same weights."""

import numpy as np
import pytest
import saliency.core as saliency
import shap
import shapiq
import tensorflow as tf

from tfx_explain.attribution import (
    GradientTimesInput,
    IntegratedGradients,
    KernelShap,
    SampledShapley,
    SmoothGrad,
    from_function,
)


@pytest.fixture(scope="module")
def predict(relu_network):
    return lambda points: relu_network(tf.constant(points, tf.float32)).numpy()


def test_exact_values_are_those_of_shap(relu_network, predict, six_columns):
    masker = shap.maskers.Independent(np.full((1, 6), 0.5, np.float32))
    theirs = shap.ExactExplainer(predict, masker)(six_columns.numpy())
    ours = SampledShapley().attribute(relu_network, six_columns, 0.5)
    np.testing.assert_allclose(ours.values, theirs.values, atol=1e-5)
    np.testing.assert_allclose(ours.baseline_outputs, theirs.base_values, atol=1e-5)


def test_a_background_sample_is_that_of_shap(relu_network, predict, six_columns):
    background = six_columns[30:]
    theirs = shap.ExactExplainer(predict, shap.maskers.Independent(background.numpy()))(six_columns[:5].numpy())
    ours = SampledShapley().attribute(relu_network, six_columns[:5], background)
    np.testing.assert_allclose(ours.values, theirs.values, atol=1e-5)


def test_kernel_shap_over_all_coalitions_is_that_of_shap(relu_network, predict, six_columns):
    explainer = shap.KernelExplainer(predict, np.zeros((1, 6), np.float32))
    theirs = explainer.shap_values(six_columns[:5].numpy(), nsamples=62, l1_reg="num_features(6)", silent=True)
    ours = KernelShap(coalitions=64).attribute(relu_network, six_columns[:5])
    np.testing.assert_allclose(ours.values, theirs, atol=1e-4)


def test_exact_values_are_those_of_shapiq(relu_network, predict, six_columns):
    ours = SampledShapley().attribute(relu_network, six_columns[:3])
    for row, values in zip(six_columns[:3].numpy(), ours.values, strict=True):
        computer = shapiq.ExactComputer(lambda present, row=row: predict(np.where(present, row, 0)), n_players=6)
        found = computer("SV", 1)
        np.testing.assert_allclose(values, [found[(feature,)] for feature in range(6)], atol=1e-5)


@pytest.fixture(scope="module")
def gradients(relu_network):
    """The model as the `saliency` package calls it."""
    model = from_function(relu_network)

    def call(points, call_model_args=None, expected_keys=None):
        inputs = {"x": tf.constant(np.asarray(points), tf.float32)}
        _, found = model.gradients(inputs, tf.zeros([len(points)], tf.int32))
        return {saliency.base.INPUT_OUTPUT_GRADIENTS: found["x"].numpy()}

    return call


def test_integrated_gradients_are_those_of_saliency(relu_network, gradients, six_columns):
    ours = IntegratedGradients(tolerance=1e-4, max_gradients=2000).attribute(relu_network, six_columns[:4], 0.5)
    baseline = np.full(6, 0.5, np.float32)
    for row, values in zip(six_columns[:4].numpy(), ours.values, strict=True):
        theirs = saliency.IntegratedGradients().GetMask(
            row, gradients, x_steps=4000, x_baseline=baseline, batch_size=1000
        )
        # Their rule ends one step short of the row.
        np.testing.assert_allclose(values, theirs, atol=2e-3 * np.abs(values).sum())


def test_smooth_grad_is_that_of_saliency_within_the_noise(relu_network, gradients, six_columns):
    row = six_columns[:1].numpy()
    ours = SmoothGrad(GradientTimesInput(), noise_sigma=0.1, samples=4000).attribute(relu_network, row)
    np.random.seed(0)
    spread = float(row.max() - row.min())
    theirs = saliency.GradientSaliency().GetSmoothedMask(
        row[0], gradients, stdev_spread=0.1 / spread, nsamples=4000, magnitude=False
    )
    # Theirs is the mean gradient, ours the mean of the gradient times the noisy copy, which the noise is part of.
    curvature = ours.values[0] - theirs * row[0]
    assert np.abs(curvature).max() < 6 * ours.approximation_errors[0]
