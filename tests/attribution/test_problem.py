import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.attribution import IntegratedGradients
from tfx_explain.attribution.model import blocks
from tfx_explain.attribution.model.blocks import near_equal_slices, product
from tfx_explain.attribution.problem.problem import prepare

_INPUTS = {"a": tf.ones([3, 2]), "b": tf.ones([3])}


def _prepare(inputs=_INPUTS, baselines: object = 0.0, players=None):
    return prepare(lambda t: t["b"], inputs, baselines, players, None)


def test_scalars_fill_one_baseline_and_keys_are_features():
    problem = _prepare()
    assert problem.features == ("a", "b")
    assert problem.num_baselines == 1
    assert problem.baselines["a"].shape == (1, 2)
    assert problem.targets.shape == (3,)


def test_tensors_without_a_feature_that_are_not_finite_are_named():
    problem = _prepare({"a": tf.constant([[1.0, np.inf]]), "b": tf.ones([1])}, players={"f": ("b", ("a", 0))})
    assert problem.failures == ("tensor 'a', which no feature owns, is not finite",)


def test_ragged_values_that_are_not_finite_are_named():
    ragged = tf.ragged.constant([[1.0], [], [2.0, np.nan]])
    assert _prepare({"r": ragged}, {"r": ragged[:1]}).failures == ("", "", "feature 'r' is not finite")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"players": {"f": ("c",)}}, r"'f' names the tensor 'c'; the inputs are \['a', 'b'\]"),
        ({"players": {"f": (("a", 2),)}}, "column 2 of 'a', which has 2 columns"),
        ({"players": {"f": (("b", 0),)}}, "columns need a dense tensor"),
        ({"players": {"f": ("a",), "g": ("a",)}}, "'g' names 'a', which a player has already"),
        ({"players": {"f": ("a",), "g": (("a", 1),)}}, "which a player has already"),
        ({"players": {}}, "players is empty"),
        ({"baselines": {"a": 0.0}}, "'b' belongs to a player but has no baseline"),
        ({"baselines": {"a": tf.zeros([1, 3]), "b": 0.0}}, "baseline of 'a' has shape"),
        ({"baselines": {"a": tf.zeros([2, 2]), "b": 0.0}}, "same number of baselines"),
        ({"inputs": {"a": tf.ones([3, 2]), "b": tf.ones([2])}}, "same number of rows"),
    ],
)
def test_incomplete_requests_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        _prepare(**change)


def test_large_rows_come_in_smaller_batches():
    problem = _prepare({"x": tf.zeros([2, 224, 224, 3]), "b": tf.constant(["", ""])}, players={"image": ("x",)})
    assert problem.batch_rows(4096) == problem.batch_rows(5) == 27
    assert _prepare().batch_rows(4096) == 4080


@pytest.mark.parametrize(("shape", "rows"), [((20, 32), 1632), ((64,), 16368), ((128, 128, 3), 48), ((600, 600), 11)])
def test_wide_tensors_come_in_batches_that_stay_in_a_cache(shape, rows):
    problem = _prepare({"x": tf.zeros([2, *shape]), "b": tf.constant(["", ""])}, players={"wide": ("x",)})
    assert problem.batch_rows(16384) == rows


@pytest.mark.parametrize(("total", "at_most"), [(1, 5), (5, 5), (6, 5), (99, 10)])
def test_slices_cover_everything_in_near_equal_parts(total, at_most):
    sizes = [part.stop - part.start for part in near_equal_slices(total, at_most)]
    assert sum(sizes) == total
    assert max(sizes) <= at_most
    assert max(sizes) - min(sizes) <= 1


def test_only_a_tf_function_is_traced_once():
    scale, traces = [1.0], []

    def function(x):
        traces.append(1)
        return tf.reduce_sum(x, axis=1) * scale[0]

    rows, traced = tf.ones([2, 3]), tf.function(function)
    for method in (IntegratedGradients(), IntegratedGradients(steps=3)):
        assert method.attribute(traced, rows).values.sum() == pytest.approx(6)
    assert len(traces) == 1
    assert IntegratedGradients().attribute(function, rows).values.sum() == pytest.approx(6)
    scale[0] = 2.0
    assert IntegratedGradients().attribute(function, rows).values.sum() == pytest.approx(12)


def test_python_in_a_model_is_differentiated_in_one_call_at_a_time():
    rows = np.random.default_rng(0).normal(size=(2000, 3)).astype(np.float32)

    def model(x: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.py_function(lambda a: tf.reduce_sum(a**4, axis=1), [x], tf.float32), [None])

    for _ in range(3):
        result = IntegratedGradients(steps=20).attribute(model, rows, 0.0)
        np.testing.assert_allclose(result.values, rows**4, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 48, 200, 512, 1024, 2048, 4000])
def test_every_thread_gets_as_many_blocks_of_about_one_size(rows, monkeypatch):
    monkeypatch.setattr(blocks, "_CALLS_AT_ONCE", 2)
    found = blocks.each_block(len, np.arange(rows), 1820)
    assert sum(found) == rows
    assert max(found) <= 1820
    assert len(found) == 1 if rows <= 48 else len(found) % 2 == 0 and max(found) - min(found) <= 48


@pytest.mark.parametrize("terms", [10, 33])
def test_products_of_a_row_do_not_depend_on_how_it_lies_in_memory(terms):
    rng = np.random.default_rng(12)
    rows, matrix = rng.normal(size=(terms, 40, 1)), rng.normal(size=(terms, 7))
    # As polynomials come out: their degrees are the first axis in memory, and the last one of the array.
    together = product(np.moveaxis(rows, 0, -1), matrix)
    for row in range(40):
        np.testing.assert_array_equal(product(np.moveaxis(rows[:, row : row + 1], 0, -1), matrix)[0], together[row])
        np.testing.assert_array_equal(product(np.moveaxis(rows, 0, -1)[row].copy(), matrix), together[row])
