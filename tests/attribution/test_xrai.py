"""XRAI against its authors' program, closed forms, and pictures at the edge of what a picture is."""

import sys

import numpy as np
import pytest
import tensorflow as tf
from saliency.core import xrai as authors
from scipy import ndimage
from skimage import data
from skimage.transform import resize

from tfx_explain.attribution import (
    Blurred,
    Extremes,
    IntegratedGradients,
    SampledShapley,
    SmoothGrad,
    Xrai,
    from_function,
)
from tfx_explain.attribution.images.felzenszwalb import over_segment
from tfx_explain.attribution.images.regions import grow
from tfx_explain.attribution.images.remembered import Remembered
from tfx_explain.attribution.images.segments import Segments


def _picture(*shape):
    photograph = data.astronaut() if len(shape) == 3 else data.camera()
    return resize(photograph[..., : shape[2]] if len(shape) == 3 else photograph, shape).astype(np.float32)


def _theirs(image, attribution, masks, area=1.0):
    settings = authors.XRAIParameters(area_threshold=area, return_xrai_segments=True)
    program = authors.XRAI()
    return program.GetMaskWithDetails(
        image, None, base_attribution=attribution, segments=masks, extra_parameters=settings
    )


@pytest.fixture(scope="module")
def bumps():
    """[rows, height, width, 3] -> [rows]: a smooth model that looks at places."""
    rng = np.random.default_rng(3)

    def model(x):
        places = np.linspace(0, 3, int(np.prod(x.shape[1:]))).reshape(x.shape[1:]).astype(np.float32)
        return tf.reduce_sum(tf.sin(3 * x) * np.cos(places * rng.integers(2, 3)), axis=list(range(1, x.shape.rank)))

    return from_function(model)


@pytest.mark.parametrize("shape", [(224, 224), (96, 60, 3), (28, 28), (40, 31, 1), (5, 7, 3)], ids=str)
def test_segments_and_regions_are_the_authors_to_the_last_bit(shape):
    image = _picture(*shape)
    segments, theirs = over_segment(image), authors._get_segments_felzenszwalb(image)
    masks = list(segments.masks())
    np.testing.assert_array_equal(masks, theirs)
    noise = np.random.default_rng(1).normal(size=shape)
    # Much of it is 0, so that many segments have the same mean.
    attribution = np.maximum(ndimage.gaussian_filter(noise, (3, 3, 0)[: len(shape)]), 0)
    by_pixel = attribution.max(axis=-1) if len(shape) == 3 else attribution
    for area in (1.0, 0.2):
        expected, found = _theirs(image, attribution, masks, area), grow(by_pixel, segments, area_fraction=area)
        np.testing.assert_array_equal(found.heat, expected.attribution_mask)
        np.testing.assert_array_equal(found.order, expected.segments)


def test_so_are_regions_of_segments_of_one_s_own_and_of_single_precision():
    rng = np.random.default_rng(2)
    masks = np.stack([rng.random((30, 40)) < share for share in np.linspace(0.02, 0.5, 60)])
    masks = np.concatenate([masks, masks[::7], np.zeros((1, 30, 40), bool)])
    attribution = rng.normal(size=(30, 40)).astype(np.float32)
    expected = _theirs(attribution, attribution, list(masks))
    found = grow(attribution, Segments.of(masks))
    np.testing.assert_array_equal(found.heat, expected.attribution_mask)
    np.testing.assert_array_equal(found.order, expected.segments)
    assert found.masses().sum() == pytest.approx(attribution.sum(), abs=1e-3)


def test_a_planted_square_is_the_first_region():
    image = np.zeros((64, 64), np.float32)
    image[20:40, 10:30] = 1
    attribution = np.zeros((64, 64))
    attribution[20:40, 10:30] = 0.5
    regions = grow(attribution, over_segment(image))
    assert (regions.order[25:35, 15:25] == 1).all()
    assert (regions.heat[25:35, 15:25] == 0.5).all()
    assert regions.masses()[:3].sum() == pytest.approx(200)
    assert regions.heat[0, 63] == 0


