"""With a probability of 95% a row, no feature's error is larger than the stated one.

No constant was chosen by the functions and rows of the seeds from 8000 on: who chooses one takes other seeds.
"""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tfx_explain.attribution import Banzhaf, KernelShap, Lime, SampledShapley, from_function
from tfx_explain.attribution.coalitions.leaves import unreached
from tfx_explain.attribution.coalitions.weights import coalitions_of
from tfx_explain.attribution.problem.promise import CONFIDENCE, simultaneous, simultaneous_of

_COLUMNS, _ROWS = 12, 128


@pytest.mark.parametrize("degrees", [1, 2, 5, 8, 50])
def test_of_one_error_the_quantile_is_student_s(degrees):
    expected = scipy.stats.t.ppf((1 + CONFIDENCE) / 2, degrees)
    assert simultaneous(1, degrees) == pytest.approx(expected, rel=1e-3)


def test_quantiles_of_many_degrees_are_those_of_each():
    degrees = np.array([1.0, 2.5, 7.7, 40.0, 1e4])
    expected = [simultaneous(12, one) for one in degrees]
    np.testing.assert_allclose(simultaneous_of(12, degrees), expected, rtol=0.005)


@pytest.mark.parametrize("features", [1, 12, 300])
def test_of_a_known_standard_error_the_quantile_is_that_of_the_largest_normal_error(features):
    expected = scipy.stats.norm.ppf((1 + CONFIDENCE ** (1 / features)) / 2)
    assert simultaneous(features, np.inf) == pytest.approx(expected, rel=1e-4)


def test_the_quantile_is_that_of_drawn_errors():
    rng = np.random.default_rng(31)
    largest = np.abs(rng.normal(size=(200_000, 12))).max(axis=1)
    studentized = largest / np.sqrt(rng.chisquare(8, size=200_000) / 8)
    assert simultaneous(12, 8) == pytest.approx(np.quantile(studentized, CONFIDENCE), rel=0.02)


def _dense(seed, activation, *hidden, columns=_COLUMNS):
    rng = np.random.default_rng(seed)
    sizes = (columns, *hidden, 1)
    layers = [(rng.normal(0, (2 / a) ** 0.5, (a, b)), rng.normal(0, 0.3, b)) for a, b in itertools.pairwise(sizes)]

    def output(x):
        for weights, biases in layers[:-1]:
            x = activation(x @ tf.constant(weights, x.dtype) + tf.constant(biases, x.dtype))
        return (x @ tf.constant(layers[-1][0], x.dtype))[:, 0]

    return from_function(output)


def _steps(x):
    """Five products of three steps each."""
    sides = tf.cast(x > 0.3, x.dtype)
    triples = (sides[:, start] * sides[:, (start * 5 + 3) % 12] * sides[:, (start * 7 + 5) % 12] for start in range(5))
    return tf.add_n([(1.0 + number) * triple for number, triple in enumerate(triples)]) + x[:, 0]


def _words(x):
    """Of twelve words of one number each, the mean and the maximum, through a dense layer."""
    pooled = tf.stack([tf.reduce_mean(x, axis=1), tf.reduce_max(x, axis=1), tf.reduce_mean(x**2, axis=1)], axis=1)
    return tf.reduce_sum(tf.tanh(pooled @ [[0.9, -0.4], [0.5, 0.8], [-0.6, 0.7]]), axis=1)


_MODELS = {
    "ReLU": (_dense(8151, tf.nn.relu, 20, 10), 1.0),
    "ReLU, large rows": (_dense(8152, tf.nn.relu, 48, 24), 30.0),
    "tanh": (_dense(8153, tf.tanh, 24), 2.0),
    "sigmoid": (_dense(8154, tf.sigmoid, 16, 8), 5.0),
    "GELU": (_dense(8155, tf.nn.gelu, 30, 15), 1.0),
    "steps": (from_function(_steps), 1.0),
    "words": (from_function(_words), 1.0),
}


