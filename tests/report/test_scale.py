"""Where values stand to the bounds of a threshold."""

import math

import pytest

from tfx_explain.report.scale import scales


def places(scale):
    return {mark.what: mark.at for mark in scale.marks}


def test_a_value_between_two_bounds():
    (scale,) = scales({"lower_bound": 1, "upper_bound": 3}, {"candidate": 2.0, "baseline model": 4.0}, is_change=False)
    assert scale.allowed == "from 1 to 3"
    assert 0 < scale.start < places(scale)["candidate"] < scale.end < places(scale)["baseline model"] < 1
    assert scale.margin == "+1"


@pytest.mark.parametrize(("value", "margin", "is_low"), [(0.5, "\N{MINUS SIGN}0.5", True), (2.9, "+0.1", False)])
def test_the_margin_is_to_the_bound_that_is_broken_or_nearest(value, margin, is_low):
    (scale,) = scales({"lower_bound": 1, "upper_bound": 3}, {"candidate": value}, is_change=False)
    assert scale.margin == margin
    assert scale.bound == (scale.start if is_low else scale.end)


@pytest.mark.parametrize(("reading", "value", "before"), [("DIFFERENCE", "0.5", "0"), ("RATIO", "1.5", "1")])
def test_a_change_has_a_scale_for_each_unit(reading, value, before):
    numbers = {"candidate": 3.0, "baseline model": 2.0, "change": 1.0}
    bounds = {"absolute": 0.1, "relative": 0.9}
    absolute, relative = scales(bounds, numbers, is_change=True, relative_change=reading)
    assert [(mark.what, mark.value) for mark in absolute.marks] == [("change", "1"), ("no change", "0")]
    assert [mark.value for mark in relative.marks] == [value, before]
    assert (absolute.start, absolute.end < places(absolute)["change"]) == (0, True)
    assert "times the baseline model's value" in relative.allowed


def test_a_change_upwards_is_allowed_above_its_bound():
    (scale,) = scales({"absolute": -0.1}, {"change": -0.2}, is_change=True, at_least=True)
    assert scale.allowed == "a change of at least -0.1"
    assert places(scale)["change"] < scale.start < places(scale)["no change"]
    assert scale.end == 1


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_there_is_no_scale_of_what_is_no_number(value):
    assert scales({"upper_bound": 1}, {"candidate": value}, is_change=False) == []
    assert scales({"relative": 1}, {"change": 1.0, "baseline model": 0.0}, is_change=True) == []
    assert scales({}, {"candidate": 1.0}, is_change=False) == []
