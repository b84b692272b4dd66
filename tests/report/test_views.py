"""What frames, verdicts and metadata show of themselves in a notebook."""

import re

import apache_beam as beam
import pytest
from IPython.core.interactiveshell import InteractiveShell

from tfx_explain.gate.saying.verdict import Verdict
from tfx_explain.metrics import evaluate_attributions
from tfx_explain.proto import explanation_pb2
from tfx_explain.report import (
    load_ipython_extension,
    read_attributions,
    read_verdict,
    view_attributions,
    view_evaluation,
    view_metadata,
)
from tfx_explain.savedmodel import metadata_to_json

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>\x1b[31m\u202e'


def metadata(name="age"):
    found = explanation_pb2.ExplanationMetadata(framework="tensorflow2", signature_name="serving_default")
    entry = found.inputs[name]
    entry.input_tensor_name, entry.input_tensor_dtype, entry.modality = f"{name}:0", "float32", "numeric"
    entry.input_baselines.add(number_value=37)
    entry.baseline_source, entry.finding = "median", f"{name} is held fixed."
    entry.explainable_by.append("sampled_shapley")
    found.outputs["probability"].explained_quantity = "log_odds"
    return found


def text(html):
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]*>", " ", html, flags=re.DOTALL))


def is_harmless(html):
    return not re.search(r"<script|<img|onerror=alert\(1\)>|\x1b|\u202e", html)


def test_a_frame_shows_every_features_part(write, rows):
    frame = read_attributions(write(rows))
    shown = text(frame._repr_html_())
    share = frame["candidate"]["attribution"].abs().sum()
    share = share / share.sum()
    for name in share.index:
        assert f"{share[name]:.1%}" in shown
    assert "over 400 rows" in shown and "400 rows explained, 0 not" in shown
    assert "The frame" in shown and "hours-per-week" in shown


def test_some_of_the_rows_show_their_own_parts(write, rows):
    frame = read_attributions(write(rows))
    men = frame[frame["row", "value", "sex"] == "Male"]
    share = men["candidate"]["attribution"].abs().sum()
    shown = text(men._repr_html_())
    assert f"over {len(men)} rows" in shown
    assert f"{share['fnlwgt'] / share.sum():.1%}" in shown


def test_other_columns_show_themselves_as_ever(write, rows):
    frame = read_attributions(write(rows))
    by_sex = frame.groupby(("row", "value", "sex")).mean()
    for part in (frame["candidate"]["attribution"], frame["row"], frame.describe(), frame.T, by_sex):
        assert "tfx-explain" not in part._repr_html_()


def test_no_rows_at_all_say_nothing(write, rows):
    frame = read_attributions(write(rows))
    assert "over 0 row" in text(frame[frame["row", "value", "sex"] == "Nobody"]._repr_html_())


def test_a_frame_says_what_was_left_out(write, rows):
    frame = read_attributions(write(rows), features=["sex"])
    shown = text(frame._repr_html_())
    assert "2 other features left out" in shown
    assert "completeness gap" not in shown


def test_thousands_of_features_take_little(write, explained):
    frame = read_attributions(write([explained({f"f{number:04}": float(number) for number in range(2000)})] * 3))
    html = frame._repr_html_()
    assert len(html) < 200_000
    assert "and 1,800 less important features." in text(html)


def test_a_verdict_shows_what_failed(judge, check):
    verdict = read_verdict(judge([check(), check("sex", True)]))
    assert repr(verdict) == "<NOT BLESSED: 1 of 2 thresholds passed>"
    shown = text(verdict._repr_html_())
    assert "NOT BLESSED: 1 of 2 thresholds passed" in shown
    assert verdict.failed[0].reason in shown
    assert not verdict.blessed


def test_metadata_shows_each_feature(tmp_path):
    path = tmp_path / "explanation_metadata.json"
    path.write_text(metadata_to_json(metadata()))
    for given in (metadata(), path, str(tmp_path), f"file://{tmp_path}"):
        shown = text(view_metadata(given)._repr_html_())
        assert "age 37 (median) float32 [] numeric sampled Shapley nothing" in shown
        assert "age : age is held fixed." in shown
        assert "Output probability is explained by the log-odds" in shown


def test_what_an_explainer_wrote_shows_all_its_rows(write, rows):
    shown = text(view_attributions(write(rows))._repr_html_())
    assert "over 400 rows" in shown
    assert "Quality" in shown


def test_hostile_names_run_nothing(write, explained, judge, check):
    frame = read_attributions(write([{HOSTILE: b"x"} | explained({HOSTILE: 1.0})]))
    views = [frame, read_verdict(judge([check(HOSTILE)])), view_metadata(metadata(HOSTILE))]
    for view in views:
        html = view._repr_html_()
        assert is_harmless(html)
        assert "alert(1)" in html


def test_the_style_holds_within_fragments_alone(judge, check):
    html = read_verdict(judge([check()]))._repr_html_()
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    outside, depth = [], 0
    for part in re.split(r"([{}])", style):
        if depth == 0 and part.strip() and part not in "{}":
            outside.append(part.strip())
        depth += {"{": 1, "}": -1}.get(part, 0)
    assert depth == 0
    assert all(".tfx-explain" in selector for selector in outside)
    assert ":root" not in style


def test_notebooks_show_what_has_no_way_to_show_itself(judge, check):
    shell = InteractiveShell()
    load_ipython_extension(shell)
    formatter = shell.display_formatter.formatters["text/html"]
    policy = explanation_pb2.GatePolicy()
    verdict = Verdict(False, (), False, True, policy, None, [check()], (), None)
    assert "NOT BLESSED: 0 of 1 thresholds passed" in text(formatter(verdict))
    assert "37 (median)" in text(formatter(metadata()))


def test_an_evaluation_shows_its_metrics_by_model(write, rows, tmp_path):
    files = [f"{write(rows)}/Split-eval/*.gz"]
    with beam.Pipeline() as pipeline:
        evaluate_attributions(pipeline, files, str(tmp_path / "evaluation"))
    view = view_evaluation(tmp_path / "evaluation")
    assert view.is_of_attributions
    shown = text(view._repr_html_())
    assert "metric candidate baseline candidate minus baseline" in shown
    frame = read_attributions(tmp_path / "attributions")
    new, old = (frame[model]["attribution"].abs().sum() for model in ("candidate", "baseline"))
    new, old = (new / new.sum())["fnlwgt"], (old / old.sum())["fnlwgt"]
    values = re.search(r"attribution_share/fnlwgt (\S+) (\S+) (\S+)", shown).groups()
    assert [float(value) for value in values] == pytest.approx([new, old, new - old], rel=1e-5)


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(ValueError, match=r"has no verdict\.json"):
        read_verdict(tmp_path)
    with pytest.raises(ValueError, match="has no folder Split-"):
        view_attributions(tmp_path)
    with pytest.raises(ValueError, match="There are no metrics in"):
        view_evaluation(tmp_path)
    with pytest.raises(ValueError, match=r"explanation_metadata\.json"):
        view_metadata(tmp_path)
