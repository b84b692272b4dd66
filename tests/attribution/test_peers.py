"""Agreement with public libraries on the same weights, where they are installed."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.attribution import KernelShap, SampledShapley


@pytest.fixture(scope="module")
def predict(relu_network):
    return lambda points: relu_network(tf.constant(points, tf.float32)).numpy()


def test_exact_values_are_those_of_shap(relu_network, predict, six_columns):
    shap = pytest.importorskip("shap")
    masker = shap.maskers.Independent(np.full((1, 6), 0.5, np.float32))
    theirs = shap.ExactExplainer(predict, masker)(six_columns.numpy())
    ours = SampledShapley().attribute(relu_network, six_columns, 0.5)
    np.testing.assert_allclose(ours.values, theirs.values, atol=1e-5)
    np.testing.assert_allclose(ours.baseline_outputs, theirs.base_values, atol=1e-5)


def test_a_background_sample_is_that_of_shap(relu_network, predict, six_columns):
    shap = pytest.importorskip("shap")
    background = six_columns[30:]
    theirs = shap.ExactExplainer(predict, shap.maskers.Independent(background.numpy()))(six_columns[:5].numpy())
    ours = SampledShapley().attribute(relu_network, six_columns[:5], background)
    np.testing.assert_allclose(ours.values, theirs.values, atol=1e-5)


def test_kernel_shap_over_all_coalitions_is_that_of_shap(relu_network, predict, six_columns):
    shap = pytest.importorskip("shap")
    explainer = shap.KernelExplainer(predict, np.zeros((1, 6), np.float32))
    theirs = explainer.shap_values(six_columns[:5].numpy(), nsamples=62, l1_reg="num_features(6)", silent=True)
    ours = KernelShap(coalitions=64).attribute(relu_network, six_columns[:5])
    np.testing.assert_allclose(ours.values, theirs, atol=1e-4)


def test_exact_values_are_those_of_shapiq(relu_network, predict, six_columns):
    shapiq = pytest.importorskip("shapiq")
    ours = SampledShapley().attribute(relu_network, six_columns[:3])
    for row, values in zip(six_columns[:3].numpy(), ours.values, strict=True):
        computer = shapiq.ExactComputer(lambda present, row=row: predict(np.where(present, row, 0)), n_players=6)
        found = computer("SV", 1)
        np.testing.assert_allclose(values, [found[(feature,)] for feature in range(6)], atol=1e-5)
