"""Figures show the frame's numbers, whatever its names hold, and leave pyplot alone."""

import io
import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest

from tfx_explain.report import figures, read_attributions

HOSTILE = ["$a_b$ costs $5", "_hidden", "<script>alert(1)</script>", "line\nbreak\x1b[31m", "x" * 10_000]


@pytest.fixture
def frame(write, rows):
    return read_attributions(write(rows))


@pytest.fixture
def hostile(write, explained):
    generator = np.random.default_rng(3)
    rows = [
        {name: float(generator.normal()) for name in HOSTILE}
        | explained({name: float(generator.normal()) for name in HOSTILE})
        for _ in range(60)
    ]
    return read_attributions(write(rows))


def absolute(frame, model="candidate"):
    return frame[model]["attribution"].abs().sum()


def svg(figure):
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg")
    return buffer.getvalue()


def test_importance_bars_are_the_shares(frame):
    (axes,) = figures.importance(frame).axes
    names = [text.get_text() for text in axes.get_yticklabels()]
    for bars, model in zip(axes.containers[1::2], ("candidate", "baseline"), strict=True):
        expected = (absolute(frame, model) / absolute(frame, model).sum())[names]
        np.testing.assert_allclose([bar.get_width() for bar in bars], expected)
    assert names == list(absolute(frame).sort_values(ascending=False).index)
    assert {bar.get_hatch() for bars in axes.containers[1::2] for bar in bars} == {"", "//////"}


def test_importance_shows_the_largest_of_many(frame):
    (axes,) = figures.importance(frame, features=2).axes
    assert len(axes.get_yticklabels()) == 2
    assert axes.get_title(loc="left") == "2 of 3 features, 400 rows"


def test_beeswarm_points_are_the_attributions(frame):
    (axes,) = figures.beeswarm(frame).axes
    points = np.concatenate([each.get_offsets().data for each in axes.collections])
    names = [text.get_text() for text in axes.get_yticklabels()]
    for place, name in enumerate(names):
        drawn = points[np.abs(points[:, 1] - place) <= 0.5, 0]
        np.testing.assert_allclose(np.sort(drawn), np.sort(frame["candidate"]["attribution"][name]))


def test_beeswarm_thins_evenly_and_says_so(frame):
    (axes,) = figures.beeswarm(frame, "baseline", rows=50).axes
    assert axes.get_title(loc="left") == "baseline model: 3 features, 50 of 400 explained rows"


def test_waterfall_goes_from_the_baseline_to_the_output(frame):
    (axes,) = figures.waterfall(frame, 7, features=1).axes
    bars = sorted(axes.patches, key=lambda bar: bar.get_y())
    row = frame["candidate"].iloc[7]
    largest = row["attribution"].astype(float).abs().idxmax()
    assert bars[0].get_width() == pytest.approx(row["attribution"][largest])
    assert bars[0].get_x() == pytest.approx(row["output"]["baseline_output_value"])
    assert bars[1].get_x() + bars[1].get_width() == pytest.approx(row["output"]["instance_output_value"])
    first, second = (text.get_text() for text in axes.get_yticklabels())
    assert first.startswith(f"{largest} = ") and second == "2 others"


def test_dependence_points_are_attributions_over_values(frame):
    (axes,) = figures.dependence(frame, "fnlwgt").axes
    x = np.concatenate([frame["row", "value", "fnlwgt"]] * 2)
    y = np.concatenate([frame[model, "attribution", "fnlwgt"] for model in ("candidate", "baseline")])
    np.testing.assert_allclose(axes.collections[0].get_offsets().data, np.stack([x, y], axis=1))


def test_dependence_on_texts_names_them(frame):
    (axes,) = figures.dependence(frame, "sex").axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["Female", "Male"]
    drawn = axes.collections[0].get_offsets().data[:400]
    expected = frame["candidate", "attribution", "sex"][frame["row", "value", "sex"] == "Male"]
    np.testing.assert_allclose(drawn[np.rint(drawn[:, 0]) == 1, 1], expected)


def test_slices_are_shares_by_slice(frame):
    (axes,) = figures.slices(frame).axes
    (mesh,) = axes.collections
    men = frame[frame["row", "value", "sex"] == "Male"]
    new, old = absolute(men), absolute(men, "baseline")
    names = [text.get_text() for text in axes.get_xticklabels()]
    place = [text.get_text().startswith("sex:Male (") for text in axes.get_yticklabels()].index(True)
    found = mesh.get_array().reshape(-1, len(names))[place]
    np.testing.assert_allclose(found, (100 * (new / new.sum() - old / old.sum()))[names], rtol=1e-5)
    with pytest.raises(ValueError, match="show='both': of this frame there are 'candidate', 'baseline', 'change'"):
        figures.slices(frame, "both")


