"""The rules of calibration against closed forms, other libraries and draws."""

import numpy as np
import pytest
import scipy.stats
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.calibration import bounds, rules
from tfx_explain.gate.calibration.words import in_words, known_within
from tfx_explain.gate.usual import (
    CUBE_ROOT,
    LINEAR,
    LOG,
    LOG_OF_REST,
    MOST_DEGREES,
    PRIOR,
    Calibration,
    Usual,
    calibration_of,
    degrees,
    t_quantile,
)


@pytest.mark.parametrize("runs", [2, 5, 12, 40])
def test_quantiles_are_students(runs):
    free = min(runs - 1 + PRIOR, MOST_DEGREES)
    assert t_quantile(runs, 1e-4) == pytest.approx(scipy.stats.t.isf(1e-4, free))
    low, high = known_within(runs)
    chance = scipy.stats.chi2.cdf(free / np.array([high, low]) ** 2, free)
    assert chance == pytest.approx([0.025, 0.975])


def test_a_spread_is_smyths_moderated_variance():
    values = np.array([[1.0, 5.0], [2.0, 5.0], [4.0, 8.0]])
    own = [scipy.stats.tvar(column) for column in values.T]
    moderated = [(PRIOR * np.mean(own) + 2 * one) / (PRIOR + 2) for one in own]
    found = rules.spread(values)
    assert found.deviation**2 == pytest.approx(moderated)
    assert found.of_next**2 == pytest.approx(np.multiply(moderated, 1 + 1 / 3))
    assert found.of_difference**2 == pytest.approx(np.multiply(moderated, 2))


@pytest.mark.filterwarnings("error")
def test_nothing_has_a_spread_of_nothing():
    found = rules.spread(np.empty((6, 0)))
    assert found.centre.shape == found.deviation.shape == (0,)


def test_two_shares_come_back_from_middle_and_difference_of_their_roots():
    one, other = 0.3, 0.12
    middle, difference = (np.cbrt(one) + np.cbrt(other)) / 2, np.cbrt(one) - np.cbrt(other)
    assert rules.difference_of_cubes(middle, difference) == pytest.approx(one - other)
    assert rules.quotient_of_cubes(middle, difference) == pytest.approx(other / one)


@pytest.mark.parametrize("runs", [2, 3, 8, 30])
def test_models_whose_cube_roots_are_normal_are_stopped_no_more_often_than_promised(runs):
    """Of 5% over all bounds, in draws; features' spreads differ by a factor of two."""
    generator = np.random.default_rng(runs)
    centres, deviations = np.linspace(0.2, 0.6, 12), np.tile([0.02, 0.03, 0.04], 4)
    stopped = []
    for _ in range(400):
        shares = generator.normal(centres, deviations, (runs + 100, 12)) ** 3
        history, candidates, before = shares[:runs], shares[runs : runs + 50], shares[runs + 50 :]
        found = bounds.share_bounds(history, 0.05 / bounds.how_many(history))
        broken = (candidates < found.lower) | (candidates > found.upper)
        broken |= (candidates - before > found.rise) | (np.minimum(candidates / before, 1) < found.rest)
        stopped.append(broken.any(axis=1).mean())
    assert np.mean(stopped) < 0.05 + 2 * np.std(stopped) / 20


def test_no_bound_is_set_that_nothing_could_break():
    shares = np.array([[0.001, 0.5, 0.0], [0.004, 0.7, 0.0]])
    found = bounds.share_bounds(shares, 1e-6)
    assert np.isnan(found.lower).all()
    assert np.isnan(found.upper[1])
    assert np.isnan(found.rise[1])
    assert np.isnan(found.rest[[0, 2]]).all()


def test_rows_widen_values_and_not_changes():
    shares = np.random.default_rng(0).normal(0.3, 0.01, (6, 4))
    plain, wider = bounds.share_bounds(shares, 1e-3), bounds.share_bounds(shares, 1e-3, 1e-4)
    assert (wider.upper > plain.upper).all()
    assert (wider.rise == plain.rise).all()


def test_how_many_runs_are_needed():
    each = 0.01 / 150
    needed = rules.runs_needed(each)
    assert rules.width(needed, each) <= rules.ENOUGH < rules.width(needed - 1, each)


@pytest.mark.parametrize(
    ("scale", "centre", "at_least"),
    [
        (CUBE_ROOT, 0.5, True),
        (CUBE_ROOT, 0.5, False),
        (LINEAR, 0.0, False),
        (LOG, 0.0, True),
        (LOG_OF_REST, -3.0, True),
    ],
)
def test_a_bound_stops_the_part_that_it_is_for(scale, centre, at_least):
    usual = Usual(scale, centre, 0.02, 9)
    bound = usual.bound(1e-4, at_least)
    assert usual.alarms(bound, at_least) == pytest.approx(1e-4)
    assert usual.alarms(bound, not at_least) == pytest.approx(1 - 1e-4)
    assert usual.times(bound) == pytest.approx(scipy.stats.t.isf(1e-4, degrees(9)))


def test_better_agreement_than_usual_is_not_unusual():
    usual = Usual(LOG_OF_REST, np.log(0.1), 0.5, 9)
    assert usual.times(0.999) == 0
    assert usual.times(1 - 0.1 * np.exp(1.0)) == pytest.approx(2)


def test_what_is_usual_goes_through_a_config():
    usual = {("share/age", "value", "Overall"): Usual(CUBE_ROOT, 0.5, 0.0125, 9)}
    usual["share/age", "change", "sex:Male"] = Usual(LINEAR, 0.0, 0.25, 7)
    made = Calibration(0.01, 365, 120, usual)
    spec = config_pb2.MetricsSpec(metrics=[made.to_metric()])
    assert calibration_of(config_pb2.EvalConfig(metrics_specs=[spec])) == made
    assert calibration_of(config_pb2.EvalConfig()) is None
    with pytest.raises(ValueError, match="there are 2 entries UsualVariation"):
        calibration_of(config_pb2.EvalConfig(metrics_specs=[spec, spec]))


@pytest.mark.parametrize(("rate", "words"), [(0.01, "1 in 100"), (0.004, "1 in 250"), (1 / 32768, "1 in 33,000")])
def test_rates_in_words(rate, words):
    assert in_words(rate) == words


def test_a_horizon_is_a_promise_about_all_of_its_runs_together():
    """Thirty candidates in a row against the same baseline model, which is itself a retraining."""
    generator, horizon, rate = np.random.default_rng(1), 30, 0.1
    centres = np.linspace(0.2, 0.6, 12)
    spoilt = []
    for _ in range(400):
        shares = generator.normal(centres, 0.03, (8 + 1 + horizon, 12)) ** 3
        history, before, candidates = shares[:8], shares[8], shares[9:]
        found = bounds.share_bounds(history, rate / horizon / bounds.how_many(history))
        broken = (candidates < found.lower) | (candidates > found.upper)
        broken |= (candidates - before > found.rise) | (np.minimum(candidates / before, 1) < found.rest)
        spoilt.append(broken.any())
    assert np.mean(spoilt) < rate + 2 * np.sqrt(rate * (1 - rate) / 400)
