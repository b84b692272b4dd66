"""A history: which verdict is of which attributions, how far runs are from each other, and what is said of the rest."""

import datetime
import json
import math
import re

import lxml.html
import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.gate.model import Model
from tfx_explain.gate.saying.verdict import Verdict
from tfx_explain.proto import explanation_pb2
from tfx_explain.report.history.left import left_in
from tfx_explain.report.history.run import Reading
from tfx_explain.report.history.write import history_lines, history_page, read_history
from tfx_explain.storage import columns
from tfx_explain.storage.integrity import records_digest

START = datetime.datetime(2026, 11, 1, tzinfo=datetime.timezone.utc)
HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a\x1b[31m\u202eb\n", "x" * 10_240)


@pytest.fixture
def explain(tmp_path, explained):
    def write(name, shares, baseline=None, rows=30, model="", parameters=None):
        """What an Explainer leaves of rows that are all alike; returns its directory and the records' digest."""
        folder = tmp_path / name / "Split-eval"
        folder.mkdir(parents=True)
        row = explained(shares) | (explained(baseline, columns.BASELINE) if baseline else {})
        records = []
        for number in range(rows):
            example = tf.train.Example()
            for column, value in row.items():
                kind = "float_list" if isinstance(value, float) else "int64_list"
                getattr(example.features.feature[column], kind).value.append(value)
            example.features.feature["id"].int64_list.value.append(number)
            records.append(example.SerializeToString(deterministic=True))
        options = tf.io.TFRecordOptions(compression_type="GZIP")
        with tf.io.TFRecordWriter(str(folder / "attributions-00000-of-00001.gz"), options) as writer:
            for record in records:
                writer.write(record)
        digest = records_digest(np.array(records, object))
        said = {"rows_read": rows, "rows_explained": rows, "rows_failed": 0, "tolerance_not_met": 0}
        said |= {"records_digest": f"{digest:016x}"}
        models = {"candidate": {"uri": f"/models/{model or name}", "fingerprint": f"sha256:{model or name}"}}
        said |= {"provenance": {"models": models, "parameters": parameters or {}}}
        (folder.parent / "summary.json").write_text(json.dumps({"eval": said}))
        return str(folder.parent), digest

    return write


@pytest.fixture
def judge(tmp_path):
    def write(name, day=None, digest=None, blessed=True, model="", checks=()):
        """What a gate leaves; returns its directory."""
        verdict = Verdict(
            blessed=blessed,
            problems=(),
            unreadable=False,
            has_baseline=True,
            policy=explanation_pb2.GatePolicy(),
            override=None,
            checks=checks,
            not_asked=(),
            validation=None,
            models={"candidate": Model(f"/models/{model}", f"sha256:{model}")} if model else {},
            decided_at=None if day is None else START + datetime.timedelta(days=day),
            records={} if digest is None else {"/moved/since": digest},
        )
        (tmp_path / name).mkdir()
        (tmp_path / name / "verdict.json").write_text(verdict.to_json())
        return str(tmp_path / name)

    return write


@pytest.fixture
def history(tmp_path):
    def read(*directories):
        return list(read_history(left_in(directories), Reading(str(tmp_path / "scratch"))))

    return read


def titles(*directories):
    return [(left.title.split("/")[-1], left.validation.split("/")[-1]) for left in left_in(directories)]


def test_verdicts_join_the_records_that_they_are_on_in_the_order_of_their_times(explain, judge):
    (one, first), (two, second) = explain("explained10", {"a": 1.0}), explain("explained9", {"a": 2.0})
    verdicts = [judge("verdict11", 1, second), judge("verdict8", 0, first)]
    assert titles(one, two, *verdicts) == [("explained10", "verdict8"), ("explained9", "verdict11")]


def test_what_has_no_verdict_follows_what_it_was_given_behind(explain, judge):
    made = [explain(f"explained{number}", {"a": 1.0 + number}) for number in range(3)]
    verdicts = [judge("verdict2", 9, made[2][1]), judge("verdict0", 3, made[0][1])]
    expected = [("explained0", "verdict0"), ("explained1", ""), ("explained2", "verdict2")]
    assert titles(*(place for place, _ in made), *verdicts) == expected


def test_a_verdict_of_an_earlier_version_joins_what_is_of_its_models_or_says_that_it_can_not(explain, judge):
    sound, again, other = (
        explain(name, {"a": 1.0}, model=model)[0] for name, model in (("x", "m"), ("y", "m"), ("z", "n"))
    )
    old = [judge("old m", model="m"), judge("old n", model="n")]
    assert titles(sound, other, *old) == [("x", "old m"), ("z", "old n")]
    lefts = left_in([sound, again, other, *old])
    assert [left.title.split("/")[-1] for left in lefts] == ["x", "y", "z", "old m"]
    (problem,) = lefts[-1].problems
    assert "belongs can't be told: 2 directories of attributions, such as" in problem


def test_copies_of_one_place_count_once(explain, tmp_path):
    place, _ = explain("x", {"a": 1.0})
    (tmp_path / "link").symlink_to(place)
    assert len(left_in([place, place + "/", str(tmp_path / "link")])) == 1


def test_drift_has_its_closed_form(history, explain, judge):
    shares = [{"a": 6.0, "b": 3.0, "c": 1.0}, {"a": 1.0, "b": 3.0, "c": 6.0}, {"b": 1.0, "c": -1.0, "d": 2.0}]
    made = [explain(str(number), some, baseline={"a": 1.0, "b": 1.0}) for number, some in enumerate(shares)]
    verdicts = [judge(f"v{day}", day, digest, blessed=day != 1) for day, (_, digest) in enumerate(made)]
    first, blocked, last = history(*(place for place, _ in made), *verdicts)
    assert first.drift.keys() == {"baseline_model"}
    assert (first.drift["baseline_model"].run, first.drift["baseline_model"].feature) == (0, "b")
    assert first.drift["baseline_model"].change == pytest.approx(0.2)
    discounts = 1 / np.log2([2, 3, 4])
    drift = blocked.drift["last_blessed"]
    assert (drift.run, drift.change) == (1, pytest.approx(0.5))
    assert drift.ndcg == pytest.approx(np.dot([0.1, 0.3, 0.6], discounts) / np.dot([0.6, 0.3, 0.1], discounts))
    # Not against the second, which was not blessed; a feature that one of them lacks has the share 0 there.
    assert last.drift["last_blessed"] == last.drift["first"]
    assert (last.drift["first"].run, last.drift["first"].feature) == (1, "a")
    assert last.drift["first"].change == pytest.approx(0.6)


def test_what_can_not_be_read_is_named_and_the_rest_is_shown(history, explain, judge, tmp_path):
    good, _ = explain("good", {"a": 1.0})
    cut, _ = explain("cut", {"a": 1.0})
    with open(f"{cut}/Split-eval/attributions-00000-of-00001.gz", "r+b") as file:
        file.truncate(100)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "verdict.json").write_text("{")
    (tmp_path / "empty").mkdir()
    runs = history(cut, str(tmp_path / "odd"), str(tmp_path / "empty"), str(tmp_path / "none"), good)
    problems = [" ".join(run.problems) for run in runs]
    assert "attributions-00000-of-00001.gz is damaged" in problems[0]
    assert "verdict.json is damaged or something else" in problems[1]
    assert f"{tmp_path}/empty holds no verdict.json" in problems[2]
    assert f"{tmp_path}/none holds no verdict.json" in problems[3]
    assert (problems[4], runs[4].rows) == ("", 30)
    html = history_page(runs)
    assert all(f"Run {number}:" in html for number in (1, 2, 3, 4))
    assert [bool(json.loads(line)["problems"]) for line in history_lines(runs)] == [True] * 4 + [False]
    with pytest.raises(ValueError, match=r"Nothing of any run can be read\. .* is damaged"):
        history_page(runs[:4])
    with pytest.raises(ValueError, match="There are no runs"):
        left_in([])


