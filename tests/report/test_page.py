"""The page: what it says, that nothing in it runs or is fetched, and what becomes of odd evidence."""

import dataclasses
import json
import os
import re
import runpy
import shutil
from pathlib import Path

import lxml.html
import numpy as np
import pytest

from tfx_explain.beam.reading.names import row_names
from tfx_explain.gate.model import Model
from tfx_explain.gate.override import Override
from tfx_explain.report.records import read_records
from tfx_explain.report.views import view_attributions
from tfx_explain.report.write import write_report
from tfx_explain.storage.columns import is_explanation_column

# What libxml2 knows of HTML ends before its fifth version.
NEW = re.compile(r"</?(main|section|article|header|figure|figcaption|details|summary|bdi)\b")
COUNTS = {"rows_read": 400, "rows_explained": 400, "rows_failed": 0, "tolerance_not_met": 0}
ACTIVE = {"script", "img", "link", "iframe", "object", "form", "base"}


@pytest.fixture
def page(tmp_path):
    def build(attributions="", validation="", **more):
        """Writes a page, and returns it as text."""
        folders = [f"{attributions}/{name}" for name in os.listdir(attributions)] if attributions else ()
        folders = sorted(folder for folder in folders if "/Split-" in folder)
        path = write_report(str(tmp_path / "report.html"), folders, validation, **more)
        return (tmp_path / path).read_text()

    return build


def words(html):
    """The text of a page, white space apart, without the names of its sections at the top."""
    html = re.sub(r"<nav.*?</nav>|<style.*?</style>", "", html, flags=re.DOTALL)
    return " ".join(lxml.html.document_fromstring(html).text_content().split())


def verify(html):
    """Holds a page against what every one must be: elements that are closed, and nothing run or fetched."""
    older = NEW.sub(lambda found: found[0].replace(found[1], "div"), html)
    elements = list(lxml.etree.fromstring(older, lxml.etree.HTMLParser(recover=False)).iter())
    assert not {element.tag for element in elements} & ACTIVE
    attributes = [name for element in elements for name in element.attrib]
    assert not [name for name in attributes if name.startswith("on") or name in ("src", "srcset", "action")]
    # Places on this page, and folders of this machine, whatever is in their names.
    links = [element.get("href") for element in elements if "href" in element.attrib]
    assert not [link for link in links if not re.fullmatch(r"#[a-z]+|file:///[\w./~%-]+", link)]
    assert not re.search(r"https?://|url\(|@import", html)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)


def test_it_says_what_failed_why_and_where(page, write, rows, judge, check):
    failed = check(slice="sex:Male", why="")
    html = page(write(rows), judge([failed, check("sex", passed=True, observed=0.05)]))
    verify(html)
    said = words(html)
    assert "NOT BLESSED: 1 of 2 thresholds passed" in said
    assert "FAILED attribution_share/fnlwgt on sex:Male is 0.25; allowed: at most 0.1" in said
    assert "candidate 0.25 \N{WHITE CIRCLE} baseline model 0.03 allowed: at most 0.1" in said
    assert said.index("FAILED") < said.index("Passed (1)") < said.index("Importance") < said.index("Slices")
    assert "margin \N{MINUS SIGN}0.15" in said
    assert "Changed place: fnlwgt from place 3 to 2" in said
    gist = r"fnlwgt: \d+\.\d% of the explanation, \d\.\d% in the baseline model; changed chiefly among .*?sex:Male"
    assert re.search(gist, said)
    assert "hours-per-week at least" in said


def test_the_same_input_gives_the_same_bytes(page, write, rows, judge, check):
    arguments = write(rows), judge([check()])
    assert page(*arguments) == page(*arguments)


def test_an_override_and_unreadable_evidence_are_in_capitals(page, judge, check):
    override = Override("Ada <b>", "a fix", "9999-12-31", in_force=True)
    said = words(page(validation=judge([check()], override=override, blessed=True, unreadable=True)))
    assert "BLESSED BY OVERRIDE, NOT BY THE THRESHOLDS. WHO: Ada <b> WHY: a fix UNTIL: 9999-12-31" in said
    assert "EVIDENCE COULD NOT BE READ." in said
    assert "This report was made without attributions." in said


