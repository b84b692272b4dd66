"""Superpixels as players, against enumeration, closed forms, and LIME's authors' program."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf
from lime.lime_image import LimeImageExplainer
from lime.wrappers.scikit_image import SegmentationAlgorithm
from skimage import data
from skimage.transform import resize

from tfx_explain.attribution import (
    Blurred,
    Extremes,
    IntegratedGradients,
    KernelShap,
    Lime,
    Occlusion,
    SampledShapley,
    Superpixels,
)
from tfx_explain.attribution.images.superpixels import superpixels
from tfx_explain.attribution.methods.lime import _fit
from tfx_explain.attribution.problem.randomness import random_orders


def _picture(height, width):
    return resize(data.astronaut(), (height, width)).astype(np.float32)


@pytest.fixture(scope="module")
def network():
    """[rows, 24, 20, 3] -> [rows]: a small convolution network."""
    rng = np.random.default_rng(9)
    first, second = rng.normal(0, 0.4, (5, 5, 3, 4)), rng.normal(0, 0.4, (3, 3, 4, 1))

    def model(x):
        hidden = tf.nn.relu(tf.nn.conv2d(x, first.astype(np.float32), 2, "SAME"))
        return tf.reduce_sum(tf.nn.relu(tf.nn.conv2d(hidden, second.astype(np.float32), 2, "SAME")), axis=[1, 2, 3])

    return tf.function(model)


def _shown(image, labels, present, absent=0.0):
    return np.where(present[labels][:, :, None], image, absent).astype(np.float32)


def _shapley(image, labels, model):
    """By the definition."""
    count = labels.max() + 1
    coalitions = np.array(list(itertools.product([False, True], repeat=count)))
    outputs = model(tf.constant(np.stack([_shown(image, labels, one) for one in coalitions]))).numpy()
    values = np.zeros(count)
    for present, output in zip(coalitions, outputs, strict=True):
        size = present.sum()
        for player in range(count):
            weight = math.factorial(size - present[player]) * math.factorial(count - 1 - size + present[player])
            values[player] += (1 if present[player] else -1) * weight / math.factorial(count) * output
    return values


@pytest.mark.parametrize("method", [SampledShapley(), KernelShap()], ids=["shapley", "kernel"])
def test_shapley_values_of_superpixels_are_those_of_the_definition(network, method):
    images = np.stack([_picture(24, 20), _picture(24, 20)[::-1]])
    result = Superpixels(method, count=6).attribute(network, images)
    for row, image in enumerate(images):
        labels = superpixels(image, "slic", 6)
        expected = _shapley(image, labels, network)
        regions = result.regions["x"]
        found = [regions.heat[row][labels == part].sum() for part in range(labels.max() + 1)]
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).sum())
        best = int(np.argmax(expected))
        assert (regions.order[row] == 1).sum() == (labels == best).sum()
        assert (regions.order[row][labels == best] == 1).all()
    np.testing.assert_allclose(result.completeness_gaps, 0, atol=1e-3)
    alone = Superpixels(method, count=6, batch_size=48).attribute(network, images[1:])
    np.testing.assert_array_equal(alone.values[0], result.values[1])


class _Drawn(np.random.RandomState):
    """Samples known beforehand, for the authors' program."""

    def __init__(self, samples):
        super().__init__(0)
        self.samples = samples

    def randint(self, low, high=None, size=None, dtype=int):
        return self.samples.astype(dtype).ravel() if size == self.samples.size else super().randint(low, high, size)


@pytest.mark.parametrize("segmentation", ["slic", "quickshift"])
@pytest.mark.parametrize("absent", ["mean", "baseline"])
def test_lime_is_its_authors_program_for_images(network, segmentation, absent):
    image = _picture(48, 40)
    lime = Lime(samples=398, distance="cosine", ridge=1.0, seed=4)
    method = Superpixels(lime, segmentation=segmentation, count=30, absent=absent)
    result = method.attribute(network, image[None], row_keys=[7])
    labels = superpixels(image, segmentation, 30)
    count = labels.max() + 1
    seated = _fit(count, 398, ("cosine", None, 1.0), 4, False).present
    present = np.empty_like(seated)
    present[:, random_orders(4, np.array([7], np.uint64), np.array([0]), count)[0, 0]] = seated
    # Where these are all there are, each stands for as many samples. The authors' first one is the picture itself.
    present = np.repeat(present, 400 // len(present), axis=0)
    present = present[np.argsort(~present.all(axis=1), kind="stable")]
    explained = LimeImageExplainer(random_state=_Drawn(present)).explain_instance(
        image,
        lambda images: network(tf.constant(images)).numpy()[:, None],
        labels=(0,),
        top_labels=None,
        hide_color=None if absent == "mean" else 0,
        num_samples=len(present),
        segmentation_fn=lambda _: labels,
    )
    expected = np.array([weight for _, weight in sorted(explained.local_exp[0])])
    found = [result.regions["x"].heat[0][labels == part].sum() for part in range(count)]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).sum())


