"""Where a rule's probes go, and what they tell."""

import numpy as np
import pytest

from tfx_explain.attribution.path.probes import probes, surprises, unsure_places
from tfx_explain.attribution.path.quadrature import RULES, with_ends

_every_rule = pytest.mark.parametrize("rule", RULES)


def test_probes_are_fewer_than_a_tenth_of_what_a_rule_costs():
    assert [probes(points, 2) for points in (1, 9, 10, 29, 50, 512)] == [0, 0, 1, 2, 5, 5]
    assert all(probes(points, 3) <= (points + 2) / 10 for points in range(1, 600))
    assert probes(50, 1) == 0


@_every_rule
@pytest.mark.parametrize("count", [1, 5])
def test_probes_go_where_slopes_or_outputs_change(rule, count):
    nodes, _ = with_ends(rule, 20)
    kinked = np.where(nodes > 0.42, 3.0, 1.0)
    slopes = np.stack([kinked, np.ones_like(nodes), np.full_like(nodes, 2.0)])[:, :, None]
    outputs = np.stack([np.where(nodes > 0.42, 3 * nodes, nodes), nodes + (nodes > 0.42), nodes])
    intervals, places = unsure_places(nodes, outputs, slopes[:, :, 0], slopes, count)
    alphas = nodes[intervals] + places * np.diff(nodes)[intervals]
    at = np.searchsorted(nodes, 0.42) - 1
    for row in range(2):
        assert (intervals[row] == at).all()
        np.testing.assert_allclose(places[row], (np.arange(count) + 0.5) / count, atol=0.01)
    assert ((alphas >= 0) & (alphas <= 1)).all()


@_every_rule
def test_probes_stay_away_from_slopes_that_are_not_finite(rule):
    nodes, _ = with_ends(rule, 20)
    slopes = np.tile(np.where(nodes > 0.42, 3.0, 1.0), (2, 1))[:, :, None]
    slopes[0, 0], slopes[1, 5] = np.inf, np.nan
    intervals, places = unsure_places(nodes, np.zeros((2, len(nodes))), slopes[:, :, 0], slopes, 2)
    assert np.isfinite(places).all()
    assert (intervals[0] != 0).all()
    assert not np.isin(intervals[1], [4, 5]).any()


@_every_rule
def test_what_was_to_be_expected_is_no_surprise(rule):
    nodes, _ = with_ends(rule, 12)
    degree = 11 if rule == "gauss_legendre" else 1
    slopes = np.stack([nodes**degree, 1 - nodes], axis=1)[None]
    intervals, places = np.array([[0, 4, 12]]), np.array([[0.3, 0.5, 0.9]])
    alphas = nodes[intervals] + places * np.diff(nodes)[intervals]
    found = np.stack([alphas**degree, 1 - alphas], axis=2)
    np.testing.assert_allclose(surprises(rule, nodes, slopes, intervals, places, found), 0, atol=1e-13)
    found[0, 1, 0] += 7
    off = surprises(rule, nodes, slopes, intervals, places, found)
    np.testing.assert_allclose(off, [[0.4 * 7 * (nodes[5] - nodes[4]), 0]], atol=1e-13)