def test_attributions_that_can_not_be_read_leave_the_verdict(page, write, rows, judge):
    path = write(rows)
    with open(f"{path}/Split-eval/attributions-00000-of-00001.gz", "r+b") as file:
        file.truncate(1000)
    said = words(page(path, judge(problems=["There is damage in it."], unreadable=True)))
    assert "THE ATTRIBUTIONS COULD NOT BE READ." in said
    assert "attributions-00000-of-00001.gz is damaged" in said
    with pytest.raises(ValueError, match="is damaged"):
        page(path)


def test_names_that_are_meant_to_do_harm_do_none(pages):
    html = pages["hostile"].read_text()
    verify(html)
    assert "<script>alert(1)</script>" in words(html)
    assert r"a\x1b[31m\u202eb\n" in words(html)
    assert "{{ 7 * 7 }}" in words(html)
    assert len(html) < 400_000


def test_it_says_where_the_feature_that_failed_moved(page, write, rows, judge, check):
    said = words(page(write(rows), judge([check()])))
    assert said.index("Slices") < said.index("Where it moved") < said.index("Attribution over value")
    assert re.search(r"Mean change of its absolute attribution \+0\.\d+, chiefly among, of \d+ slices", said)
    assert re.search(r"sex:Male, hours-per-week at least 54 \(\d+ rows\): \+4\.\d+, elsewhere \+0\.", said)
    assert said.index("Distributions") < said.index("Single rows") < said.index("Quality")


def test_single_rows_are_left_out_where_they_are_not_wanted(page, write, rows, judge, check):
    html = page(write(rows), judge([check()]), with_rows=False)
    verify(html)
    assert "Where it moved" in words(html)
    assert "Single rows" not in words(html)
    assert "<svg" not in html


@pytest.mark.parametrize("count", [0, 1])
def test_without_a_baseline_model_and_with_one_row(page, write, one_model_rows, judge, check, count):
    checks = [check(passed=True, observed=0.01, baseline=None)] * count
    html = page(write(one_model_rows[:1]), judge(checks, has_baseline=False, blessed=True))
    verify(html)
    said = words(html)
    assert "No threshold failed." in said
    assert "There is no baseline model to compare with." in said
    assert "There are no slices" in said
    assert "baseline none" not in said
    assert "nan" not in said


def test_thousands_of_features_and_hundreds_of_slices(pages):
    html = pages["large"].read_text()
    verify(html)
    assert "The other features (1,975)" in words(html)
    assert "400 more failed thresholds" in words(html)
    assert len(html) < 2_000_000


def test_quality_says_what_became_of_the_rows(page, write, one_model_rows):
    provenance = {"models": {"candidate": {"uri": "/serving/7", "fingerprint": "sha256:12"}}, "parameters": {}}
    summary = {"rows_read": 403, "rows_explained": 400, "rows_failed": 3, "tolerance_not_met": 2}
    summary |= {"causes": {"the feature 'age' is missing": 3}, "provenance": provenance}
    path = write(one_model_rows, summary)
    html = page(path)
    said = words(html)
    assert "3 \N{MULTIPLICATION SIGN} the feature 'age' is missing" in said
    assert f"these rows lie in {path}/dead_letters/Split-eval" in said
    assert f'<a href="file://{path}/dead_letters/Split-eval">' in html
    assert "candidate model /serving/7 (sha256:12)" in said
    assert "method integrated gradients, the default" in said


def test_a_verdict_of_something_else_is_refused(page, tmp_path):
    (tmp_path / "verdict.json").write_text('{"schema_version": 2}')
    with pytest.raises(ValueError, match=r"verdict\.json is damaged or something else: it is no verdict"):
        page(validation=str(tmp_path))


def test_it_says_when_it_was_decided_where_the_verdict_does(page, judge, tmp_path):
    assert "decided" not in words(page(validation=judge()))
    path = tmp_path / "validation" / "verdict.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"decided_at": "2026-11-27T14:00:00Z"}))
    assert "decided 2026-11-27T14:00:00Z" in words(page(validation=str(path.parent)))


def test_it_shows_the_baselines_that_the_explainer_used(page, write, one_model_rows):
    path = write(one_model_rows)
    inputs = {"sex": {"input_baselines": ["Male", "Female"], "baseline_source": "given"}}
    inputs |= {"fnlwgt": {"input_baselines": [3.5], "baseline_source": "median"}, "hours-per-week": {}}
    with open(f"{path}/explanation_metadata.json", "w") as file:
        json.dump({"inputs": inputs, "outputs": {}}, file)
    said = words(page(path))
    assert "Baselines (2)" in said
    assert "fnlwgt3.5median sexMale; Femalegiven" in said