@pytest.fixture(scope="module")
def enumerated():
    """By model: the model, rows, their Shapley values and Banzhaf values by enumeration."""
    rng, found = np.random.default_rng(8157), {}
    for name, (model, scale) in _MODELS.items():
        rows = tf.constant(rng.normal(size=(_ROWS, _COLUMNS)) * scale, tf.float32)
        exact = [method.attribute(model, rows).values for method in (SampledShapley(), Banzhaf())]
        found[name] = (model, rows, *exact)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    "method",
    [
        SampledShapley(max_evaluations=1000),
        SampledShapley(paths=22, seed=3),
        KernelShap(max_evaluations=1000),
        KernelShap(tolerance=0.03, max_evaluations=1000, seed=5),
        KernelShap(coalitions=120),
        KernelShap(coalitions=240),
        Banzhaf(tolerance=0.02, max_evaluations=1000),
    ],
    ids=lambda method: f"{type(method).__name__} {vars(method)}"[:80],
)
def test_stated_errors_hold_on_95_of_100_rows_and_are_not_wide(method, enumerated):
    ratios, widths = [], []
    for model, rows, shapley, banzhaf in enumerated.values():
        exact = banzhaf if isinstance(method, Banzhaf) else shapley
        result = method.attribute(model, rows)
        errors, sizes = np.abs(result.values - exact).max(axis=1), np.abs(exact).sum(axis=1)
        ratios.append(errors / result.approximation_errors)
        widths.append(np.median(result.approximation_errors / sizes) / np.quantile(errors / sizes, 0.95))
    held = [np.mean(ratio <= 1) for ratio in ratios]
    # Which coalitions are equally good is for a processor's last bits to say: on one, 5 of 896 rows are missed, on
    # another 3; and what is stated is 1.4 times what is needed, or 1.57. Whether it is more than that, widths tell.
    assert 0.93 < np.mean(held) < 1
    # Of 128 rows each: chance alone takes some hundredths from one or the other.
    assert min(held) > 0.87
    assert np.max(ratios) < 5
    assert np.median(widths) < 1.65


_OF_EIGHT = {
    "ReLU": (_dense(8161, tf.nn.relu, 20, 10, columns=8), 1.0),
    "ReLU, large rows": (_dense(8162, tf.nn.relu, 32, columns=8), 30.0),
    "tanh": (_dense(8163, tf.tanh, 24, columns=8), 2.0),
    "GELU": (_dense(8164, tf.nn.gelu, 30, 15, columns=8), 1.0),
}


@pytest.mark.parametrize(
    "method",
    # Of 256 coalitions: hardly more pairs than features, twice as many, and nearly all.
    [KernelShap(coalitions=size) for size in (20, 24, 40, 76, 120, 160, 200, 240)]
    + [Banzhaf(coalitions=180), SampledShapley(paths=4), SampledShapley(paths=10), SampledShapley(paths=26)],
    ids=lambda method: f"{type(method).__name__} {vars(method)}"[:80],
)
def test_stated_errors_hold_from_few_coalitions_to_nearly_all(method):
    ratios = []
    for number, (model, scale) in enumerate(_OF_EIGHT.values()):
        rows = tf.constant(np.random.default_rng([8165, number]).normal(size=(_ROWS, 8)) * scale, tf.float32)
        exact = (Banzhaf() if isinstance(method, Banzhaf) else SampledShapley()).attribute(model, rows).values
        result = method.attribute(model, rows)
        assert (result.evaluations < 256).all()
        ratios.append(np.abs(result.values - exact).max(axis=1) / result.approximation_errors)
    assert np.mean(np.concatenate(ratios) <= 1) > 0.93
    assert np.max(ratios) < 5


