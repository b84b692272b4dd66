"""Regions of pictures, against pixels counted by hand."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tfx_explain.metrics import MapShare
from tfx_explain.metrics.regions import read_mask, region


def test_a_box_in_parts_is_the_same_in_pixels():
    parts, pixels = region(box=[0, 0.75, 0.25, 1]), region(box=[0, 21, 7, 28])
    expected = np.zeros((28, 28), bool)
    expected[:7, 21:] = True
    assert np.array_equal(parts.within((28, 28)), expected)
    assert np.array_equal(pixels.within((28, 28)), expected)
    assert (parts.place, pixels.place) == ("0,0.75,0.25,1", "0,21,7,28")


@pytest.mark.parametrize(("border", "width"), [(1, 1), (3, 3), (0.1, 1), (0.25, 2), (0.26, 2)])
def test_a_border_is_a_ring_of_pixels_or_of_a_part_of_the_shorter_side(border, width):
    expected = np.ones((8, 12), bool)
    expected[width:-width, width:-width] = False
    assert np.array_equal(region(border=border).within((8, 12)), expected)
    assert np.array_equal(region(border=border, outside=True).within((8, 12)), ~expected)


@pytest.mark.parametrize(
    ("mode", "colour"), [("1", 1), ("L", 1), ("P", 1), ("RGB", (0, 0, 1)), ("I;16", 1), ("LA", (9, 255))]
)
def test_whatever_is_not_black_in_a_png_is_in_its_region(tmp_path, mode, colour):
    image = Image.new(mode, (4, 3))
    if mode == "P":
        image.putpalette([0, 0, 0, 0, 0, 200])
    image.putpixel((1, 2), colour)
    image.save(tmp_path / "stamp.png")
    found = region(mask=str(tmp_path / "stamp.png"))
    assert np.argwhere(found.within((3, 4))).tolist() == [[2, 1]]
    assert found.place == "mask:stamp"


@given(st.data())
def test_runs_are_those_of_coco_and_come_back(data):
    height, width = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    pixels = np.array(data.draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width)))
    pixels[data.draw(st.integers(0, pixels.size - 1))] = True
    pixels = pixels.reshape(height, width)
    counts, last = [0], False
    for one in pixels.T.ravel().tolist():  # COCO goes down the columns, and begins with what is not there.
        counts += [0] if one != last else []
        counts[-1] += 1
        last = one
    found = read_mask({"size": [height, width], "counts": counts})
    assert np.array_equal(found.within((height, width)), pixels)
    assert found.runs()["counts"] == counts


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "MapShare has no region; give one of box, mask and border"),
        ({"box": [0, 0, 1, 1], "border": 2}, "MapShare has box and border; give one of"),
        ({"box": [0, 0, 1]}, r"MapShare has box \[0, 0, 1\]"),
        ({"box": [0, 0.5, 1, 0.5]}, "such as [0, 0.75, 0.25, 1]"),
        ({"box": [0, 0, 1.5, 2]}, r"or in whole pixels, such as \[0, 21, 7, 28\]"),
        ({"box": [0, 0, float("nan"), 1]}, "MapShare has box"),
        ({"border": 0}, "MapShare has border 0; give whole pixels"),
        ({"border": 1.5}, "MapShare has border 1.5"),
        ({"border": "3"}, "MapShare has border '3'"),
        ({"border": float("inf")}, "MapShare has border inf"),
        ({"mask": "/nowhere/mask.png"}, r"mask /nowhere/mask\.png can't be read"),
        ({"mask": {"size": [2, 2]}}, r"MapShare's mask has \['size'\]; give a PNG's path"),
        ({"mask": {"size": [2, 2], "counts": "02"}}, "of whole numbers"),
        ({"mask": {"size": [2, 2], "counts": [1, -1, 4]}}, "of whole numbers"),
        ({"mask": {"size": [2, 2], "counts": [1, 2]}}, "runs of 3 pixels together, and 2 x 2 are 4"),
        ({"mask": {"size": [2, 2], "counts": [4]}}, "No pixel is in MapShare's mask"),
    ],
)
def test_what_is_no_region_is_one_sentence(given, said):
    with pytest.raises(ValueError, match=said.replace("such as [0", r"such as \[0")):
        MapShare("digit", **given)


def test_a_mask_that_is_no_png_is_told_so(tmp_path):
    for name, content in {"a.jpg": b"\xff\xd8\xff\xe0", "b.png": b"\x89PNG\r\n\x1a\nbroken"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"mask .*{re.escape(name)} (is no PNG|can't be read)"):
            region(mask=str(tmp_path / name))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mask": {"size": [4, 6], "counts": [0, 24]}}, r"is 4 x 6 pixels .*does not fit maps of 6 x 4"),
        ({"box": [0, 0, 7, 4]}, "in pixels, reaches beyond maps of 6 x 4"),
        ({"box": [0, 0, 0.01, 0.01]}, "No pixel of maps of 6 x 4 is in the region '0,0,0.01,0.01'"),
        ({"border": 2, "outside": True}, "No pixel of maps of 6 x 4 is in the region 'border:2,outside'"),
        ({"border": 0.01}, "No pixel of maps"),
    ],
)
def test_a_region_that_is_none_of_the_maps_is_one_sentence(given, said):
    with pytest.raises(ValueError, match=said):
        region(**given).within((6, 4))
