"""Tensors that a model only concatenates: found, fed as one matrix, and explained as they are by themselves."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.attribution import GradientTimesInput, IntegratedGradients, KernelShap, SampledShapley
from tfx_explain.savedmodel import generate_metadata, load_explainable

ROWS = 40
FIXED = IntegratedGradients(steps=20)
NUMBERS = {name: tf.TensorSpec([None, 1], tf.float32, name) for name in ("a", "b")}
IDS = {name: tf.TensorSpec([None, 1], tf.int64, name) for name in ("c", "d")}
TABLE = tf.constant(np.random.default_rng(0).normal(size=(5, 3)), tf.float32)


def embedded(ids):
    return tf.gather(TABLE, ids[:, 0])


def network(joined):
    rng = np.random.default_rng(int(joined.shape[1]))
    hidden = tf.constant(rng.normal(size=(joined.shape[1], 6)), joined.dtype)
    return {"score": tf.reduce_sum(tf.tanh(joined @ hidden), axis=1, keepdims=True)}


@pytest.fixture
def explainable(tmp_path):
    """From a function of tensors and their specs to the model, without the features of some names."""

    def build(serve, specs, without=()):
        module = tf.Module()
        module.serve = tf.function(serve, input_signature=list(specs.values()))
        tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.serve)
        metadata = generate_metadata(str(tmp_path / "model"))
        for name in without:
            del metadata.inputs[name]
        return load_explainable(str(tmp_path / "model"), metadata)

    return build


def rows_of(specs, rows=ROWS):
    rng = np.random.default_rng(1)
    shapes = {name: (rows, *spec.shape[1:]) for name, spec in specs.items()}
    return {
        name: tf.cast(
            rng.normal(size=shapes[name]) if spec.dtype.is_floating else rng.integers(0, 5, shapes[name]), spec.dtype
        )
        for name, spec in specs.items()
    }


def separate(model):
    """The model without a word about what it joins."""
    return SimpleNamespace(
        predict=model.predict, gradients=model.gradients, outputs=model.outputs, traces={}, autograph=False
    )


def check_same(model, specs, methods=(FIXED,), baselines=None):
    rows = model.encode(rows_of(specs))
    for method in methods:
        together, apart = (
            method.attribute(called, rows, baselines or model.baselines, model.players)
            for called in (model, separate(model))
        )
        assert_values_alike(together, apart)
        np.testing.assert_array_equal(together.evaluations, apart.evaluations)
        np.testing.assert_array_equal(together.failures, apart.failures)
    return taken(model)


def assert_values_alike(one, other):
    """Products add up in another order, in single precision: relative to all of a row, and to outputs that saturate."""
    sizes = np.abs(other.values).sum(axis=1) + np.abs(other.instance_outputs) + np.abs(other.baseline_outputs)
    sizes = sizes[:, None]
    np.testing.assert_allclose(one.values / sizes, other.values / sizes, rtol=0, atol=5e-6)


def taken(model):
    """The keys of the joins that methods fed."""
    programs = [form[0] for form in model.traces]
    layouts = [layout for one in programs for layout in getattr(one, "along", one).layouts]
    return {columns.key for layout in layouts for columns in layout} & set(model.joins)


def scaled(a, b, c, d):
    scales = tf.sqrt(tf.constant([4.0]))
    return network(tf.concat([(a - 3.0) / tf.maximum(scales, 1e-7), embedded(c), 0.5 * b + 1.0, embedded(d)], axis=-1))


METHODS = {
    "differentiable": (FIXED, GradientTimesInput()),
    "coalitional": (SampledShapley(), KernelShap(coalitions=12)),
}


@pytest.mark.parametrize("kind", METHODS)
def test_numbers_scaled_and_vectors_looked_up_are_one_matrix(explainable, kind):
    model = getattr(explainable(scaled, NUMBERS | IDS), kind)()
    assert [len(members) for members in model.joins.values()] == [4]
    assert check_same(model, NUMBERS | IDS, METHODS[kind]) == set(model.joins)


def test_meshes_may_differ_by_what_a_rounding_decides(explainable):
    model, method = explainable(scaled, NUMBERS | IDS).differentiable(), IntegratedGradients()
    rows = model.encode(rows_of(NUMBERS | IDS))
    one, other = (method.attribute(called, rows, model.baselines, model.players) for called in (model, separate(model)))
    assert taken(model) == set(model.joins)
    errors = one.approximation_errors + other.approximation_errors
    assert (np.abs(one.values - other.values).max(axis=1) <= errors + 1e-5).all()


def test_outputs_and_gradients_of_the_matrix_are_those_of_its_tensors(explainable):
    model = explainable(scaled, NUMBERS | IDS).differentiable()
    rows, targets = model.encode(rows_of(NUMBERS | IDS)), tf.zeros([ROWS], tf.int32)
    ((key, members),) = model.joins.items()
    matrix = {key: tf.concat([rows[member] for member in members], axis=1)}
    outputs, gradients = model.gradients(rows, targets)
    together, gradient = model.gradients(matrix, targets)
    np.testing.assert_allclose(together, outputs, rtol=1e-5, atol=5e-6)
    np.testing.assert_allclose(model.predict(matrix, targets), outputs, rtol=1e-5, atol=5e-6)
    assert set(gradient) == {key}
    expected = tf.concat([gradients[member] for member in members], axis=1)
    np.testing.assert_allclose(gradient[key], expected, rtol=1e-5, atol=5e-6)


def test_several_baselines(explainable):
    model = explainable(scaled, NUMBERS | IDS).differentiable()
    three = {key: tf.concat([one, one + 0.5, one - 1.0], axis=0) for key, one in model.baselines.items()}
    assert check_same(model, NUMBERS | IDS, baselines=three)


@pytest.mark.parametrize("kind", METHODS)
def test_no_rows(explainable, kind):
    model = getattr(explainable(scaled, NUMBERS | IDS), kind)()
    rows = model.encode(rows_of(NUMBERS | IDS, 0))
    found = METHODS[kind][0].attribute(model, rows, model.baselines, model.players)
    assert found.values.shape == (0, 4)


def test_vectors_behind_a_sequence_are_flattened_by_the_number_of_rows(explainable):
    def flattened(a, c, d):
        vectors = [tf.gather(TABLE, ids) for ids in (c, d)]
        return network(tf.concat([a, *(tf.reshape(one, [tf.shape(one)[0], 3]) for one in vectors)], axis=1))

    specs = {"a": NUMBERS["a"], **IDS}
    model = explainable(flattened, specs).differentiable()
    assert check_same(model, specs) == set(model.joins)


def test_a_gradient_that_is_not_finite_spoils_no_other_feature(explainable):
    def rooted(a, b):
        both = tf.concat([a, b], axis=1)
        return {"score": tf.sqrt(both[:, :1]) + both[:, 1:] ** 2}

    model = explainable(rooted, NUMBERS).differentiable()
    rows = model.encode({"a": tf.zeros([ROWS, 1]), "b": tf.ones([ROWS, 1])})
    assert model.joins
    found = IntegratedGradients(steps=10).attribute(model, rows, model.baselines, model.players)
    apart = IntegratedGradients(steps=10).attribute(separate(model), rows, model.baselines, model.players)
    np.testing.assert_array_equal(found.values, apart.values)
    np.testing.assert_array_equal(found.failures, apart.failures)
    assert np.isfinite(found.values[:, 1]).all()


def test_a_tensor_that_is_held_keeps_the_others_apart(explainable):
    model = explainable(scaled, NUMBERS | IDS, without=["d"]).differentiable()
    assert not model.joins
    check_same(model, NUMBERS | IDS)


def test_columns_without_a_player_are_held(explainable):
    specs = {"a": NUMBERS["a"], "wide": tf.TensorSpec([None, 3], tf.float32, "wide")}
    model = explainable(lambda a, wide: network(tf.concat([a, wide], axis=1)), specs).differentiable()
    (wide,) = (key for key in model.baselines if model.baselines[key].shape[1] == 3)
    model.players["wide[1]"] = ((wide, 1),)
    for name in [name for name in model.players if name not in ("a", "wide[1]")]:
        del model.players[name]
    assert check_same(model, specs) == set(model.joins)


def test_doubles_beside_floats_are_joined_by_themselves(explainable):
    doubles = {name: tf.TensorSpec([None, 2], tf.float64, name) for name in ("e", "f")}

    def both(a, b, e, f):
        floats = network(tf.concat([a, b], axis=1))["score"]
        return {"score": tf.cast(floats, tf.float64) * network(tf.concat([e, f], axis=1))["score"]}

    model = explainable(both, NUMBERS | doubles).differentiable()
    assert [len(members) for members in model.joins.values()] == [2, 2]
    rows = model.encode(rows_of(NUMBERS | doubles))
    one, other = (FIXED.attribute(called, rows, model.baselines, model.players) for called in (model, separate(model)))
    assert_values_alike(one, other)


@pytest.mark.parametrize("kind", METHODS)
def test_wide_tensors_stay_apart(explainable, kind):
    specs = {name: tf.TensorSpec([None, 40], tf.float32, name) for name in ("e", "f")}
    model = getattr(explainable(lambda e, f: network(tf.concat([e, f], axis=1)), specs), kind)()
    assert not check_same(model, specs, METHODS[kind][:1])


def through_a_layer(a, b):
    return network(tf.concat([tf.tanh(a), b], axis=1))


def used_besides(a, b):
    return {"score": network(tf.concat([a, b], axis=1))["score"] + a}


def added(a, b):
    return network(a + 2.0 * b)


def taken_from_a_constant(a, b):
    return network(tf.concat([1.0 - a, b], axis=1))


def beside_something_else(a, b):
    return network(tf.concat([a, b, a * b], axis=1))


def spread(a, b):
    return network(tf.concat([a * tf.ones([1, 3]), b], axis=1))


def below_each_other(a, b):
    return {"score": tf.reshape(tf.concat([a, b], axis=0), [2, -1])[0][:, None] + tf.square(b)}


@pytest.mark.parametrize(
    "serve",
    [through_a_layer, used_besides, added, taken_from_a_constant, beside_something_else, spread, below_each_other],
)
def test_what_is_not_only_concatenated_is_fed_by_itself(explainable, serve):
    assert not explainable(serve, NUMBERS).raw().joins


def test_a_graph_of_tensorflow_1(tmp_path):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        given = {name: tf.compat.v1.placeholder(spec.dtype, spec.shape, name) for name, spec in NUMBERS.items()}
        score = network(tf.concat([given["a"] * 2.0, given["b"]], 1))["score"]
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.saved_model.simple_save(session, str(tmp_path / "model"), given, {"score": score})
    model = load_explainable(str(tmp_path / "model"), generate_metadata(str(tmp_path / "model"))).differentiable()
    assert check_same(model, NUMBERS)
