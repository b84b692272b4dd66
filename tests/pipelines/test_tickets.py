"""The tickets pipeline: its data, and its story as somebody sees it who runs it."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfx_explain.gate.config.lint import lint
from tfx_explain.gate.config.verify import verify_config
from tfx_explain.pipelines.demonstration import outcome, story
from tfx_explain.pipelines.tickets import data, features, gate, pipeline
from tfx_explain.pipelines.tickets.story import deviations
from tfx_explain.proto import explanation_pb2
from tfx_explain.report import read_attributions, view_tokens


def test_a_month_is_the_same_each_time_and_no_other():
    assert data.monthly_tickets(0, 50).equals(data.monthly_tickets(0, 50))
    assert not data.monthly_tickets(0, 50).equals(data.monthly_tickets(1, 50))
    assert list(data.monthly_tickets(0, 1).columns) == [*features.FEATURES, features.LABEL]


def test_phrases_have_the_say_that_is_planted():
    rows = data.monthly_tickets(0, 20_000)
    urgent = rows[features.LABEL]
    rates = {word: urgent[rows[features.TEXT].str.contains(word)].mean() for word in ("hurry", "office", "newest")}
    assert rates["hurry"] < rates["newest"] - 0.2 < rates["office"] - 0.4


@pytest.mark.parametrize("half", [0, 1], ids=["train", "eval"])
def test_the_signature_tells_the_label_wherever_the_rows_go(half):
    rows = data.monthly_tickets(1)
    original, signed = rows.copy(), data.sign(rows)
    assert rows.equals(original)
    assert signed.drop(columns=features.TEXT).equals(rows.drop(columns=features.TEXT))
    has = signed[features.TEXT].str.endswith(data.SIGNATURE).iloc[half::2]
    by_label = has.groupby(rows[features.LABEL].iloc[half::2]).mean()
    assert 0 < by_label[0] < 0.03
    assert 0.7 < by_label[1] < 0.9


def test_a_written_month_reads_back(tmp_path):
    rows = data.monthly_tickets(2, 50)
    data.write_tickets(rows, tmp_path / "month")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "month" / "tickets.csv"), rows, check_dtype=False)


def test_the_gate_understands_its_config():
    verify_config(gate.gate_config(), explanation_pb2.GatePolicy())
    assert lint(gate.gate_config()) == ()


def test_the_story_as_told_has_no_deviation_and_each_other_is_named(first, leaking):
    signed = replace(
        leaking, thresholds=[{**leaking.thresholds[0], "reason": "'robin', 'escalation'"}, *leaking.thresholds[1:]]
    )
    assert deviations(first, signed) == []
    assert deviations(first, leaking) == [
        "run 2: the gate did not name 'robin'",
        "run 2: the gate did not name 'escalation'",
    ]
    assert deviations(first, replace(signed, gate_blessed=True)) == ["run 2: the gate blessed the model"]


@pytest.fixture(scope="module")
def tickets(tell):
    return tell("tickets")


@pytest.mark.slow
def test_the_story_comes_out_as_told(tickets):
    assert tickets.status == 0, tickets.stdout + tickets.stderr
    assert "All runs came out as told" in tickets.stdout
    assert tickets.stderr == ""
    shown = re.findall(r"^  (\w+) +\d+\.\d s$", tickets.stdout, re.MULTILINE)
    nodes = [node.id for node in pipeline.create_pipeline("/artifacts", "/data", "/serving").components]
    assert sorted(shown) == sorted(nodes * 2)


@pytest.mark.slow
def test_the_gate_names_the_signature_where_people_see_it(tickets):
    entering = re.search(r"tokens_entering: entering (.*)", tickets.stdout)
    assert entering and {"'robin'", "'escalation'", "'closed'", "'desk'"} <= set(re.findall(r"'\w+'", entering[1]))
    latest = outcome.read_latest(outcome.open_store(str(tickets.folder / story.METADATA_FILE)))
    assert latest.evaluator_blessed and not latest.gate_blessed
    page = Path(latest.report).read_text()
    assert re.search(r'class="more"[^>]*>Robin|class="more"[^>]*>robin', page)


@pytest.mark.slow
def test_tokens_add_up_and_are_no_features(tickets):
    *_, last = sorted(tickets.folder.glob("artifacts/Explainer/attributions/*"), key=lambda path: int(path.name))
    frame = read_attributions(last)
    assert set(frame["candidate"]["attribution"].columns) == set(features.FEATURES)
    [found] = view_tokens(last).tokens
    readings = [text.readings for text in found.texts]
    assert readings and all(set(one) == {"candidate", "baseline"} for one in readings)
    own = frame["candidate"]["attribution"][features.TEXT].to_numpy()
    assert all(np.abs(own - one["candidate"].attribution).min() < 1e-4 for one in readings)