def test_the_base_is_the_mean_of_integrated_gradients_from_black_and_white(bumps):
    images = np.stack([_picture(32, 24, 3), _picture(32, 24, 3)[::-1]])
    result = Xrai().attribute(bumps, images)
    path = IntegratedGradients(maps=["x"])
    black, white = (
        path.attribute(bumps, images[1:], np.full((1, 1, 1, 1), end)) for end in (images[1].min(), images[1].max())
    )
    np.testing.assert_allclose(result.values[1], (black.values + white.values)[0] / 2, rtol=1e-6)
    np.testing.assert_allclose(result.maps["x"][1], (black.maps["x"] + white.maps["x"])[0] / 2, rtol=1e-6)
    assert result.maps["x"].shape == images.shape
    np.testing.assert_allclose(result.maps["x"].sum(axis=(1, 2, 3)), result.values[:, 0], rtol=1e-4, atol=1e-4)
    for row, image in enumerate(images):
        segments = over_segment(image)
        expected = _theirs(image, result.maps["x"][row], list(segments.masks()))
        np.testing.assert_array_equal(result.regions["x"].heat[row], expected.attribution_mask)
    scalar = IntegratedGradients().attribute(bumps, images, Extremes())
    np.testing.assert_array_equal(result.values, scalar.values)
    np.testing.assert_array_equal(result.approximation_errors, scalar.approximation_errors)


def test_other_features_have_their_own_baselines():
    inputs = {"image": _picture(20, 20)[None], "age": tf.constant([[3.0]])}

    def model(tensors):
        return tf.reduce_sum(tensors["image"], axis=[1, 2]) * tensors["age"][:, 0]

    result = Xrai().attribute(model, inputs, {"image": Extremes(), "age": [[1.0]]})
    assert result.features == ("image", "age")
    assert set(result.regions) == {"image"}
    np.testing.assert_allclose(result.completeness_gaps, 0, atol=1e-2)
    np.testing.assert_allclose(Xrai().attribute(model, inputs).values.shape, (1, 2))
    with pytest.raises(ValueError, match=r"there are 3 baselines, but \{'image': 2\} of the rows' own"):
        Xrai().attribute(model, inputs, {"image": Extremes(), "age": [[1.0], [2.0], [3.0]]})
    both = SampledShapley().attribute(model, inputs, {"image": Extremes(), "age": [[1.0]]})
    np.testing.assert_allclose(both.completeness_gaps, 0, atol=1e-3)


def test_segments_are_found_once_for_all_models_and_targets(bumps, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "tfx_explain.attribution.methods.xrai.over_segment", lambda image: calls.append(1) or over_segment(image)
    )
    method, images = Xrai(), _picture(20, 20, 3)[None]
    for model in (bumps, lambda x: tf.reduce_mean(x, axis=[1, 2, 3])):
        method.attribute(model, images)
    assert len(calls) == 1
    method.attribute(bumps, images[:, ::-1])
    assert len(calls) == 2


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9), (30, 20, 1), (12, 12)], ids=str)
def test_constant_pictures_are_one_region(shape, bumps):
    result = Xrai().attribute(bumps, np.full((1, *shape), 0.3, np.float32), 0.0)
    heat = result.regions["x"].heat[0]
    by_pixel = result.maps["x"][0].max(axis=-1) if len(shape) == 3 else result.maps["x"][0]
    np.testing.assert_allclose(heat, np.full(shape[:2], by_pixel.mean()), rtol=1e-12)
    np.testing.assert_array_equal(result.regions["x"].order, 1)


def test_a_row_that_is_not_finite_has_no_regions_and_harms_no_other(bumps):
    images = np.stack([_picture(20, 24, 3)] * 3)
    images[1, 3, 4, 0] = np.nan
    result = Xrai().attribute(bumps, images)
    assert result.failures == ("", "feature 'x' is not finite", "")
    assert np.isnan(result.maps["x"][1]).all() and np.isnan(result.regions["x"].heat[1]).all()
    assert (result.regions["x"].order[1] == 0).all()
    alone = Xrai().attribute(bumps, images[2:])
    np.testing.assert_array_equal(result.regions["x"].heat[2], alone.regions["x"].heat[0])
    taken = result.take(np.array([2]))
    np.testing.assert_array_equal(taken.regions["x"].heat, alone.regions["x"].heat)


