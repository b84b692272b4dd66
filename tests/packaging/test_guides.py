"""The code of guides that no room's own tests run: each page is one program, run in an empty folder."""

import re

import numpy as np
import pytest


@pytest.fixture
def run(root, tmp_path, monkeypatch):
    """Runs a page's Python, and returns its names."""
    monkeypatch.chdir(tmp_path)

    def call(page):
        names = {}
        text = (root / "docs" / f"{page}.md").read_text()
        exec("\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL)), names)
        return names

    return call


def test_vertexs_metadata_and_parameters_are_read(run):
    names = run("from-vertex")

    assert tuple(names["model"].features) == ("age", "hours")
    assert names["parameters"].sampled_shapley_attribution.path_count == 10
    assert names["parameters"].top_k == 2


def test_shaps_values_are_ours(run):
    names = run("from-shap")

    assert np.abs(names["ours"].values - names["theirs"].values).max() < 1e-5
    assert names["ours"].converged.all()
