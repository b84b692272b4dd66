import io
import logging
from dataclasses import replace

import pytest
from rich.console import Console

from tfx_explain.pipelines.demonstration.console import NodeTimes, show_outcome


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=100, highlight=False)


def shown(console) -> str:
    return console.file.getvalue()


def test_a_failed_threshold_is_shown_with_all_that_explains_it(console, leaking):
    show_outcome(console, "Run 2", leaking, "AUC")
    [line] = [line for line in shown(console).splitlines() if "attribution_share" in line]
    assert line.split() == ["attribution_share", "fnlwgt", "sex:Male", "0.050", "0.240", "0.190", "<=", "0.1"]


def test_both_verdicts_and_the_push_are_shown(console, leaking):
    show_outcome(console, "Run 2", leaking, "AUC")
    lines = [" ".join(line.split()) for line in shown(console).splitlines()]
    assert "Evaluator blessed AUC 0.960 (baseline model 0.900)" in lines
    assert "ThresholdValidator not blessed 2 of 3 thresholds held" in lines
    assert "Pusher not pushed" in lines


def test_where_the_verdict_and_the_model_lie_is_shown(console, first):
    show_outcome(console, "Run 1", first, "AUC")
    assert [line.split() for line in shown(console).splitlines()[-3:]] == [
        ["Verdict", "/validation/verdict.txt"],
        ["Report", "/validation/report.html"],
        ["Model", "/serving/1"],
    ]


def test_thresholds_that_had_nothing_to_compare_with_are_counted(console, first):
    show_outcome(console, "Run 1", first, "AUC")
    assert "1 of 1 thresholds held, 15 lack a baseline" in shown(console)


def test_a_reason_that_is_no_threshold_is_shown(console, first):
    show_outcome(console, "Run 1", replace(first, gate_blessed=False, reasons=["The split has no records."]), "AUC")
    assert "The split has no records." in shown(console)


def test_nodes_are_shown_with_their_times_and_other_records_are_not(console):
    logger = logging.Logger("absl")
    logger.addHandler(NodeTimes(console))
    logger.info("Using deployment config:\n %s", "...")
    logger.info("Component %s is running.", "Trainer")
    logger.info("Component %s is finished.", "Trainer")
    assert shown(console).split() == ["Trainer", "0.0", "s"]


def test_what_a_metric_says_beside_its_value_is_shown_as_it_stands(console, leaking):
    noted = [{**leaking.thresholds[0], "note": "entering '[red]kim[/]' (place 1)"}, *leaking.thresholds[1:]]
    show_outcome(console, "Run 2", replace(leaking, thresholds=noted), "AUC")
    assert "  attribution_share: entering '[red]kim[/]' (place 1)" in shown(console).splitlines()