@pytest.mark.parametrize("steps", [None, 16])
def test_maps_are_closed_forms_and_the_scalars_are_unchanged(steps):
    images = np.stack([_picture(9, 14, 3), _picture(9, 14, 3)[::-1], np.zeros((9, 14, 3), np.float32)])
    weights = np.random.default_rng(4).normal(size=images.shape[1:]).astype(np.float32)

    def model(x):
        return tf.reduce_sum(weights * x**2, axis=[1, 2, 3])

    plain = IntegratedGradients(steps=steps).attribute(model, images, tf.zeros([2, 1, 1, 1]))
    kept = IntegratedGradients(steps=steps, maps=True).attribute(model, images, tf.zeros([2, 1, 1, 1]))
    np.testing.assert_array_equal(kept.values, plain.values)
    np.testing.assert_array_equal(kept.approximation_errors, plain.approximation_errors)
    assert plain.maps == {}
    np.testing.assert_allclose(kept.maps["x"], weights * images**2, rtol=1e-4, atol=1e-6)
    few = IntegratedGradients(steps=steps, maps=True, batch_size=48).attribute(model, images[1:2])
    np.testing.assert_array_equal(few.maps["x"][0], kept.maps["x"][1])
    smooth = SmoothGrad(IntegratedGradients(steps=steps, maps=True), noise_sigma=0.0, samples=2)
    np.testing.assert_allclose(smooth.attribute(model, images).maps["x"], kept.maps["x"], rtol=1e-6)
    regions = Xrai(smooth, channels="sum").attribute(model, images[:1], Blurred(2.0))
    assert regions.regions["x"].heat.sum() == pytest.approx(regions.values[0, 0], rel=1e-4)


def test_maps_add_up_where_gradients_end_in_infinity():
    images = np.abs(_picture(6, 5))[None]

    def root(x):
        return tf.sqrt(tf.reduce_mean(x, axis=[1, 2]))

    kept = IntegratedGradients(maps=True).attribute(root, images)
    assert kept.failures == ("",)
    np.testing.assert_allclose(kept.maps["x"].sum(), kept.values[0, 0], rtol=1e-5)


def test_what_has_no_map_or_no_regions_is_refused(bumps):
    inputs = {"a": tf.ones([1, 2]), "b": tf.ones([1, 2])}
    with pytest.raises(ValueError, match=r"maps names \['ab'\]; features that are one whole tensor each are \[\]"):
        IntegratedGradients(maps=["ab"]).attribute(lambda t: t["a"][:, 0], inputs, 0.0, {"ab": ["a", "b"]})
    with pytest.raises(ValueError, match="feature 'a' has \\(2,\\) numbers a row; regions are of images"):
        Xrai(IntegratedGradients(maps=["a"])).attribute(lambda t: t["a"][:, 0], inputs)
    with pytest.raises(ValueError, match=r"area_fraction is 0 \(above 0, at most 1\)"):
        Xrai(area_fraction=0)
    with pytest.raises(ValueError, match="give bool"):
        Segments.of(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"attributions are \(2, 2\), segments are of \(3, 3\)"):
        grow(np.ones((2, 2)), Segments.of(np.ones((1, 3, 3), bool)))


def test_without_scikit_image_the_extra_is_named(bumps, monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    with pytest.raises(ValueError, match=r"install tfx-explain\[images\]"):
        Xrai().attribute(bumps, _picture(224, 224, 3)[None])


def test_segments_kept_are_bounded():
    kept = over_segment(_picture(20, 20))

    calls = []
    remembered = Remembered(lambda image: calls.append(1) or kept, int(2.5 * kept.nbytes))
    for number in (1, 2, 2, 3, 3, 1):
        remembered(np.full((2, 2), number))
    remembered(np.full((4, 1), 1))
    assert len(calls) == 5


@pytest.mark.slow
def test_a_picture_of_sixteen_million_pixels():
    image = np.tile(_picture(500, 500), (8, 8))
    result = Xrai(IntegratedGradients(steps=2, maps=True)).attribute(
        lambda x: tf.reduce_mean(x, axis=[1, 2]), image[None]
    )
    segments = over_segment(image)
    assert segments.nbytes < 5 * image.size
    assert result.regions["x"].heat.shape == (1, 4000, 4000)
    np.testing.assert_allclose(result.maps["x"].sum(), result.values[0, 0], rtol=1e-3)
