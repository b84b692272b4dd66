"""Points and rows: that they stand where their numbers say."""

import re

import numpy as np
import pandas as pd
import pytest

from tfx_explain.report.plots import POINTS, dependence, distributions
from tfx_explain.report.svg import HEIGHT, WIDTH, path, piled
from tfx_explain.report.waterfall import single_rows


def frame(values, attributions, before=None):
    """A sample of one feature, `a`, with a second, `b`, of attribution 1."""
    table = {("row", "value", "a"): values, ("candidate", "attribution", "a"): attributions}
    table |= {("candidate", "attribution", "b"): np.ones(len(attributions))}
    table |= {("candidate", "output", "baseline_output_value"): np.zeros(len(attributions))}
    table |= {("candidate", "output", "instance_output_value"): np.asarray(attributions) + 1.0}
    if before is not None:
        table |= {("baseline", "attribution", "a"): before}
    result = pd.DataFrame(table)
    result.columns = pd.MultiIndex.from_tuples(list(table))
    return result


def points(d):
    return [tuple(map(int, found)) for found in re.findall(r"M(\d+) (\d+)h0", d)]


def test_points_stand_in_the_picture_once_each():
    corners = np.array([0.0, 1.0, 1.0]), np.array([0.0, 1.0, 1.0])
    assert points(path(*corners)) == [(6, HEIGHT - 6), (WIDTH - 6, 6)]


def test_points_at_the_same_place_stand_beside_each_other():
    heights = piled(np.full(101, 0.3))
    assert len(set(heights)) == 101
    assert (heights.min(), heights.max()) == (0.0, 1.0)
    assert piled(np.array([0.3, 0.9])).tolist() == [0.5, 0.5]


def test_a_distribution_has_a_group_for_each_third_of_the_values():
    (one,) = distributions(frame(np.arange(90.0), np.arange(90.0)), ["a", "c"])
    assert [len(points(d)) for d in one.cloud.paths] == [30, 30, 30, 0]
    assert [name for name, _ in one.groups] == ["up to 29.67", "up to 59.33", "above 59.33", "missing"]
    assert one.cloud.ticks == [("0", 0.0), ("89", 1.0)]
    assert one.cloud.zero == 0


def test_infinite_values_are_the_highest():
    (one,) = distributions(frame(np.array([0.0, 1.0, 2.0, 3.0, np.inf, np.inf]), np.arange(6.0)), ["a"])
    assert [name for name, _ in one.groups] == ["up to 1", "up to 2", "above 2", "missing"]
    assert len(points(one.cloud.paths[2])) == 3


def test_texts_are_grouped_by_the_commonest():
    values = np.array(["x"] * 3 + ["y"] * 4 + ["z", None], object)
    (one,) = distributions(frame(values, np.arange(9.0)), ["a"])
    assert [name for name, _ in one.groups] == ["y", "x", "others"]
    assert [len(points(d)) for d in one.cloud.paths] == [4, 3, 2]


def test_without_values_there_is_one_group():
    (one,) = distributions(frame(np.full(9, np.nan), np.arange(9.0)), ["a"])
    assert one.groups == [("", "plain")]
    assert len(points(one.cloud.paths[0])) == 9


def test_dependence_on_numbers_and_on_texts():
    numbers = dependence(frame(np.arange(1000.0), np.arange(1000.0), np.zeros(1000)), "a")
    assert numbers.models == ["candidate", "baseline"]
    assert points(numbers.cloud.paths[0])[0] == (6, HEIGHT - 6)
    assert len(points(numbers.cloud.paths[0])) <= POINTS
    texts = dependence(frame(np.array(["x", "y", None] * 5, object), np.ones(15)), "a")
    assert [name for name, _ in texts.cloud.ticks] == ["x", "y"]
    assert texts.left_out == 5


def test_there_is_no_dependence_on_what_the_records_lack():
    assert dependence(frame(np.ones(3), np.ones(3)), "b") is None
    assert dependence(frame(np.ones(3), np.full(3, np.nan)), "a") is None


def test_values_that_no_two_rows_share_mark_nothing():
    lists = pd.Series([[float(i), 1.0] for i in range(50)])
    assert dependence(frame(lists, np.arange(50.0)), "a") is None
    (one,) = distributions(frame(lists, np.arange(50.0)), ["a"])
    assert one.groups == [("", "plain")]


def test_rows_that_changed_most_come_first_and_a_typical_one_last():
    attributions = np.array([0.1, 0.2, 5.0, -9.0, 0.15])
    rows = single_rows(frame(["v", "w", "x", "y", "z"], attributions, np.array([0.1, 0.2, 5.0, 0.0, 0.15])), ["a"])
    assert rows[0].why == "Its attributions are among those that changed most."
    first = rows[0].steps[0]
    assert (first.feature, first.value, first.attribution, first.before) == ("a", "y", -9.0, 0.0)
    assert (first.start, first.width) == (0.0, 1.0)
    assert rows[0].steps[1].width == pytest.approx(1 / 9)
    assert rows[-1].why.startswith("It is typical")


def test_small_attributions_are_added_up():
    names = [f"f{i}" for i in range(20)]
    table = {("candidate", "attribution", name): [1.0 + i] for i, name in enumerate(names)}
    table |= {("candidate", "output", f"{name}_output_value"): [0.0] for name in ("baseline", "instance")}
    sample = pd.DataFrame(table)
    sample.columns = pd.MultiIndex.from_tuples(list(table))
    (row,) = single_rows(sample, [])
    assert [step.feature for step in row.steps][:2] == ["f19", "f18"]
    assert (row.steps[-1].feature, row.steps[-1].attribution) == ("", sum(range(1, 13)))
