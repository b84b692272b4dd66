"""Calls whose operations stay in one thread."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.attribution.model.steady import steady

_SPECS = [tf.TensorSpec([None, 6]), tf.TensorSpec([None], tf.string)]


def _lengths_and_sum(x, names):
    return {"sum": tf.reduce_sum(x, axis=1), "names": (tf.strings.length(names), tf.RaggedTensor.from_tensor(x))}


def test_any_structure_is_returned():
    outputs = steady(_lengths_and_sum, _SPECS)(tf.ones([2, 6]), tf.constant(["a", "bcd"]))
    np.testing.assert_array_equal(outputs["sum"], [6, 6])
    np.testing.assert_array_equal(outputs["names"][0], [1, 3])
    assert outputs["names"][1].to_list() == [[1] * 6] * 2


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_any_shapes_are_returned(rows):
    def odd(x):
        unknown = tf.numpy_function(lambda values: 2 * values, [x], tf.float32)
        return unknown, tf.strings.as_string(x[:, 0]), tf.where(x[:, 0] > 0), tf.shape(x)

    doubled, texts, where, shape = steady(odd, [tf.TensorSpec([None, 2])])(tf.ones([rows, 2]))
    np.testing.assert_array_equal(doubled, np.full([rows, 2], 2))
    assert texts.numpy().tolist() == [b"1.000000"] * rows
    assert where.shape == (rows, 1)
    np.testing.assert_array_equal(shape, [rows, 2])


def test_variables_keep_their_values():
    scale = tf.Variable(2.0)
    called = steady(lambda x: x * scale, [tf.TensorSpec([None])])
    scale.assign(3.0)
    np.testing.assert_array_equal(called(tf.ones([2])), [3, 3])


def test_errors_of_the_function_are_its_own():
    called = steady(lambda x: tf.debugging.check_numerics(x, "what was given"), [tf.TensorSpec([None])])
    with pytest.raises(tf.errors.InvalidArgumentError, match="what was given"):
        called(tf.constant([np.nan]))


@pytest.mark.parametrize("rows", [48, 480, 720, 2064])
def test_sums_round_alike_for_any_number_of_rows(rows):
    rng = np.random.default_rng(0)
    weights, inputs = (tf.constant(rng.normal(size=size), tf.float32) for size in ((128, 6), (4128, 128)))
    called = steady(lambda x: x @ weights, [tf.TensorSpec([None, 128])])
    np.testing.assert_array_equal(called(inputs[:rows]), called(inputs)[:rows])


def test_on_other_devices_functions_are_called_as_they_are(monkeypatch):
    devices = [*tf.config.list_logical_devices(), tf.config.LogicalDevice("/device:GPU:0", "GPU")]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda: devices)
    called = steady(_lengths_and_sum, _SPECS)
    assert isinstance(called, tf.types.experimental.ConcreteFunction)
    np.testing.assert_array_equal(called(tf.ones([1, 6]), tf.constant(["a"]))["sum"], [6])