def test_a_value_that_is_missing_or_not_kept_is_told_apart(page, write, explained):
    rows = [{"age": 3} | explained({"age": 1.0, "sex": 2.0}), explained({"age": 1.0, "sex": 5.0})]
    html = page(write(rows))
    assert len(re.findall(r">\s*<bdi>missing</bdi>", html)) == 1
    assert len(re.findall(r">\s*<bdi>\N{EN DASH}</bdi>", html)) == 2


def test_an_undecided_threshold_is_no_failure(page, judge, check):
    asked = dataclasses.replace(check(why="it was not asked"), passed=None, observed=None, baseline=None)
    said = words(page(validation=judge(not_asked=[asked], blessed=True)))
    assert "Not asked (1) it was not asked" in said


@pytest.mark.slow
def test_the_readme_s_picture_can_be_made(pages, tmp_path):
    script = Path(__file__).parents[2] / "docs" / "report_picture.py"
    with pytest.raises(SystemExit, match="There is no report of a blocked model"):
        runpy.run_path(str(script))["main"](tmp_path / "picture.png", tmp_path)
    for number, name in enumerate(("one-row", "blocked")):
        folder = tmp_path / "artifacts" / "ThresholdValidator" / "validation" / str(number)
        folder.mkdir(parents=True)
        shutil.copy(pages[name], folder)
    runpy.run_path(str(script))["main"](tmp_path / "picture.png", tmp_path)
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    assert "(docs/report.png)" in script.parents[1].joinpath("README.md").read_text()


def test_single_rows_have_the_names_that_the_what_if_page_finds_them_by(page, write, rows):
    raw = [{name: value for name, value in row.items() if not is_explanation_column(name)} for row in rows]
    folder = write(raw, split="raw")
    examples = np.concatenate(list(read_records([f"{folder}/Split-raw"])))
    shutil.rmtree(f"{folder}/Split-raw")
    html = page(write(rows))
    verify(html)
    names = re.findall(r"Row <code>([0-9a-f]{16})</code>", html)
    assert len(names) == 4 and set(names) <= set(row_names(examples))
    assert "tfx-explain whatif --model MODEL --examples EXAMPLES --row NAME" in words(html)


def test_records_without_all_features_give_no_names(page, write, rows):
    parameters = {"kept_features": {"names": ["sex", "hours-per-week", "fnlwgt"]}}
    said = words(page(write(rows, COUNTS | {"provenance": {"parameters": parameters}})))
    assert "Single rows" in said and "tfx-explain whatif" not in said
    assert not re.search(r"Row [0-9a-f]{16}", said)


def test_it_says_of_which_class_the_attributions_are(page, write, one_model_rows):
    summary = COUNTS | {"rows_by_class": {"candidate/no": 150, "candidate/yes": 400}}
    path = write(one_model_rows, summary)
    said = words(page(path))
    assert "of the class that each row explains first. Rows by the classes they explain: yes (400), no (150)." in said
    assert "Attributions are of the class 1." in words(page(path, class_name="1"))
    assert "of the class that each row explains first" in view_attributions(path)._repr_html_()


@pytest.mark.parametrize(
    ("known", "others"),
    [
        ({"records": {"attributions": 1}}, "The verdict is on other records than those of split eval"),
        (
            {"models": {"candidate": Model("/serving/8", "sha256:8")}},
            "The attributions are of another candidate, sha256:7",
        ),
    ],
)
def test_a_verdict_on_other_attributions_is_told_so_in_capitals(page, write, one_model_rows, judge, known, others):
    provenance = {"models": {"candidate": {"uri": "/serving/7", "fingerprint": "sha256:7"}}}
    summary = COUNTS | {"records_digest": f"{2:016x}", "provenance": provenance}
    said = words(page(write(one_model_rows, summary), judge(**known)))
    assert f"THE ATTRIBUTIONS ARE NOT THOSE OF THIS VERDICT. {others}" in said


def test_attributions_that_are_all_0_are_said_to_be(page, write, explained):
    rows = [{"sex": b"F"} | explained({"sex": 0.0}) | explained({"sex": 1.0}, "baseline")] * 30
    said = words(page(write(rows)))
    assert "All attributions of the candidate are 0: on these rows" in said
    assert "All attributions of the baseline model" not in said
