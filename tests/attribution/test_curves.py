"""Insertion and deletion curves by hand, and what they and randomised layers say of maps of a network for digits."""

import dataclasses
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import saliency.core as authors
import tensorflow as tf
from scipy import ndimage, stats
from sklearn.datasets import load_digits

from tfx_explain import attribution
from tfx_explain.attribution import (
    Blurred,
    Extremes,
    IntegratedGradients,
    KernelShap,
    Superpixels,
    Xrai,
    curves,
    top_targets,
)

PICTURES = 16


def test_curves_are_those_by_hand():
    image = np.array([[[4.0, 1.0], [2.0, 3.0]]], np.float32)
    maps = np.array([[[0.5, -1.0], [0.5, 2.0]]])

    def squares(x):
        return tf.reduce_sum(x**2, axis=[1, 2])

    found = curves(squares, image, maps, fill=0.0)
    # 3, then 4 and 2, which are as important, row by row, then 1.
    np.testing.assert_array_equal(found.shares, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(found.insertion, [[0, 9, 25, 29, 30]])
    np.testing.assert_allclose(found.deletion, [[30, 21, 5, 1, 0]])
    np.testing.assert_allclose(found.insertion_areas(), [(0 + 2 * (9 + 25 + 29) + 30) / 8])
    np.testing.assert_allclose(found.deletion_areas(), [(30 + 2 * (21 + 5 + 1) + 0) / 8])
    # Deletion in an order is insertion in the opposite one.
    other = curves(squares, image, -maps + [[[0, 0], [1e-9, 0]]], fill=0.0, steps=2)
    np.testing.assert_allclose(other.insertion, [[0, 5, 30]])
    of_two = curves(lambda x: tf.stack([x[:, 0, 0], x[:, 1, 1]], axis=1), image, maps, fill=7.0, targets=1)
    np.testing.assert_allclose(of_two.insertion, [[7, 3, 3, 3, 3]])


def test_the_fill_is_the_picture_blurred_by_half_its_side():
    rng = np.random.default_rng(0)
    inputs = {"image": rng.random((3, 20, 30, 3)).astype(np.float32), "age": np.array([1.0, 2.0, 3.0], np.float32)}

    def model(tensors):
        return tensors["age"] * tf.reduce_mean(tensors["image"] ** 2, axis=[1, 2, 3])

    maps = rng.random((3, 20, 30))
    maps[1, 0, 0] = np.nan
    found = curves(model, inputs, maps, key="image")
    blurred = Blurred(10.0)("image", tf.constant(inputs["image"])).numpy()
    np.testing.assert_allclose(
        found.insertion[[0, 2], 0], model(inputs | {"image": blurred}).numpy()[[0, 2]], rtol=1e-5
    )
    assert found.shares.shape == (51,) and np.isnan(found.insertion[1]).all() and np.isnan(found.deletion_areas()[1])
    alone = {name: tensor[2:] for name, tensor in inputs.items()}
    again = curves(model, alone, maps[2:], key="image", batch_size=48)
    np.testing.assert_allclose(again.deletion[0], found.deletion[2], rtol=1e-6)
    inputs["image"][0, 3, 4, 0] = np.inf
    assert np.isnan(curves(model, inputs, maps, key="image").insertion[0]).all()
    none = curves(model, {name: tensor[:1] for name, tensor in inputs.items()}, maps[:1], key="image")
    assert none.shares.shape == (51,) and np.isnan(none.insertion_areas()).all()
    point = curves(lambda x: x[:, 0, 0], np.ones((1, 1, 1), np.float32), np.ones((1, 1, 1)), fill=0.0)
    np.testing.assert_array_equal(point.insertion, [[0, 1]])


def test_what_has_no_curve_is_refused():
    image, maps = np.ones((2, 4, 5, 3), np.float32), np.ones((2, 4, 5))

    def model(x):
        return tf.reduce_sum(x, axis=[1, 2, 3])

    with pytest.raises(ValueError, match=r"maps are \(2, 5, 4\) and 'x' is \(2, 4, 5, 3\); give pictures"):
        curves(model, image, maps.transpose(0, 2, 1))
    with pytest.raises(ValueError, match="key is 'y'; the inputs are \\['x'\\]"):
        curves(model, image, maps, key="y")
    with pytest.raises(ValueError, match="fill is 2 baselines; give one"):
        curves(model, image, maps, fill=Extremes())
    with pytest.raises(ValueError, match="steps is 0"):
        curves(model, image, maps, steps=0)


@dataclasses.dataclass(frozen=True)
class Network:
    """Two convolutions and a dense layer, from digits `[rows, 24, 24]` to their ten logits."""

    weights: tuple[tf.Tensor, ...]

    def logits(self, x):
        x = x[..., None]
        for kernel in self.weights[:-1]:
            x = tf.nn.relu(tf.nn.conv2d(x, kernel, 2, "SAME"))
        return tf.reshape(x, [-1, 6 * 6 * 16]) @ self.weights[-1]

    def probabilities(self, x):
        return tf.nn.softmax(self.logits(x))

    def randomised(self, layers):
        """The same with the top layers' weights drawn anew."""
        rng, kept = np.random.default_rng(5), len(self.weights) - layers
        drawn = [tf.constant(rng.normal(0, np.std(one), one.shape), tf.float32) for one in self.weights[kept:]]
        return Network((*self.weights[:kept], *drawn))


@pytest.fixture(scope="module")
def digits():
    found = load_digits()
    pixels = ndimage.zoom(found.images / 16, (1, 3, 3), order=1).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(pixels))
    return pixels[order], found.target[order].astype(np.int32)


