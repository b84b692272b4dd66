"""The code of guides that no room's own tests run: each page is one program, run in an empty folder."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest


@pytest.fixture
def run(root, tmp_path, monkeypatch):
    """Runs a page's Python, and returns its names."""
    monkeypatch.chdir(tmp_path)

    def call(page):
        names = {}
        blocks = re.findall(r"```python\n(.*?)```", (root / "docs" / f"{page}.md").read_text(), re.DOTALL)
        # What needs another environment, `make bench-torch` runs.
        exec(
            "\n".join(block for block in blocks if not re.search("import (torch|tensorflow.*from alibi)", block, re.S)),
            names,
        )
        return names

    return call


def test_vertexs_metadata_and_parameters_are_read(run):
    names = run("from-vertex")

    assert tuple(names["model"].features) == ("age", "hours")
    assert names["parameters"].sampled_shapley_attribution.path_count == 10
    assert names["parameters"].top_k == 2


def test_words_and_prices_have_their_effects(run):
    names = run("text")

    np.testing.assert_allclose(names["tokens"].values, [0, 0, 0, 1, 0], atol=1e-5)
    assert names["tokens"].tokens.tolist() == [b"urgent:", b"now", b"an", b"urgent", b"thing"]
    np.testing.assert_allclose(names["result"].tokens["prices"].values, [-1, -0.5], atol=1e-5)
    np.testing.assert_allclose(names["letters"].tokens["text"].values[0], 0, atol=1e-5)


def test_shaps_values_are_ours(run):
    names = run("from-shap")

    assert np.abs(names["ours"].values - names["theirs"].values).max() < 1e-5
    assert names["ours"].converged.all()


@pytest.mark.parametrize("page", ["from-captum", "from-alibi"])
def test_what_others_are_held_against_is_ours(run, root, page):
    text = (root / "docs" / f"{page}.md").read_text()
    shown = [values for name, values in re.findall(r"(?m)^\| (.+?) \| (-?\d.*) \|$", text) if name.endswith(", here")]

    found = [" | ".join(f"{value:.4f}" for value in values[0]) for values in run(page)["ours"].values()]

    assert found == shown


@pytest.mark.slow
def test_the_first_pipeline_pushes_a_sound_model_and_blocks_a_leak(root, tmp_path):
    trainer, pipeline = re.findall(r"```python\n(.*?)```", (root / "docs" / "first-pipeline.md").read_text(), re.DOTALL)
    (tmp_path / "trainer.py").write_text(trainer)
    (tmp_path / "pipeline.py").write_text(pipeline)

    both = "import runpy, sys\nfor sys.argv[1:] in ([], ['leak']): runpy.run_path('pipeline.py', run_name='__main__')"
    # In one process, since importing TFX takes as long as a small pipeline.
    done = subprocess.run([sys.executable, "-c", both], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]

    verdicts = sorted(
        (tmp_path / "first/artifacts/ThresholdValidator/validation").iterdir(), key=lambda at: int(at.name)
    )
    first, leaked = [json.loads((folder / "verdict.json").read_text()) for folder in verdicts]
    assert first["blessed"] and not leaked["blessed"]
    assert any("attribution_share/visits" in reason for reason in leaked["reasons"])
    assert len(list((tmp_path / "first" / "serving").iterdir())) == 1


def test_the_digits_gate_bounds_a_corner_and_the_border(run, capsys):
    run("images")

    printed = capsys.readouterr().out
    assert printed.count("MapShare") == 2 and "0.25" in printed and "border" in printed