_SMALL = {
    "ReLU of 8, 20-10": (_dense(9000, tf.nn.relu, 20, 10, columns=8), 8),
    "ReLU of 9, 8": (_dense(9001, tf.nn.relu, 8, columns=9), 9),
    "ReLU of 8, 6": (_dense(9002, tf.nn.relu, 6, columns=8), 8),
    "tanh of 6, 8": (_dense(9006, tf.tanh, 8, columns=6), 6),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", _SMALL)
def test_of_a_single_small_network_stated_errors_hold_at_every_tolerance(name):
    """Also where rows could stop by luck, and where most of all coalitions are played."""
    model, columns = _SMALL[name]
    rows = tf.constant(np.random.default_rng(68).normal(size=(400, columns)), tf.float32)
    for method in (KernelShap, Banzhaf, SampledShapley):
        exact = (Banzhaf() if method is Banzhaf else SampledShapley()).attribute(model, rows).values
        sizes = np.abs(exact).sum(axis=1)
        for tolerance in (0.003, 0.01, 0.03):
            result = method(tolerance=tolerance, max_evaluations=2**columns - 1).attribute(model, rows)
            errors, stated = np.abs(result.values - exact).max(axis=1), result.approximation_errors
            assert np.mean(errors <= stated) > 0.925, (method, tolerance)
            assert np.max(errors / stated) < 5
            assert np.mean(errors[result.converged] <= tolerance * sizes[result.converged]) > 0.97


@pytest.mark.parametrize("paths", [4, 6])
def test_too_few_orders_to_see_an_interaction_do_not_state_next_to_nothing(paths):
    rows = tf.constant(np.random.default_rng(66).normal(size=(256, _COLUMNS)) + 0.5, tf.float32)
    model = _MODELS["steps"][0]
    exact = SampledShapley().attribute(model, rows).values
    result = SampledShapley(paths=paths).attribute(model, rows)
    errors = np.abs(result.values - exact).max(axis=1)
    assert np.mean(errors <= result.approximation_errors) > 0.9
    assert np.max(errors / result.approximation_errors) < 5
    assert not result.converged.any()


@pytest.mark.parametrize("extra", [3, 5, 8])
def test_few_pairs_that_see_no_interaction_of_three_features_do_not_state_next_to_nothing(extra):
    rows = tf.constant(np.random.default_rng(67).normal(size=(512, _COLUMNS)) + 0.2, tf.float32)
    for name, size in (("steps", _COLUMNS), ("leaves", 8)):
        model = {"steps": _MODELS["steps"][0], "leaves": from_function(_leaves)}[name]
        exact = SampledShapley().attribute(model, rows[:, :size]).values
        result = KernelShap(coalitions=2 * (size + extra)).attribute(model, rows[:, :size])
        errors, stated = np.abs(result.values - exact).max(axis=1), result.approximation_errors
        assert np.mean(errors <= stated) > 0.93
        assert (errors < 5 * stated + 1e-6).all()


def _leaves(x):
    """Of eight features, ten leaves of depth three."""
    sides = tf.cast(x > 0.2, x.dtype)
    return tf.add_n(
        [
            (-1.0) ** leaf * (1 + 0.3 * leaf) * sides[:, leaf % 8] * (1 - sides[:, (3 * leaf + 1) % 8]) * other
            for leaf in range(10)
            if len({leaf % 8, (3 * leaf + 1) % 8, (5 * leaf + 2) % 8}) == 3
            for other in [sides[:, (5 * leaf + 2) % 8]]
        ]
    )


_UP_TO_A_THOUSAND = [KernelShap(max_evaluations=1000), SampledShapley(max_evaluations=1000)]


def _with_a_leaf(features, height=0.9, straight=False):
    """Returns a function of `_COLUMNS` features, its rows from zero, and their Shapley values, by hand.

    The leaf is where half of its features are the row's and the others the baseline's; beside it there is a step of
    one feature, or a linear function of all the others.
    """
    joined = features // 2
    weights = np.where(np.arange(_COLUMNS) < features, 0.0, (-1.0) ** np.arange(_COLUMNS))

    def output(x):
        reached = tf.reduce_all(x[:, :joined] > 0.5, axis=1) & tf.reduce_all(x[:, joined:features] < 0.5, axis=1)
        beside = x @ tf.constant(weights[:, None], x.dtype) if straight else tf.cast(x[:, features:] > 0.5, x.dtype)
        return height * tf.cast(reached, x.dtype) + beside[:, 0]

    rows = (1 + np.random.default_rng(69).random(size=(128, _COLUMNS)) / 4).astype(np.float32)
    exact = weights * rows if straight else np.tile(np.arange(_COLUMNS) == features, (128, 1)).astype(float)
    share = height / math.comb(features, joined)
    exact[:, :features] += np.repeat([share / joined, -share / (features - joined)], [joined, features - joined])
    return from_function(output), tf.constant(rows), exact


def _errors(method, model, rows, exact):
    """Returns the largest errors of rows, and the stated ones."""
    result = method.attribute(model, rows)
    assert (result.evaluations <= 1000).all()
    return np.abs(result.values - exact).max(axis=1), result.approximation_errors


@pytest.mark.parametrize("straight", [False, True], ids=["step", "linear"])
@pytest.mark.parametrize("features", [5, 6])
@pytest.mark.parametrize(
    "method",
    [*_UP_TO_A_THOUSAND, KernelShap(coalitions=60), SampledShapley(paths=12)],
    ids=["kernel", "sampled", "60 coalitions", "12 orders"],
)
def test_a_leaf_of_several_features_that_few_coalitions_reach_is_stated(method, features, straight):
    errors, stated = _errors(method, *_with_a_leaf(features, straight=straight))
    # What remains: where the leaf changes about as much as the tolerance, few orders pass through it.
    about_the_tolerance = features == 6 and not straight and method is _UP_TO_A_THOUSAND[1]
    # Of 128 rows, chance alone takes some hundredths from what holds on 95 of 100.
    assert np.mean(errors <= stated) > (0.75 if about_the_tolerance else 0.9)
    assert (errors < 3 * stated).all()


@pytest.mark.parametrize("features", [10, 12, 16])
def test_a_linear_function_takes_no_more_than_the_first_look_for_the_leaves_that_it_may_have(features):
    rows = tf.constant(1 + np.random.default_rng(70).random(size=(16, features)), tf.float32)
    result = KernelShap(max_evaluations=1000).attribute(lambda x: tf.reduce_sum(x, axis=1), rows)
    assert (result.evaluations == 4 * features).all() and result.converged.all()


@pytest.mark.parametrize("method", [KernelShap(coalitions=60), SampledShapley(paths=12)], ids=["kernel", "sampled"])
def test_a_leaf_that_is_far_higher_than_all_else_remains_unseen_where_no_coalition_reaches_it(method):
    errors, stated = _errors(method, *_with_a_leaf(7, height=50.0))
    unseen = stated < 0.5
    assert unseen.any()
    assert (errors > 5 * stated)[unseen].all()


@pytest.mark.parametrize("index", ["shapley", "banzhaf"])
def test_of_a_leaf_that_no_coalition_reaches_the_largest_value_is_known(index):
    """Of nobody and everybody alone, every leaf that is not reached by these is missed; of all coalitions, none."""
    ends = np.array([np.zeros(6, bool), np.ones(6, bool)])
    assert unreached(index, coalitions_of(np.arange(64), 6)) == 0
    assert unreached(index, ends) == pytest.approx({"shapley": 1 / 3, "banzhaf": 1 / 4}[index])


@pytest.mark.parametrize("samples", [100, 200, 400])
def test_stated_errors_of_lime_hold_too(samples):
    """Also of eight features, of which 200 samples tell some interactions badly from single features."""
    ratios, widths = [], []
    models = {name: (*_MODELS[name], _COLUMNS) for name in ("ReLU", "steps", "words")}
    models |= {f"{name} of 8": (*_OF_EIGHT[name], 8) for name in _OF_EIGHT}
    for number, (model, scale, columns) in enumerate(models.values()):
        if 2**columns <= samples + 2:
            continue
        rows = tf.constant(np.random.default_rng([8158, number]).normal(size=(128, columns)) * scale, tf.float32)
        exact = Lime(samples=2**columns).attribute(model, rows)
        result = Lime(samples=samples).attribute(model, rows)
        errors, sizes = np.abs(result.values - exact.values).max(axis=1), np.abs(exact.values).sum(axis=1)
        ratios.append(errors / result.approximation_errors)
        widths.append(np.median(result.approximation_errors / sizes) / np.quantile(errors / sizes, 0.95))
    held = [np.mean(ratio <= 1) for ratio in ratios]
    assert min(held) > 0.9
    assert 0.93 < np.mean(held) <= 1
    assert np.max(np.concatenate(ratios)) < 5
    assert np.median(widths) < 1.5


def test_against_several_baselines_converged_is_about_the_mean():
    model, _ = _MODELS["tanh"]
    rows = tf.constant(np.random.default_rng(59).normal(size=(64, _COLUMNS)), tf.float32)
    baselines = tf.constant(np.random.default_rng(60).normal(size=(3, _COLUMNS)), tf.float32)
    result = KernelShap(tolerance=0.03, max_evaluations=1000).attribute(model, rows, baselines)
    exact = SampledShapley().attribute(model, rows, baselines).values
    errors, sizes = np.abs(result.values - exact).max(axis=1), np.abs(result.values).sum(axis=1)
    assert result.converged.any()
    assert (result.approximation_errors <= 0.03 * sizes + 1e-5)[result.converged].all()
    assert np.mean(errors <= result.approximation_errors) > 0.9
