import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.attribution import IntegratedGradients, from_function
from tfx_explain.attribution.path.path import Path
from tfx_explain.attribution.problem.problem import prepare


def test_linear_function_has_weight_times_difference(six_columns):
    weights = tf.constant([[1.0], [-2.0], [0.0], [0.5], [3.0], [0.25]])
    result = IntegratedGradients().attribute(lambda x: x @ weights, six_columns, baselines=0.5)
    np.testing.assert_allclose(result.values, (six_columns - 0.5) * weights[:, 0], atol=1e-5)
    assert result.features == tuple(f"x[{i}]" for i in range(6))
    assert result.converged.all()
    assert result.failures == ("",) * 40


def test_product_is_shared_equally_from_a_zero_baseline(six_columns):
    result = IntegratedGradients(tolerance=1e-4).attribute(lambda x: x[:, 0] * x[:, 1], six_columns)
    half = six_columns[:, 0] * six_columns[:, 1] / 2
    np.testing.assert_allclose(result.values[:, :2], np.stack([half, half], axis=1), atol=1e-4)
    np.testing.assert_array_equal(result.values[:, 2:], 0)


def test_squares_are_exact_with_two_gauss_points(six_columns):
    result = IntegratedGradients(steps=2).attribute(lambda x: tf.reduce_sum(x**2, axis=1), six_columns, baselines=1.0)
    np.testing.assert_allclose(result.values, six_columns**2 - 1, atol=1e-5)
    assert (result.evaluations == 4).all()


def test_max_credits_each_input_while_it_leads():
    # From (0, 1) to (4, 2) the first input leads after alpha = 1/3: it gains 4 * 2/3 and the second 1 * 1/3.
    result = IntegratedGradients(tolerance=1e-3).attribute(
        lambda x: tf.reduce_max(x, axis=1), tf.constant([[4.0, 2.0]]), tf.constant([[0.0, 1.0]])
    )
    np.testing.assert_allclose(result.values, [[8 / 3, 1 / 3]], atol=1e-5)


def test_error_estimate_covers_gap_and_true_error(relu_network, six_columns):
    truth = IntegratedGradients(steps=4000, rule="riemann").attribute(relu_network, six_columns).values
    result = IntegratedGradients(tolerance=0.02).attribute(relu_network, six_columns)
    scale = np.abs(result.values).sum(axis=1)
    assert result.converged.all()
    assert (np.abs(result.completeness_gaps) <= result.approximation_errors + 1e-9).all()
    assert (result.approximation_errors <= 0.02 * scale + 1e-5).all()
    # The estimate is one of size, not a bound on the true error: it holds on average.
    assert (np.abs(result.values - truth).sum(axis=1) / scale).mean() < 0.02


def test_rows_spend_what_they_need(relu_network, six_columns):
    def easy_or_hard(x):
        return tf.where(x[:, 0] > 0, relu_network(x), x[:, 1])

    result = IntegratedGradients(tolerance=1e-3).attribute(easy_or_hard, six_columns)
    easy = six_columns.numpy()[:, 0] <= 0
    assert (result.evaluations[easy] == 9).all()
    assert (result.evaluations[~easy] > 20).all()


def test_gradients_that_cancel_are_not_taken_for_done():
    # Slopes are zero at both ends and at the middle; only the output's change betrays the step between.
    result = IntegratedGradients(max_gradients=200).attribute(
        lambda x: tf.sigmoid(400 * (x[:, 0] - 0.3)), tf.constant([[1.0, 1.0]])
    )
    np.testing.assert_allclose(result.values, [[1, 0]], atol=0.01)


def test_a_jump_without_gradient_is_not_converged():
    result = IntegratedGradients(max_gradients=64).attribute(
        lambda x: tf.where(x[:, 0] > 0.4, 1.0, 0.0) + 0.1 * x[:, 1], tf.constant([[1.0, 1.0]])
    )
    assert not result.converged[0]
    assert result.approximation_errors[0] >= 1
    assert result.evaluations[0] == 64


def test_budget_bounds_evaluations(relu_network, six_columns):
    result = IntegratedGradients(tolerance=1e-9, max_gradients=30).attribute(relu_network, six_columns)
    assert result.evaluations.max() == 30
    assert not result.converged.all()


def test_several_baselines_are_averaged(relu_network, six_columns):
    method = IntegratedGradients(tolerance=1e-4)
    baselines = tf.constant([[0.0] * 6, [1.0] * 6])
    both = method.attribute(relu_network, six_columns, baselines)
    single = [method.attribute(relu_network, six_columns, baselines[i : i + 1]) for i in range(2)]
    np.testing.assert_allclose(both.values, (single[0].values + single[1].values) / 2, atol=1e-6)
    np.testing.assert_array_equal(both.evaluations, single[0].evaluations + single[1].evaluations)


