"""What the benchmarks write down, and what they say of their goals."""

import json
import time

import pytest

from benchmarks import APART, MODULES, goals
from benchmarks.goals import Goal
from benchmarks.report import Table
from benchmarks.results import Results
from benchmarks.stages import Stages

SPEED = Table("Speed; census", ("method", "of raw calls"), [("raw calls", "1.00"), ("a", "0.96 (1.2)"), ("b", "1,203")])


@pytest.mark.parametrize(
    ("goal", "outcomes"),
    [
        (Goal("speed", "Speed*", "[!r]*", "of raw calls", least=1), [("0.96 (1.2)", "missed"), ("1,203", "met")]),
        (Goal("speed", "Speed*", "a", "of raw calls", most=1), [("0.96 (1.2)", "met")]),
        (Goal("speed", "Another*", "a", "of raw calls", least=1), [("", "not measured")]),
        (Goal("speed", "*", "a", "seconds", least=1), [("", "not measured")]),
        (Goal("memory", "*", "a", "of raw calls", least=1), [("", "not measured")]),
    ],
)
def test_a_goal_is_met_missed_or_not_measured(goal, outcomes):
    found = goals.summary({"speed": [SPEED]}, [goal])
    assert [row[2:] for row in found.rows] == outcomes
    assert found.title == f"{[one for _, one in outcomes].count('met')} of {len(outcomes)} goals met"


def test_a_run_of_one_benchmark_keeps_what_is_there_of_the_others(tmp_path):
    results, on = Results(tmp_path), {"processor": "a fast one"}
    (tmp_path / "RESULTS.md").write_text("# Benchmarks\n\nMade.\n\n## By hand\n\nA note.\n")
    results.keep("one", "The first", [SPEED], on)
    results.keep_goals()
    results.keep("two", "The second", [SPEED, SPEED], on)
    results.keep("one", "The first", [Table("Other", ("x",), [("1",)])], on)
    results.keep_goals()
    sections = (tmp_path / "RESULTS.md").read_text().split("\n## ")
    assert [one.split("\n")[0] for one in sections[1:]] == ["By hand", "The first", "The second", goals.TITLE]
    assert "A note." in sections[1] and "### Other" in sections[2] and "Speed" not in sections[2]
    assert sections[3].count(SPEED.markdown().strip()) == 2
    assert results.tables() == {"one": [Table("Other", ("x",), [("1",)])], "two": [SPEED, SPEED]}
    assert json.loads((tmp_path / "RESULTS.json").read_text())["two"]["machine"] == on


def test_every_goal_is_of_a_benchmark_that_there_is():
    assert {goal.section for goal in goals.GOALS} <= {*MODULES, *APART}


def test_time_counts_for_the_innermost_function_that_has_a_name():
    def inner():
        end = time.process_time() + 0.2
        while time.process_time() < end:
            pass

    def outer():
        inner()
        end = time.process_time() + 0.1
        while time.process_time() < end:
            pass

    with Stages({"whole": outer}, {"part": [inner]}) as stages:
        inner()
        outer()
    assert set(stages.spent["whole"]) == {"part", "all else"}
    assert stages.spent["whole"]["part"][0] == pytest.approx(0.2, abs=0.05)
    assert stages.spent["whole"]["all else"][0] == pytest.approx(0.1, abs=0.05)