@pytest.fixture(scope="module")
def network(digits):
    rng = np.random.default_rng(1)
    shapes = ((5, 5, 1, 8), (5, 5, 8, 16), (6 * 6 * 16, 10))
    weights = [tf.Variable(rng.normal(0, np.sqrt(2 / np.prod(one[:-1])), one), dtype=tf.float32) for one in shapes]
    moments = [tf.Variable(tf.zeros_like(one)) for one in weights]

    @tf.function
    def step(pixels, labels):
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, Network(tuple(weights)).logits(pixels))
            loss = tf.reduce_mean(losses)
        for weight, moment, gradient in zip(weights, moments, tape.gradient(loss, weights), strict=True):
            moment.assign(0.9 * moment + gradient)
            weight.assign_sub(0.05 * moment)

    (pixels, labels), rows = digits, range(PICTURES, 1500, 50)
    for first in itertools.chain(*[rows] * 4):
        step(pixels[first : first + 50], labels[first : first + 50])
    trained = Network(tuple(tf.constant(one) for one in weights))
    assert np.mean(np.argmax(trained.logits(pixels[1550:]), axis=1) == labels[1550:]) > 0.93
    return trained


@pytest.fixture(scope="module")
def shown(digits, network):
    """Some pictures, and the classes that the network takes them for."""
    pixels = digits[0][:PICTURES]
    return pixels, top_targets(network.logits, pixels)[:, 0]


METHODS = {
    "integrated gradients": IntegratedGradients(steps=16, maps=True),
    "Xrai": Xrai(IntegratedGradients(steps=16, maps=True), min_new_pixels=10),
    "superpixels": Superpixels(KernelShap(max_evaluations=200), count=30),
}


def _map(method, network, shown):
    found = METHODS[method].attribute(network.logits, shown[0], 0.0, targets=shown[1])
    return found.regions["x"].heat if found.regions else found.maps["x"]


@pytest.mark.parametrize("method", METHODS)
def test_maps_are_better_than_random_orders(network, shown, method):
    maps = _map(method, network, shown)
    found = curves(network.probabilities, shown[0], maps, targets=shown[1])
    for seed in range(3):
        by_chance = np.random.default_rng(seed).random(maps.shape)
        other = curves(network.probabilities, shown[0], by_chance, targets=shown[1])
        assert found.insertion_areas().mean() > other.insertion_areas().mean() + 0.03
        assert found.deletion_areas().mean() < other.deletion_areas().mean() - 0.03


@pytest.mark.slow
def test_maps_are_as_good_as_those_of_the_authors_of_xrai(network, shown):
    def gradients(batch, call_model_args, **_):
        with tf.GradientTape() as tape:
            inputs = tf.constant(batch, tf.float32)
            tape.watch(inputs)
            outputs = network.logits(inputs)[:, call_model_args]
        return {authors.INPUT_OUTPUT_GRADIENTS: tape.gradient(outputs, inputs).numpy()}

    of_pixels, of_regions, base = authors.IntegratedGradients(), authors.XRAI(), np.zeros((24, 24))
    theirs = {"integrated gradients": [], "Xrai": []}
    settings = authors.XRAIParameters()
    settings.experimental_params["min_pixel_diff"] = 10
    for image, target in zip(*shown, strict=True):
        attribution = of_pixels.GetMask(image, gradients, target, x_baseline=base, x_steps=16, batch_size=16)
        theirs["integrated gradients"].append(attribution)
        found = of_regions.GetMask(image, gradients, base_attribution=attribution, extra_parameters=settings)
        theirs["Xrai"].append(found)
    for method, maps in theirs.items():
        ours, others = (
            curves(network.probabilities, shown[0], one, targets=shown[1])
            for one in (_map(method, network, shown), np.array(maps))
        )
        assert ours.insertion_areas().mean() == pytest.approx(others.insertion_areas().mean(), abs=0.01)
        assert ours.deletion_areas().mean() == pytest.approx(others.deletion_areas().mean(), abs=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_maps_depend_on_what_the_layers_have_learnt(network, shown, method):
    """The sanity check of Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018: layers from the top."""
    trained = _map(method, network, shown)
    similar = []
    for layers in range(len(network.weights) + 1):
        maps = _map(method, network.randomised(layers), shown)
        ranks = [stats.spearmanr(one.ravel(), other.ravel())[0] for one, other in zip(trained, maps, strict=True)]
        similar.append(np.mean(ranks))
    assert similar[0] == pytest.approx(1)
    assert max(similar[1:]) < 0.5


def test_the_guide_on_pictures_runs(network, shown):
    section = Path("docs/attribution.md").read_text().partition("## Pictures")[2].partition("\n## ")[0]
    names = {name: getattr(attribution, name) for name in attribution.__all__}
    names |= {"model": network.probabilities, "images": shown[0][:2]}
    exec("\n".join(re.findall(r"```python\n(.*?)```", section, re.DOTALL)), names)
    assert np.isfinite(names["found"].insertion_areas()).all()
