"""docs/notebooks/: stored without outputs; run as they stand, and still to be read once exported."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
PARTS = {"explaining_a_saved_model": 3, "why_a_model_was_blocked": 2}
FIGURES = {"explaining_a_saved_model": 5, "why_a_model_was_blocked": 6}


def code_cells(path):
    return [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Copies of the notebooks, run by nbmake, with their outputs; by name."""
    folder = tmp_path_factory.mktemp("notebooks")
    for path in NOTEBOOKS:
        shutil.copy(path, folder)
    options = ("--nbmake", "--overwrite", "--nbmake-timeout=600", "-p", "no:cacheprovider", "-p", "no:xdist")
    command = [sys.executable, "-m", "pytest", "-q", *options, f"--rootdir={folder}", "-c", os.devnull, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.stem: folder / path.name for path in NOTEBOOKS}


def test_there_are_two():
    assert [path.stem for path in NOTEBOOKS] == sorted(PARTS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_stored_without_outputs(path):
    for cell in code_cells(path):
        assert cell.outputs == [] and cell.execution_count is None, f"{path.name}: clear all outputs, and save."


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
def test_it_runs_and_says_nothing_beside_its_results(executed, name):
    cells = code_cells(executed[name])
    outputs = [output for cell in cells for output in cell.outputs]
    assert cells and all(cell.execution_count for cell in cells)
    assert [output.text for output in outputs if output.output_type == "stream"] == []
    shown = [output.data for output in outputs if output.output_type == "execute_result"]
    assert sum("tfx-explain" in data.get("text/html", "") for data in shown) == PARTS[name]
    assert sum("image/png" in data for data in shown) == FIGURES[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", PARTS)
def test_it_can_be_read_once_exported(executed, name, tmp_path, chromium):
    html, _ = HTMLExporter().from_filename(str(executed[name]))
    page_path = tmp_path / "exported.html"
    page_path.write_text(html, encoding="utf-8")
    page = chromium.new_context(offline=True, viewport={"width": 1000, "height": 800}).new_page()
    page.goto(page_path.as_uri(), wait_until="domcontentloaded")
    assert page.locator(".tfx-explain").count() == PARTS[name]
    bar = page.locator(".tfx-explain .bar.candidate > span").first
    assert bar.evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(11, 98, 184)"
    assert bar.bounding_box()["width"] > 100
    # Nothing of ours holds outside.
    assert page.locator("body").evaluate("one => getComputedStyle(one).maxWidth") == "none"
    assert page.evaluate("document.documentElement.scrollWidth") == 1000
