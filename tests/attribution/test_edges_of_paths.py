"""Where gradients are not finite: at features that stay, at ends of the path, and where no integral exists."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from tests.attribution.methods import MAKERS
from tfx_explain.attribution import (
    ExpectedGradients,
    GradientTimesInput,
    IntegratedGradients,
    SmoothGrad,
    from_function,
)

_PATHS = {
    "adaptive": IntegratedGradients(),
    "gauss": IntegratedGradients(steps=50),
    "trapezoid": IntegratedGradients(steps=50, rule="trapezoid"),
    "expected": ExpectedGradients(),
    "smooth": SmoothGrad(IntegratedGradients(steps=50), noise_sigma=0.0, samples=2),
}
_every_path = pytest.mark.parametrize("method", _PATHS.values(), ids=_PATHS)


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


@_every_path
@pytest.mark.parametrize("at", [0.0, 3.0])
def test_a_feature_at_its_baseline_gets_0_and_the_row_its_values(method, at):
    def model(x):
        return tf.sqrt(tf.nn.relu(x[:, 0] - at)) + tf.math.xlogy(x[:, 1] - at, x[:, 1] - at) + 2 * x[:, 2] * x[:, 3]

    rows = np.array([[at, at, 1.0, 2.0], [at + 1, at, 1.0, 2.0]], "f4")
    result = method.attribute(model, rows, np.array([[at, at, 0.0, 0.0]], "f4"))
    assert result.failures[0] == ""
    np.testing.assert_array_equal(result.values[0, :2], 0)
    np.testing.assert_allclose(result.values[0, 2:], 2, atol=0.02)


@pytest.mark.parametrize("name", [name for name in MAKERS if "smooth" not in name and name not in ("saliency", "lime")])
def test_so_does_it_with_every_method(name):
    rows = np.array([[0.0, 1.0, 2.0]], "f4")
    result = MAKERS[name](512).attribute(lambda x: tf.sqrt(x[:, 0]) + x[:, 1] - x[:, 2], rows, 0.0)
    assert result.failures == ("",)
    np.testing.assert_allclose(result.values, [[0, 1, -2]], atol=1e-5)
    assert result.values[0, 0] == 0


def test_a_wide_feature_s_numbers_that_stay_count_nothing():
    tensors = {"counts": tf.constant([[[4.0, 0.0], [9.0, 1.0]]]), "other": tf.constant([[2.0]])}
    for method in (IntegratedGradients(tolerance=1e-3), IntegratedGradients(steps=400), GradientTimesInput()):
        result = method.attribute(
            lambda t: tf.reduce_sum(tf.sqrt(t["counts"] + 1e-30 * t["counts"]), [1, 2]) + t["other"][:, 0],
            tensors,
            {"counts": tf.constant([[[1.0, 0.0], [4.0, 1.0]]]), "other": tf.zeros([1, 1])},
        )
        assert result.failures == ("",)
    exact = IntegratedGradients(tolerance=1e-3).attribute(
        lambda t: tf.reduce_sum(tf.sqrt(t["counts"]), [1, 2]) + t["other"][:, 0],
        tensors,
        {"counts": tf.constant([[[1.0, 0.0], [4.0, 1.0]]]), "other": tf.zeros([1, 1])},
    )
    np.testing.assert_allclose(exact.values, [[2, 2]], atol=5e-3)


_ROW = np.array([[4.0, 1.0, 2.0]], "f4")
_SINGULAR = {
    "square root": (lambda v: tf.sqrt(v[:, 0]) + v[:, 1] + v[:, 2], _ROW, 0.0, [2, 1, 2]),
    "at the row": (lambda v: tf.sqrt(v[:, 0]) + v[:, 1], np.array([[0.0, 1.0]], "f4"), [[9.0, 0.0]], [-3, 1]),
    "at both ends": (
        lambda v: tf.sqrt(v[:, 0]) + tf.sqrt(v[:, 1]),
        np.array([[4.0, 0.0]], "f4"),
        [[0.0, 9.0]],
        [2, -3],
    ),
    "away from 0": (lambda v: tf.sqrt(v[:, 0] - 7) + v[:, 1], np.array([[11.0, 1.0]], "f4"), [[7.0, 0.0]], [2, 1]),
    "norm": (lambda v: tf.norm(v, axis=1), _ROW, 0.0, list(_ROW[0] ** 2 / np.linalg.norm(_ROW[0]))),
    "entropy": (lambda v: tf.reduce_sum(tf.math.xlogy(v, v), 1), _ROW, 0.0, list(_ROW[0] * np.log(_ROW[0]))),
    "root of the tenth": (lambda v: v[:, 0] ** 0.1 + tf.sin(3 * v[:, 1]), _ROW, 0.0, [4**0.1, np.sin(3), 0]),
    "inside a network": (
        lambda v: tf.tanh(tf.sqrt(v[:, 0]) - v[:, 1]) + v[:, 2],
        np.array([[1.0, 0.0, 2.0]], "f4"),
        0.0,
        [np.tanh(1), 0, 2],
    ),
}


@pytest.mark.parametrize("case", _SINGULAR.values(), ids=_SINGULAR)
def test_ends_without_a_gradient_are_integrated_up_to(case):
    function, row, baseline, expected = case
    baseline = baseline if isinstance(baseline, float) else np.array(baseline, "f4")
    result = IntegratedGradients().attribute(function, row, baseline)
    assert result.failures == ("",)
    assert result.converged[0]
    errors = np.abs(result.values[0] - expected)
    assert errors.max() <= max(result.approximation_errors[0], 1e-5)
    assert errors.max() <= 0.01 * np.abs(expected).sum()


def test_rows_with_such_ends_harm_no_other():
    rows = np.array([[4.0, 1.0], [0.0, 1.0], [1.0, -1.0]], "f4")
    baseline = np.array([[1.0, 0.0]], "f4")
    method = IntegratedGradients()
    together = method.attribute(lambda x: tf.sqrt(x[:, 0]) * (1 + x[:, 1]), rows, baseline)
    for row in range(3):
        alone = method.attribute(lambda x: tf.sqrt(x[:, 0]) * (1 + x[:, 1]), rows[row : row + 1], baseline)
        np.testing.assert_array_equal(alone.values[0], together.values[row])
    assert together.failures == ("",) * 3


@pytest.mark.parametrize(
    ("function", "baseline", "reason"),
    [
        (
            lambda x: tf.math.log(x[:, 0]) + x[:, 1],
            0.0,
            "the output is not finite where feature 'x[0]' is absent, at the baseline; give another",
        ),
        (
            lambda x: tf.math.log(2 - x[:, 0]) + x[:, 1],
            0.0,
            "the output is not finite where feature 'x[0]' is present, at the row; mend it or the model",
        ),
        (
            # The angle's share: constant on the way, but the gradients grow like the inverse of the distance.
            lambda x: tf.where(tf.norm(x, axis=1) > 0, x[:, 0] / tf.norm(x, axis=1), 0.0),
            0.0,
            "the gradient by feature 'x[0]' is not finite at the baseline, and has no integral from there; give a "
            "baseline elsewhere, or take SampledShapley",
        ),
    ],
)
def test_where_no_integral_exists_the_reason_names_the_end_and_the_feature(function, baseline, reason):
    result = IntegratedGradients().attribute(function, np.array([[2.0, 1.0]], "f4"), baseline)
    assert result.failures == (reason,)
    assert np.isnan(result.values).all()


def _cosine(x):
    """Of the row and a direction; at 0, where it leaps, it is 0 and so is its gradient."""
    return tf.math.divide_no_nan(tf.reduce_sum(x * [1.0, 2.0], axis=1), tf.sqrt(tf.reduce_sum(x**2, axis=1)))


@pytest.mark.parametrize(
    "function", [_cosine, lambda x: tf.math.divide_no_nan(x[:, 0], x[:, 0] + x[:, 1])], ids=["cosine", "share"]
)
def test_a_gradient_that_is_finite_at_an_end_but_has_no_integral_is_named_too(function):
    result = IntegratedGradients().attribute(function, np.array([[2.0, 1.0]], "f4"))
    assert result.failures == (
        "the gradient by feature 'x[0]' is not finite at the baseline, and has no integral from there; give a "
        "baseline elsewhere, or take SampledShapley",
    )
    assert result.evaluations[0] <= 512
    back = IntegratedGradients().attribute(function, np.zeros([1, 2], "f4"), np.array([[2.0, 1.0]], "f4"))
    assert "at the row, and has no integral up to there" in back.failures[0]


def test_slopes_that_turn_near_an_end_have_an_integral():
    generator = np.random.default_rng(5006)
    weights, last = (tf.constant(generator.normal(0, 0.4, shape), tf.float32) for shape in ((3, 128), (128, 1)))
    rows = generator.normal(0, 3, (150, 3)).astype("f4")
    # Too many kinks for the tolerance, so that the mesh is at its largest with all of them.
    result = IntegratedGradients(tolerance=1e-5).attribute(
        lambda x: tf.sigmoid(tf.clip_by_value(x @ weights, -0.1, 0.1) @ last)[:, 0], rows
    )
    assert not result.converged.all()
    assert result.failures == ("",) * len(rows)


def test_a_leap_at_an_end_is_an_error_and_no_failure():
    result = IntegratedGradients().attribute(
        lambda x: tf.cast(x[:, 0] > 0, tf.float32) + x[:, 1] * x[:, 2], np.array([[2.0, 1.0, 3.0]], "f4")
    )
    np.testing.assert_allclose(result.values, [[0, 1.5, 1.5]], atol=1e-3)
    assert result.failures == ("",)
    assert not result.converged[0]
    assert result.approximation_errors[0] >= 0.99


@pytest.mark.parametrize(
    ("row", "baseline", "where"),
    [
        ([4.0, 1.0], [0.0, 0.0], "the baseline"),
        ([0.0, 1.0], [4.0, 0.0], "the row"),
        ([0.0, 4.0], [4.0, 0.0], "the baseline and at the row"),
    ],
)
def test_a_rule_with_points_at_the_ends_names_the_end_and_another_rule(row, baseline, where):
    def model(x):
        return tf.sqrt(x[:, 0]) if where != "the baseline and at the row" else tf.sqrt(x[:, 0] * x[:, 1])

    result = IntegratedGradients(steps=20, rule="trapezoid").attribute(
        model, np.array([row], "f4"), np.array([baseline], "f4")
    )
    assert result.failures == (
        f"the gradient by feature 'x[0]' is not finite at {where}, where the rule has a point; take rule "
        "'gauss_legendre', or leave out the steps",
    )
    other = IntegratedGradients(steps=20).attribute(model, np.array([row], "f4"), np.array([baseline], "f4"))
    assert other.failures == ("",)


def test_an_output_so_small_that_rounding_hides_it_has_an_integral():
    """A row between all leaves: its mesh is refined to the end, but nowhere near the baseline."""
    rng = np.random.default_rng(1056)
    chosen, signs = rng.integers(8, size=(6, 3)), rng.choice([-60.0, 60.0], (6, 3))
    thresholds, heights = rng.normal(0, 0.7, (6, 3)), rng.normal(size=6)

    def leaves(x):
        sides = tf.constant(signs, x.dtype) * (tf.gather(x, chosen, axis=1) - tf.constant(thresholds, x.dtype))
        return tf.reduce_sum(tf.constant(heights, x.dtype) * tf.reduce_prod(tf.sigmoid(sides), axis=2), axis=1)

    row = tf.constant(np.random.default_rng([1000, 64]).normal(size=(64, 8))[41:42], tf.float32)
    result = IntegratedGradients().attribute(from_function(leaves), row)
    assert result.failures == ("",)
    assert not result.converged[0]
    fine = IntegratedGradients(steps=5000, rule="riemann").attribute(from_function(leaves), row)
    assert np.abs(result.values - fine.values).max() <= result.approximation_errors[0]
