"""The search for slices: it finds what was put there, and finds nothing in noise."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from tfx_explain.report.moved import where_moved
from tfx_explain.report.slicing import slices_of


def sample(change, **raw):
    """A sample in which the attribution of `a` is 1 in the baseline model, and more by `change` in the candidate."""
    table = {("row", "value", name): values for name, values in raw.items()}
    table |= {("candidate", "attribution", "a"): 1 + change, ("baseline", "attribution", "a"): np.ones(len(change))}
    frame = pd.DataFrame(table)
    frame.columns = pd.MultiIndex.from_tuples(list(table))
    return frame


@pytest.fixture
def people():
    generator = np.random.default_rng(2)
    return {
        "sex": generator.choice(["Male", "Female"], 2000),
        "hours": generator.integers(1, 80, 2000),
        "town": generator.choice([f"town {i}" for i in range(8)], 2000),
        "noise": generator.normal(size=2000),
    }


def test_it_finds_the_slice_in_which_the_attributions_changed(people):
    generator = np.random.default_rng(4)
    cut = np.quantile(people["hours"], 0.75, method="higher")
    there = (people["sex"] == "Male") & (people["hours"] >= cut)
    frame = sample(there * 0.5 + generator.normal(0, 0.2, 2000), **people)
    moved = where_moved(frame, slices_of(frame), "a")
    assert moved.places[0].title == f"hours at least {cut:g}, sex:Male"
    assert moved.places[0].rows == there.sum()
    assert moved.places[0].change == pytest.approx(0.5, abs=0.05)
    assert moved.places[0].elsewhere == pytest.approx(0, abs=0.05)
    assert moved.places[0].p_value < 1e-50


def test_the_p_value_is_welchs_times_the_slices_tried(people):
    change = np.random.default_rng(5).normal(0, 1, 2000) + 0.5 * (people["town"] == "town 3")
    frame = sample(change, town=people["town"])
    moved = where_moved(frame, slices_of(frame), "a")
    there = people["town"] == "town 3"
    sizes = np.abs(1 + change) - 1
    expected = scipy.stats.ttest_ind(sizes[there], sizes[~there], equal_var=False).pvalue * 8
    assert moved.tried == 8
    assert [place.title for place in moved.places] == ["town:town 3"]
    assert moved.places[0].p_value == pytest.approx(expected, rel=1e-9)


def test_in_noise_it_finds_nothing_more_often_than_it_says(people):
    found = 0
    for seed in range(40):
        frame = sample(np.random.default_rng(seed).normal(0, 0.1, 2000), **people)
        found += bool(where_moved(frame, slices_of(frame), "a").places)
    # At most 5% of searches, and 40 of them: seven or more have a probability below 0.4%.
    assert found <= 6


def test_pairs_count_among_what_was_tried(people):
    frame = sample(np.zeros(2000), sex=people["sex"], town=people["town"])
    moved = where_moved(frame, slices_of(frame), "a")
    assert (moved.tried, moved.places, moved.change) == (2 + 8 + 2 * 8, [], 0)


def test_there_is_nothing_to_search_without_a_baseline_model_or_raw_features(people):
    frame = sample(np.arange(2000.0))
    assert where_moved(frame, slices_of(frame), "a").places == []
    assert where_moved(frame[["candidate"]], [], "a") is None


def test_a_feature_that_the_baseline_model_lacks_has_moved_everywhere(people):
    frame = sample(np.zeros(2000), **people).drop(columns=[("baseline", "attribution", "a")])
    frame["baseline", "attribution", "b"] = 0.0
    assert where_moved(frame, slices_of(frame), "a").change == 1


def test_rows_that_all_changed_alike_are_found(people):
    men = people["sex"] == "Male"
    frame = sample(0.3 * men, **people)
    moved = where_moved(frame, slices_of(frame), "a")
    assert [place.title for place in moved.places] == ["sex:Male"]
    # Nothing but rounding.
    frame = sample(0.1 + 1e-9 * men, **people)
    assert where_moved(frame, slices_of(frame), "a").places == []


def test_rows_that_lack_a_value_are_a_slice(people):
    hours = np.where(people["noise"] > 1, np.nan, people["hours"])
    sexes = np.where(people["noise"] < -1, None, people["sex"])
    generator = np.random.default_rng(6)
    for there, title in ((np.isnan(hours), "hours missing"), (sexes == np.array(None), "sex missing")):
        frame = sample(there * 0.5 + generator.normal(0, 0.2, 2000), sex=sexes, hours=hours)
        assert where_moved(frame, slices_of(frame), "a").places[0].title == title
