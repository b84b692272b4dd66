"""Where in pictures attributions lie, against sums by hand, and what the page says of it."""

import io

import apache_beam as beam
import numpy as np
import pytest
from PIL import Image

from tests.report.conftest import CLASSES, HEIGHT, SCALES, WIDTH, write_attributions
from tfx_explain.metrics.regions import region
from tfx_explain.report import view_pictures
from tfx_explain.report.evidence import read_evidence
from tfx_explain.report.masses import where_in_pictures
from tfx_explain.report.write import write_report
from tfx_explain.storage import columns


def _evidence(folders, tmp_path):
    (tmp_path / "scratch").mkdir()
    return read_evidence(folders, "", beam.Pipeline, str(tmp_path / "scratch"))


def test_ninths_are_the_shares_of_these_boxes(pictures, maps, tmp_path):
    evidence = _evidence([f"{write_attributions(tmp_path / 'one', pictures)}/Split-eval"], tmp_path)
    [where] = where_in_pictures(evidence.masses)
    sizes = np.abs(maps.astype(np.float16).astype(np.float64)) * SCALES[:, :, None, None]
    assert [(grid.of_class, grid.rows) for grid in where.grids] == [
        (None, 30),
        (CLASSES[1].decode(), 15),
        (CLASSES[0].decode(), 15),
    ]
    for grid, rows in zip(where.grids, (slice(None), slice(1, None, 2), slice(0, None, 2)), strict=True):
        for number, model in enumerate(columns.MODELS):
            of_model = sizes[rows, number]
            for down in range(3):
                for across in range(3):
                    box = [down / 3, across / 3, (down + 1) / 3, (across + 1) / 3]
                    inside = of_model[:, region(box).within((HEIGHT, WIDTH))].sum()
                    assert grid.shares[model][down, across] == pytest.approx(inside / of_model.sum(), rel=1e-6)
    assert where.grids[1].told.startswith("the bottom right has ")
    assert where.grids[1].most == (2, 2)


def test_the_page_shows_it_and_is_the_same_however_records_are_split(pictures, tmp_path):
    pages = []
    for name, order in (("one", [pictures]), ("two", [pictures[:7:-1], pictures[:8]])):
        folders = [write_attributions(tmp_path / f"{name}-{i}", rows) for i, rows in enumerate(order)]
        output = str(tmp_path / f"{name}.html")
        with open(write_report(output, [f"{folder}/Split-eval" for folder in folders]), encoding="utf-8") as file:
            pages.append(file.read())
    assert pages[0] == pages[1]
    assert '<h2 id="pictures">Where in pictures</h2>' in pages[0]
    assert "the bottom right has " in pages[0]
    assert pages[0].count('<img src="data:image/png;base64,') == 10
    assert "<script>" not in pages[0]


def test_sums_alone_have_no_pictures(pictures, tmp_path):
    folder = f"{write_attributions(tmp_path / 'one', pictures)}/Split-eval"
    with open(write_report(str(tmp_path / "page.html"), [folder], with_rows=False), encoding="utf-8") as file:
        page = file.read()
    assert "Where in pictures" in page and "<img" not in page


def test_one_model_and_maps_of_zeros_have_no_change(pictures, tmp_path):
    zeros = np.zeros((HEIGHT, WIDTH), "<f2").tobytes()
    key = columns.map_column(columns.CANDIDATE, columns.MAPS, "image")
    alone = [{name: one for name, one in row.items() if "/baseline/" not in name} | {key: zeros} for row in pictures]
    evidence = _evidence([f"{write_attributions(tmp_path / 'one', alone)}/Split-eval"], tmp_path)
    [where] = where_in_pictures(evidence.masses)
    assert all(np.isnan(grid.shares[columns.CANDIDATE]).all() and not grid.told for grid in where.grids)


def test_a_notebook_shows_it_and_each_picture(pictures, tmp_path):
    shown = view_pictures(write_attributions(tmp_path / "one", pictures), pictures=2)
    page = shown._repr_html_()
    assert "the bottom right has " in page and page.count('<img src="data:image/png') == 4 and "<script" not in page
    assert shown.overlays[0]._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="No record has a map of 'age'"):
        view_pictures(str(tmp_path / "one"), "age")


def test_a_large_picture_is_shown_small(pictures, tmp_path):
    row, size = dict(pictures[0]), 700
    for model in columns.MODELS:
        numbers = np.random.default_rng(0).random((size, size)).astype("<f2")
        row[columns.map_column(model, columns.MAPS, "image")] = numbers.tobytes()
        row[columns.map_column(model, columns.MAP_SHAPES, "image")] = [size, size]
    [drawn, _] = view_pictures(write_attributions(tmp_path / "one", [row])).overlays
    assert Image.open(io.BytesIO(drawn.png)).size[0] == 512
