import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from tfx_explain.attribution import Blurred, IntegratedGradients, Occlusion, SampledShapley, top_targets


def _classes(x):
    return tf.stack([x[:, 0], 10 * x[:, 1], x[:, 0] * x[:, 1]], axis=1)


def test_top_targets_are_the_highest_outputs_of_each_row():
    rows = tf.constant([[1.0, 2.0], [5.0, 0.0], [1.0, 1.0]])
    np.testing.assert_array_equal(top_targets(_classes, rows, 3), [[1, 2, 0], [0, 1, 2], [1, 0, 2]])
    np.testing.assert_array_equal(top_targets(_classes, rows, batch_size=2), [[1], [0], [1]])
    with pytest.raises(ValueError, match="count is 4; give 1 to 3"):
        top_targets(_classes, rows, 4)


def test_targets_need_a_model_that_gives_all_outputs():
    class OneOutput:
        def predict(self, inputs, targets):
            return inputs["x"][:, 0]

        def gradients(self, inputs, targets):
            return self.predict(inputs, targets), {}

    with pytest.raises(ValueError, match="needs a model with the method `outputs`"):
        top_targets(OneOutput(), tf.zeros([2, 3]))


def test_each_target_is_explained_by_itself():
    rows = tf.constant([[1.0, 2.0], [5.0, 1.0]])
    top = top_targets(_classes, rows, 2)
    results = [SampledShapley().attribute(_classes, rows, targets=top[:, rank]) for rank in range(2)]
    np.testing.assert_allclose(results[0].values, [[0, 20], [0, 10]])
    np.testing.assert_allclose(results[1].values, [[1, 1], [5, 0]])


@pytest.fixture
def images():
    return tf.constant(np.random.default_rng(0).random((3, 30, 20, 2)), tf.float32)


def test_a_blurred_image_is_that_of_scipy_away_from_the_edges(images):
    blurred = Blurred(1.5)("image", images).numpy()
    expected = ndimage.gaussian_filter(images.numpy(), (0, 1.5, 1.5, 0), truncate=8)
    np.testing.assert_allclose(blurred[:, 8:-8, 8:-8], expected[:, 8:-8, 8:-8], atol=1e-4)
    np.testing.assert_allclose(Blurred(2.0)("image", tf.ones([1, 5, 5])), np.ones((1, 5, 5)), rtol=1e-6)
    np.testing.assert_array_equal(Blurred(0)("image", images), np.zeros(images.shape))


@pytest.mark.parametrize("method", [IntegratedGradients(), SampledShapley(), Occlusion()])
def test_each_row_has_its_own_blurred_baseline(method, images):
    inputs = {"image": images, "age": tf.constant([[1.0], [2.0], [0.0]])}

    def model(tensors):
        return tf.reduce_sum(tensors["image"] ** 2, axis=[1, 2, 3]) + 3 * tensors["age"][:, 0]

    result = method.attribute(model, inputs, {"image": Blurred(2.0), "age": tf.zeros([2, 1])})
    blurred = Blurred(2.0)("image", images)
    expected = tf.reduce_sum(images**2 - blurred**2, axis=[1, 2, 3])
    np.testing.assert_allclose(result.values, np.stack([expected, [3, 6, 0]], axis=1), rtol=2e-3, atol=1e-3)


def test_what_is_no_image_cannot_be_blurred():
    with pytest.raises(ValueError, match=r"tensor 'x' cannot be blurred: it is float32 of shape \(2, 3\)"):
        IntegratedGradients().attribute(lambda x: x[:, 0], tf.ones([2, 3]), Blurred(1.0))
    with pytest.raises(ValueError, match="sigma is -1"):
        Blurred(-1)