def test_features_own_tensors_and_columns_and_the_rest_is_held():
    def model(tensors):
        factor = tf.cast(tf.strings.length(tensors["word"]), tf.float32)
        embedded = tf.reduce_sum(tensors["embedding"], axis=[1, 2])
        return factor * (2 * tensors["dense"][:, 0] + 3 * tensors["dense"][:, 1] + embedded) + tensors["dense"][:, 2]

    inputs = {
        "word": tf.constant(["a", "bbb"]),
        "dense": tf.constant([[1.0, 2.0, 9.0], [3.0, 4.0, 9.0]]),
        "embedding": tf.ones([2, 4, 5]),
    }
    players = {"age": (("dense", 0), "embedding"), "sex": (("dense", 1),)}
    result = IntegratedGradients().attribute(
        model, inputs, {"dense": tf.zeros([1, 3]), "embedding": tf.zeros([1, 4, 5])}, players
    )
    np.testing.assert_allclose(result.values, [[22, 6], [78, 36]], rtol=1e-5)
    np.testing.assert_allclose(result.baseline_outputs, [9, 9], rtol=1e-6)


def test_targets_choose_the_class_of_each_row():
    result = IntegratedGradients().attribute(
        lambda x: tf.stack([x[:, 0], 10 * x[:, 1]], axis=1), tf.ones([2, 2]), targets=[1, 0]
    )
    np.testing.assert_allclose(result.values, [[0, 10], [1, 0]], atol=1e-5)


def test_a_bad_row_is_named_and_harms_no_other(relu_network, six_columns):
    bad = six_columns.numpy().copy()
    bad[3, 2], bad[5, 1] = np.nan, np.inf
    result = IntegratedGradients().attribute(relu_network, bad)
    sound = IntegratedGradients().attribute(relu_network, six_columns)
    assert {i: f for i, f in enumerate(result.failures) if f} == {
        3: "feature 'x[2]' is not finite",
        5: "feature 'x[1]' is not finite",
    }
    assert np.isnan(result.values[[3, 5]]).all()
    assert not result.converged[[3, 5]].any()
    others = np.delete(np.arange(40), [3, 5])
    np.testing.assert_allclose(result.values[others], sound.values[others], atol=1e-5)


@pytest.mark.parametrize("steps", [None, 20])
def test_outputs_and_gradients_that_are_not_finite_are_named(steps):
    def model(x):
        return tf.math.log(x[:, 0] - 2) + x[:, 1]

    def rooted(x):
        return tf.sqrt(x[:, 0] - x[:, 0]) + x[:, 1]

    method, rows = IntegratedGradients(steps=steps), tf.ones([1, 2])
    causes = [method.attribute(function, rows, 3.0).failures[0] for function in (model, rooted)]
    assert causes[0] == "the output is not finite where feature 'x[0]' is present, at the row; mend it or the model"
    assert causes[1] == (
        "the gradient by feature 'x[0]' is not finite at points between the baseline and the row; take SampledShapley, "
        "which asks for no gradient, or another baseline"
    )


def test_string_features_are_refused_with_the_way_out():
    problem = prepare(from_function(lambda t: t), {"word": tf.constant(["a"])}, {"word": tf.constant([""])}, None, None)
    with pytest.raises(ValueError, match=r"'word' is string; path methods need dense float tensors.*SampledShapley"):
        Path(problem, 8)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps is 0; give at least 1"),
        ({"rule": "simpson"}, "rule is 'simpson'; choose one of"),
        ({"max_gradients": 5}, "max_gradients is 5"),
        ({"tolerance": 0.0}, "tolerance 0.0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        IntegratedGradients(**settings)


def test_rules_that_agree_by_luck_do_not_settle_a_row():
    # The two rules on nine points differ by 0.007 of the attributions, but are off by 0.048.
    row = tf.constant([[-0.3497, -0.8942, -1.5128, -0.1146, -0.8894, 2.1369]])
    result = IntegratedGradients().attribute(_smooth_and_kinked, row)
    truth = IntegratedGradients(steps=20000, rule="riemann").attribute(_smooth_and_kinked, row)
    assert result.evaluations[0] > 9
    assert np.abs(result.values - truth.values).sum() <= 0.02 * np.abs(truth.values).sum()


def _smooth_and_kinked(x):
    smooth = tf.math.softplus(3 * x[:, 0] * x[:, 1]) + tf.sin(4 * x[:, 5])
    return smooth + tf.abs(x[:, 2] - 0.3) - 2 * tf.nn.relu(x[:, 3] - x[:, 4])


@pytest.mark.parametrize("steps", [None, 7])
@pytest.mark.parametrize("shape", [(5, 3), (80, 3), (4, 2, 3)])
def test_maps_of_entries_are_the_sums_of_those_of_numbers(shape, steps):
    rng = np.random.default_rng(3)
    inputs = {"words": tf.constant(rng.normal(size=(3, *shape)), tf.float32), "x": tf.constant([[1.0], [2.0], [-1.0]])}
    weights, axes = tf.constant(rng.normal(size=shape), tf.float32), list(range(1, len(shape) + 1))
    model = from_function(lambda t: tf.tanh(tf.reduce_sum(t["words"] * weights, axes) / 9) * t["x"][:, 0])
    request = model, inputs, {"words": 0.0, "x": 0.5}, {"text": ["words"], "x": ["x"]}
    numbers = IntegratedGradients(steps=steps, maps=["words"]).attribute(*request).maps["words"]
    found = IntegratedGradients(steps=steps, entries={"words": len(shape) - 1}).attribute(*request)
    np.testing.assert_allclose(found.maps["words"], numbers.sum(axis=-1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.maps["words"].reshape(3, -1).sum(axis=1), found.values[:, 0], rtol=1e-4, atol=1e-5)
