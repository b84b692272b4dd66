"""Overlays by their rules: which pixels are drawn, in which colours, over what."""

import base64
import io
import sys

import numpy as np
import pytest
from PIL import Image

from tfx_explain.proto import explanation_pb2
from tfx_explain.report.colours import colours
from tfx_explain.report.overlay import Settings, overlay, visible
from tfx_explain.report.pictures import shown

PLAIN = {"type": "pixels", "clip_below_percentile": 0.0, "clip_above_percentile": 100.0}


def _drawn(image, numbers, **settings):
    """The picture without its colour bar, `[height, width, 3]`."""
    found = overlay(image, numbers, Settings(**settings))
    pixels = np.asarray(Image.open(io.BytesIO(found.png)))
    times = max(1, -(-224 // max(numbers.shape)))
    return pixels[: numbers.shape[0] * times : times, : numbers.shape[1] * times : times].astype(int)


@pytest.fixture
def numbers():
    found = np.zeros((40, 30))
    found[5:15, 5:15], found[20:30, 10:25] = 1.0, -2.0
    return found


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 255, (40, 30, 3), np.uint8)


def test_shares_lie_between_the_percentiles():
    numbers = np.arange(101.0).reshape(1, 101)
    settings = Settings(clip_below_percentile=20, clip_above_percentile=80)
    shares, ends = visible(numbers, settings)
    assert ends == (20.0, 80.0)
    np.testing.assert_allclose(shares[0], np.clip((np.arange(101) - 20) / 60, 0, 1))
    both, _ = visible(np.array([[-4.0, 0.0, 2.0]]), Settings(**PLAIN | {"polarity": "both"}))
    np.testing.assert_allclose(both, [[-1, 0, 0.5]])


@pytest.mark.parametrize("polarity", ["positive", "negative", "both"])
def test_polarity_chooses_what_is_shown(numbers, polarity):
    drawn = _drawn(None, numbers, polarity=polarity, **PLAIN)
    is_white = (drawn == 255).all(axis=2)
    expected = {"positive": numbers > 0, "negative": numbers < 0, "both": numbers != 0}[polarity]
    np.testing.assert_array_equal(~is_white, expected)


@pytest.mark.parametrize("beneath", ["none", "original", "grayscale", "mask_black"])
def test_what_lies_beneath(numbers, image, beneath):
    drawn = _drawn(image, numbers, overlay_type=beneath, **PLAIN)
    outside = drawn[numbers <= 0]
    if beneath == "none":
        assert (outside == 255).all()
    elif beneath == "original":
        np.testing.assert_array_equal(outside, image[numbers <= 0])
    elif beneath == "grayscale":
        expected = np.rint(image[numbers <= 0] @ [0.299, 0.587, 0.114])
        np.testing.assert_allclose(outside, np.repeat(expected[:, None], 3, axis=1), atol=1)
    else:
        assert (outside == 0).all()
        np.testing.assert_array_equal(drawn[numbers > 0], image[numbers > 0])


def test_outlines_go_around_parts_that_are_large_enough(numbers):
    numbers[35, 28] = 1.0
    settings = {"type": "outlines", "clip_below_percentile": 0.0, "clip_above_percentile": 100.0}
    lines = (_drawn(None, numbers, **settings) != 255).any(axis=2)
    assert lines[5, 5:15].all() and lines[5:15, 5].all()
    assert not lines[7:13, 7:13].any() and not lines[20:30].any()
    shaded = (_drawn(None, numbers, shade_within_outlines=True, **settings) != 255).any(axis=2)
    assert shaded[5:15, 5:15].all()
    dust = np.zeros((100, 100))
    dust[50, 50] = 1
    assert (_drawn(None, dust, **settings) == 255).all()


def test_multiplier_and_blur(numbers, image):
    half = _drawn(image, numbers, overlay_type="original", overlay_multiplier=0.5, **PLAIN)
    green = np.array([77, 172, 38])
    np.testing.assert_allclose(half[10, 10], (image[10, 10] + green) / 2, atol=1)
    blurred, _ = visible(numbers, Settings(blur_sigma=2.0, **PLAIN))
    assert 0 < blurred[4, 10] < 1


def test_the_picture_is_enlarged_and_has_a_bar(numbers):
    found = overlay(None, numbers, Settings(polarity="both", **PLAIN))
    size = Image.open(io.BytesIO(found.png)).size
    assert size[1] == 240 and size[0] > 180 + 12
    assert found._repr_png_() == found.png and found.note == ""


def test_maps_that_show_nothing_say_so(image):
    found = overlay(image, np.zeros((40, 30)), Settings(overlay_type="original", type="pixels"))
    assert found.note == "Nothing is shown: the map is the same at both percentiles."
    found = overlay(None, np.eye(4), Settings(overlay_type="original"))
    assert found.note == "The picture itself is not in the record."


def test_what_can_not_be_drawn_is_refused(numbers, image, monkeypatch):
    with pytest.raises(ValueError, match=r"The image is \(40, 30, 3\), its map \(30, 40\)"):
        overlay(image, numbers.T, Settings())
    for wrong, said in (
        ({"polarity": "POSITIVE"}, "polarity: 'POSITIVE' is not allowed"),
        ({"blur_sigma": float("nan")}, "blur_sigma: nan is negative, or not finite"),
        ({"clip_above_percentile": 50.0}, "clip_below_percentile 62 is not below clip_above_percentile 50; where"),
    ):
        with pytest.raises(ValueError, match=said):
            Settings(**wrong)
    with pytest.raises(ValueError, match="not finite"):
        overlay(None, np.full((3, 3), np.nan), Settings())
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ValueError, match=r"install tfx-explain\[images\]"):
        overlay(None, numbers, Settings())


