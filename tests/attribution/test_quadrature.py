import numpy as np
import pytest

from tfx_explain.attribution.path.quadrature import RULES, gauss_legendre, leaps, secant_share, trapezoid


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("points", [2, 3, 10, 51])
def test_weights_sum_to_one_and_integrate_a_line(rule, points):
    nodes, weights = RULES[rule](points)
    assert weights.sum() == pytest.approx(1, abs=1e-14)
    assert weights @ nodes == pytest.approx(0.5, abs=1e-14)
    assert nodes.min() >= 0
    assert nodes.max() <= 1


def test_gauss_legendre_is_exact_up_to_its_degree():
    nodes, weights = gauss_legendre(4)
    for degree in range(8):
        assert weights @ nodes**degree == pytest.approx(1 / (degree + 1), rel=1e-13)


def test_trapezoid_has_its_textbook_error():
    nodes, weights = trapezoid(11)
    assert weights @ nodes**2 - 1 / 3 == pytest.approx(1 / 600, rel=1e-10)


def test_trapezoid_refuses_one_point():
    with pytest.raises(ValueError, match="at least 2"):
        trapezoid(1)


def test_secant_share_finds_the_only_kink():
    kinks = np.array([0.0, 0.2, 0.7, 1.0])
    left, right, changes = -1.0, 3.0, -kinks + 3 * (1 - kinks)
    np.testing.assert_allclose(secant_share(changes - left, np.full(4, right - left)), 1 - kinks)


def test_secant_share_of_equal_slopes_is_the_trapezoid_rule():
    np.testing.assert_array_equal(secant_share(np.full(2, 3.0), np.zeros(2)), [0.5, 0.5])


@pytest.mark.parametrize("rule", RULES)
def test_leaps_are_what_the_slopes_at_the_points_miss(rule):
    nodes, _ = RULES[rule](12)
    alphas = np.concatenate([[0.0], nodes, [1.0]])
    # A parabola, and a step at 0.3 whose slope no point sees.
    outputs = (alphas - alphas**2 + 5 * (alphas > 0.3))[None]
    found = leaps(rule, outputs, (1 - 2 * nodes)[None])[0]
    at = np.searchsorted(alphas, 0.3) - 1
    # Straight lines end at the outermost points; between the ends and these, slopes stay as there.
    assert found[at] == pytest.approx(5, abs=0.01)
    np.testing.assert_allclose(np.delete(found, at), 0, atol=1e-12 if rule != "riemann" else 0.01)


def test_leaps_of_smooth_functions_vanish_with_gauss_s_rule():
    nodes, _ = gauss_legendre(12)
    outputs = np.sin(3 * np.concatenate([[0.0], nodes, [1.0]]))[None]
    np.testing.assert_allclose(leaps("gauss_legendre", outputs, 3 * np.cos(3 * nodes)[None]), 0, atol=1e-9)