def test_quickshift_is_that_of_lime():
    image = _picture(48, 40)
    theirs = SegmentationAlgorithm("quickshift", kernel_size=4, max_dist=200, ratio=0.2, random_seed=0)
    # Theirs takes the numbers as they are, which for pictures from 0 to 1 is the same.
    scaled = (image - image.min()) / (image.max() - image.min())
    np.testing.assert_array_equal(superpixels(image, "quickshift", 0), theirs(scaled.astype(np.float64)))


@pytest.mark.parametrize("baseline", ["black", "blurred", "mean", "noise", "extremes"])
def test_absent_pixels_are_what_was_asked_for(network, baseline):
    image = _picture(24, 20)
    baselines = {"blurred": Blurred(2.0), "extremes": Extremes()}.get(baseline, 0.0)
    absent = baseline if baseline in ("mean", "noise") else "baseline"
    result = Superpixels(Occlusion(), count=8, absent=absent).attribute(network, image[None], baselines)
    labels = superpixels(image, "slic", 8)
    shown = {
        "black": np.zeros_like(image),
        "blurred": Blurred(2.0)("x", tf.constant(image[None])).numpy()[0],
        "mean": np.stack([image[labels == part].mean(axis=0) for part in range(labels.max() + 1)])[labels],
        "extremes": None,
        "noise": None,
    }[baseline]
    heat = result.regions["x"].heat[0]
    if shown is not None:
        without = _shown(image, labels, np.arange(labels.max() + 1) != 2, shown)
        full, less = network(tf.constant(np.stack([image, without]))).numpy()
        assert heat[labels == 2].sum() == pytest.approx(full - less, abs=1e-4)
        nothing = network(tf.constant(shown[None].astype(np.float32))).numpy()
        assert result.baseline_outputs[0] == pytest.approx(nothing[0], abs=1e-4)
    elif baseline == "extremes":
        ends = np.stack([np.full_like(image, image.min()), np.full_like(image, image.max())])
        assert result.baseline_outputs[0] == pytest.approx(network(tf.constant(ends)).numpy().mean(), abs=1e-3)
    assert not any(result.failures)


def test_what_stays_the_same_where_it_is_absent_costs_nothing(network):
    image = np.zeros((24, 20, 3), np.float32)
    image[4:12, 4:12] = 0.8
    result = Superpixels(SampledShapley(), count=30).attribute(network, image[None])
    assert result.evaluations[0] <= 2**8
    assert (result.regions["x"].heat[0, 18:] == 0).all()


def test_images_are_cut_and_other_features_are_players_as_ever():
    inputs = {"image": np.stack([_picture(12, 16), np.zeros((12, 16, 3))]).astype(np.float32), "age": [[3.0], [2.0]]}

    def model(tensors):
        return tf.reduce_sum(tensors["image"], axis=[1, 2, 3]) + 2 * tensors["age"][:, 0]

    result = Superpixels(KernelShap(), segmentation="quickshift").attribute(model, inputs, 0.0)
    assert result.features == ("image", "age")
    np.testing.assert_allclose(result.values[:, 1], [6, 4], rtol=1e-3)
    np.testing.assert_allclose(result.values[:, 0], inputs["image"].sum(axis=(1, 2, 3)), rtol=1e-3, atol=1e-3)
    assert (result.regions["image"].order[1] == 1).all()


def test_bad_rows_and_gray_pictures():
    images = np.stack([_picture(12, 16)[:, :, 0]] * 3)
    images[1, 2, 3] = np.nan
    result = Superpixels(Lime(samples=60), count=5).attribute(lambda x: tf.reduce_sum(x, axis=[1, 2]), images)
    assert result.failures == ("", "feature 'x' is not finite", "")
    assert np.isnan(result.values[1]).all() and (result.regions["x"].order[1] == 0).all()
    np.testing.assert_array_equal(result.values[0], result.values[2])
    every = Superpixels(Occlusion()).attribute(lambda x: tf.reduce_sum(x, axis=[1, 2]), images[1:2])
    assert every.failures == ("feature 'x' is not finite",)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="IntegratedGradients plays no coalitions"):
        Superpixels(IntegratedGradients())
    with pytest.raises(ValueError, match="absent 'gone' \\(one of baseline, mean, noise\\)"):
        Superpixels(Lime(), absent="gone")
    with pytest.raises(ValueError, match=r"images names \['y'\]; .* are \[\]"):
        Superpixels(Lime(), images=["y"]).attribute(lambda x: x[:, 0], np.ones((1, 2), np.float32))
    with pytest.raises(ValueError, match="distance 'far'"):
        Lime(distance="far")