def test_drift_lines_are_shares_by_run(frame):
    men = frame[frame["row", "value", "sex"] == "Male"]
    (axes,) = figures.drift({"first": men, "second": frame}).axes
    names = [text.get_text().strip() for text in axes.get_legend().get_texts()]
    for name, line in zip(names, axes.get_legend().legend_handles, strict=True):
        (drawn,) = [each for each in axes.get_lines() if each.get_marker() == line.get_marker()]
        expected = [absolute(run)[name] / absolute(run).sum() for run in (men, frame)]
        np.testing.assert_allclose(drawn.get_ydata(), expected)
    assert [text.get_text() for text in axes.get_xticklabels()] == ["first", "second"]


def test_drift_leaves_out_what_has_no_part_in_any_run(write, explained):
    frame = read_attributions(write([explained({"age": 0.0, "sex": 0.0})]))
    with pytest.raises(ValueError, match="All attributions of the model 'candidate' are 0 in all runs"):
        figures.drift({"only": frame})
    other = frame.copy()
    other["candidate", "attribution", "age"] = 1.0
    (axes,) = figures.drift({"first": frame, "second": other}).axes
    assert axes.get_lines()[0].get_ydata().tolist() == [1.0]


def test_names_stand_as_they_are(hostile):
    for figure in (
        figures.importance(hostile),
        figures.beeswarm(hostile),
        figures.waterfall(hostile, 0),
        figures.slices(hostile),
        figures.drift({"$run_1$": hostile, "$run_2$": hostile}),
    ):
        said = svg(figure)
        assert "$a_b$ costs $5" in said
        assert "_hidden" in said
        assert r"line\nbreak\x1b[31m" in said
        assert "<script>" not in said
        assert "x" * 50 not in said
    assert "$a_b$ costs $5" in svg(figures.dependence(hostile, HOSTILE[0]))


def test_one_row_of_one_feature_is_drawn(write, explained):
    frame = read_attributions(write([{"age": 3} | explained({"age": 1.0})]))
    for draw in (figures.importance, figures.beeswarm, figures.slices):
        assert draw(frame)._repr_png_()[0]
    assert figures.waterfall(frame, 0)._repr_png_()[0]
    assert figures.dependence(frame, "age")._repr_png_()[0]
    assert figures.drift({"only": frame})._repr_png_()[0]


def test_rows_that_could_not_be_explained_are_not_drawn(write, explained):
    rows = [explained({"age": value}) for value in (1.0, float("nan"), 3.0)]
    frame = read_attributions(write(rows))
    (axes,) = figures.beeswarm(frame).axes
    assert sorted(np.concatenate([each.get_offsets().data for each in axes.collections])[:, 0]) == [1, 3]
    with pytest.raises(ValueError, match="No row in this frame has all its attributions of the model 'candidate'"):
        figures.waterfall(frame, 1)


def test_frames_put_together_are_drawn(frame):
    both = pd.concat([frame, frame])
    points = [each.get_offsets() for each in figures.beeswarm(both, rows=800).axes[0].collections]
    assert sum(map(len, points)) == 3 * 800
    assert len(figures.dependence(both, "fnlwgt", rows=800).axes[0].collections[0].get_offsets()) == 1600


def test_what_cannot_be_drawn_is_said(frame):
    with pytest.raises(ValueError, match="give what `read_attributions` returns"):
        figures.importance(frame["row"])
    with pytest.raises(ValueError, match="row=400: the frame has the rows 0 to 399"):
        figures.waterfall(frame, 400)
    with pytest.raises(ValueError, match="unknown feature 'fnlwght'; did you mean 'fnlwgt'"):
        figures.dependence(frame, "fnlwght")
    with pytest.raises(ValueError, match="no attributions of the model 'other' in the run 'a'"):
        figures.drift({"a": frame}, "other")
    with pytest.raises(ValueError, match="There are no runs"):
        figures.drift({})


def test_pyplot_and_settings_stay_as_they_are(frame):
    import matplotlib.pyplot as plt

    plt.get_backend()  # Chosen when first asked for.
    before = dict(matplotlib.rcParams), plt.get_fignums()
    with plt.style.context("dark_background"):
        figure = figures.importance(frame)
    assert (dict(matplotlib.rcParams), plt.get_fignums()) == before
    assert matplotlib.colors.to_hex(figure.get_facecolor()) == "#ffffff"
    assert matplotlib.colors.to_hex(figure.axes[0].title.get_color()) == "#1c2128"


def test_without_the_extras_everything_else_is_there():
    program = """
import sys
for name in ("matplotlib", "seaborn", "shap", "IPython", "tfx"):
    sys.modules[name] = None
import pandas
from tfx_explain import report
for way in (lambda: __import__("tfx_explain.report.figures"), lambda: report.to_shap(pandas.DataFrame())):
    try:
        way()
    except ImportError as error:
        print(error)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "`tfx_explain.report.figures` needs tfx-explain[figures]: pip install 'tfx-explain[figures]'" in said
    assert "`to_shap` needs tfx-explain[shap]: pip install 'tfx-explain[shap]'" in said