def test_settings_are_the_metadata_s_and_else_vertex_s():
    assert Settings.of(explanation_pb2.Visualization()) == Settings()
    given = explanation_pb2.Visualization(polarity="both", clip_above_percentile=0.0, blur_sigma=1.0)
    assert Settings.of(given) == Settings(polarity="both", blur_sigma=1.0)
    assert Settings.of(explanation_pb2.Visualization(), True) == Settings(type="pixels", color_map="viridis")


def test_a_single_colour_has_another_where_both_signs_are_shown():
    for color_map in ("red", "green"):
        against, speaking_for = (colours(np.array([sign]), color_map, False)[0] for sign in (-1.0, 1.0))
        np.testing.assert_array_equal(against, speaking_for)
        both = colours(np.array([-1.0, 1.0]), color_map, True)
        np.testing.assert_array_equal(both[1], speaking_for)


def _as_seen_without(cone, rgb):
    """What dichromats see, after Vienot, Brettel, Mollon 1999; `rgb` from 0 to 1, linear."""
    to_cones = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    seen = {"red": [[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]}
    seen["green"] = [[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]
    return np.linalg.inv(to_cones) @ np.array(seen[cone]) @ to_cones @ rgb


@pytest.mark.parametrize("color_map", ["pink_green", "red_green", "pink_white_green", "viridis", "red", "green"])
@pytest.mark.parametrize("cone", ["red", "green"])
def test_colour_blind_readers_tell_both_signs_apart(color_map, cone):
    against, speaking_for = (colours(np.array([sign]), color_map, True)[0] / 255 for sign in (-1.0, 1.0))
    seen = [np.clip(_as_seen_without(cone, colour**2.2), 0, 1) ** (1 / 2.2) for colour in (against, speaking_for)]
    assert np.abs(seen[0] - seen[1]).max() > 0.2


@pytest.mark.parametrize("channels", [1, 3])
def test_records_pictures_are_shown_whatever_they_are(channels):
    pixels = np.random.default_rng(2).integers(0, 255, (6, 4, channels), np.uint8)
    expected = np.repeat(pixels, 3, axis=2) if channels == 1 else pixels
    written = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels).save(written, "PNG")
    for value in ([written.getvalue()], [pixels.tobytes()], pixels.ravel().tolist(), (pixels / 255.0).ravel().tolist()):
        np.testing.assert_allclose(shown(value, (6, 4)), expected, atol=1)
    for value in ([base64.b64encode(pixels.tobytes())], [(pixels / 255).astype("<f4").tobytes()]):
        np.testing.assert_allclose(shown(value, (6, 4)), expected, atol=1)
    first = np.moveaxis(pixels / 255.0, 2, 0).ravel().tolist()
    np.testing.assert_allclose(shown(first, (6, 4), (channels, 6, 4)), expected, atol=1)
    assert shown(first, (3, 2), (6, 4, channels)).shape == (3, 2, 3)
    larger = io.BytesIO()
    Image.fromarray(expected).resize((40, 60)).save(larger, "PNG")
    assert shown([larger.getvalue()], (6, 4)).shape == (6, 4, 3)
    for value in (None, [b"junk"], [1.0, 2.0]):
        assert shown(value, (6, 4)) is None


def test_grey_of_sixteen_bits_is_shown_as_it_is():
    pixels, written = np.linspace(0, 65535, 24).astype(np.uint16).reshape(6, 4), io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    np.testing.assert_array_equal(shown([written.getvalue()], (6, 4))[:, :, 0], pixels // 257)
