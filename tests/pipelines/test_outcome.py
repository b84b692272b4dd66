from dataclasses import replace

import pytest

from tfx_explain.pipelines.census.story import deviations


def test_the_story_as_told_has_no_deviation(first, leaking, third):
    assert deviations(first, leaking, third) == []


@pytest.mark.parametrize(
    ("run", "change", "sentence"),
    [
        (0, {"baseline_model": "seven"}, "run 1: a model was there to compare with"),
        (0, {"evaluator_blessed": False}, "run 1: the Evaluator did not bless the model"),
        (0, {"gate_blessed": False}, "run 1: the gate did not bless the model"),
        (0, {"pushed_to": None}, "run 1: the model was not pushed"),
        (1, {"baseline_model": None}, "run 2: the model was not compared with run 1's"),
        (1, {"evaluator_blessed": False}, "run 2: the Evaluator did not bless the model"),
        (1, {"gate_blessed": True}, "run 2: the gate blessed the model"),
        (1, {"pushed_to": "/serving/2"}, "run 2: the model was pushed"),
        (2, {"baseline_model": "two"}, "run 3: the model was not compared with run 1's"),
        (2, {"evaluator_blessed": False}, "run 3: the Evaluator did not bless the model"),
        (2, {"gate_blessed": False}, "run 3: the gate did not bless the model"),
        (2, {"pushed_to": None}, "run 3: the model was not pushed"),
    ],
)
def test_each_deviation_is_named(first, leaking, third, run, change, sentence):
    runs = [first, leaking, third]
    runs[run] = replace(runs[run], **change)
    assert deviations(*runs) == [sentence]


def test_a_block_for_another_reason_than_the_leak_is_a_deviation(first, leaking, third):
    other = [{**leaking.thresholds[0], "feature": "age"}, *leaking.thresholds[1:]]
    assert deviations(first, replace(leaking, thresholds=other), third) == ["run 2: the gate found no rise of fnlwgt"]


def test_a_leak_that_auc_does_not_show_is_a_deviation(first, leaking, third):
    [sentence] = deviations(first, replace(leaking, thresholds=[*leaking.thresholds[:1], third.asked("AUC")]), third)
    assert sentence == "run 2: AUC rose by no more than 0.001"


def test_failed_thresholds_are_those_that_did_not_pass(leaking):
    assert [threshold["feature"] for threshold in leaking.failed] == ["fnlwgt"]