def test_other_parameters_are_said(history, explain):
    places = [
        explain(str(at), {"a": 1.0 + at}, parameters={"output_scale": scale})[0] for at, scale in enumerate("ppl")
    ]
    said = [list(run.problems) for run in history(*places)]
    assert said[:2] == [[], []]
    assert "explained with other parameters than those of run 2" in said[2][0]


def test_lines_have_what_the_page_has(history, explain, judge):
    (one, first), (two, second) = explain("x", {"a": 3.0, "b": -1.0}), explain("y", {"a": 0.0, "b": 0.0})
    lines = list(history_lines(history(one, two, judge("v", 0, first), judge("w", 1, second, blessed=False))))
    said = [json.loads(line) for line in lines]
    assert [line["time"] for line in said] == ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"]
    assert [line["blessed"] for line in said] == [True, False]
    assert said[0]["features"]["a"] == {
        "share": 0.75,
        "low": 0.75,
        "high": 0.75,
        "rank": 1,
        "mean": 3.0,
        "baseline_share": None,
    }
    assert said[0]["drift"] == {"first": None, "last_blessed": None, "baseline_model": None}
    # All its attributions are 0: a share is nothing that is known.
    assert said[1]["features"]["a"]["share"] is None
    assert said[1]["drift"]["first"] == {
        "run": 1,
        "importance_ndcg": None,
        "largest_share_change": None,
        "feature": None,
    }


def test_names_that_are_meant_to_do_harm_do_none(history, explain, judge):
    made = [explain(str(number), {name: 1.0 + number * at for at, name in enumerate(HOSTILE)}) for number in range(2)]
    runs = history(*(place for place, _ in made), judge("<b>", 0, made[0][1]))
    html = history_page(runs)
    assert html == history_page(runs)
    tags = {element.tag for element in lxml.html.document_fromstring(html).iter() if isinstance(element.tag, str)}
    assert not tags & {"script", "img", "b", "a", "iframe"}
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]|https?://|url\(", html)
    assert len(html) < 200_000


def test_a_course_breaks_where_nothing_is_known(history, explain, tmp_path):
    places = [explain("x", {"a": 1.0, "b": 1.0})[0], str(tmp_path), explain("y", {"a": 3.0, "b": 1.0})[0]]
    html = history_page(history(*places))
    (course, *_) = re.findall(r'class="course" d="([^"]*)"', html)
    assert course.count("M") == 2
    assert "L" not in course
    assert math.isclose(float(re.search(r"(\d+\.\d)% → (\d+\.\d)%", html)[2]), 75.0)
