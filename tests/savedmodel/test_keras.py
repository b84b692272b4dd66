"""What people save with Keras 3 and with tf_keras."""

import importlib

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, load_explainable

pytestmark = pytest.mark.slow

FIRST = np.zeros(4, np.int32)
ROWS = {
    "mixed": {
        "color": tf.constant([["a"], ["c"], ["other"], ["b"]]),
        "user": tf.constant([[10], [30], [7], [20]], tf.int64),
        "x": tf.constant([[0.5], [3.0], [-2.0], [1.0]]),
        "amount": tf.constant([[-1.0], [0.5], [1.5], [7.0]]),
    },
    "recurrent": {
        "steps": tf.random.stateless_normal([4, 5, 2], [1, 2]),
        "extra": tf.constant([[1.0], [2.0], [-1.0], [0.0]]),
    },
    "masked": {"words": tf.constant([[1, 2, 0, 0], [3, 0, 0, 0], [4, 5, 6, 0], [9, 8, 7, 6]], tf.int64)},
    "attention": {"steps": tf.random.stateless_normal([4, 6, 4], [3, 4])},
    "convolution": {"image": tf.random.stateless_uniform([4, 8, 8, 3], [5, 6])},
}


# tf_keras takes long to save a model with loops.
SAVED = [("keras", name) for name in ROWS] + [("tf_keras", "mixed"), ("tf_keras", "recurrent")]
FLOAT_ONLY = [(keras, name) for keras, name in SAVED if name in ("recurrent", "attention", "convolution")]


# Where the signature leaves a row's shape open.
ROW_SHAPES = {"masked": {"words": explanation_pb2.InputMetadata(input_tensor_shape=[4])}}


def explain(path, name):
    overrides = explanation_pb2.ExplanationMetadata(inputs=ROW_SHAPES.get(name))
    metadata = generate_metadata(path, overrides=overrides)
    return metadata, load_explainable(path, metadata, output_scale=explanation_pb2.ExplanationParameters.SERVED)


def by_signature_names(model, rows):
    """The rows by a model's own input names, which may be others than its layers had: dtype and shape tell them."""
    signature = model.signatures["serving_default"]
    specs = signature.structured_input_signature[1]
    if set(specs) == set(rows):
        return rows
    return {
        name: next(rows.pop(key) for key in list(rows) if spec.is_compatible_with(rows[key]))
        for name, spec in sorted(specs.items())
    }


@pytest.mark.parametrize(("keras", "name"), SAVED)
def test_every_feature_is_explained_and_the_output_reproduced(keras, keras_path, name):
    path = keras_path(importlib.import_module(keras), name)
    metadata, model = explain(path, name)
    original = tf.saved_model.load(path)
    rows = by_signature_names(original, dict(ROWS[name]))
    (expected,) = original.signatures["serving_default"](**rows).values()
    cut = model.differentiable()
    assert set(cut.players) == set(metadata.inputs) == set(rows)
    np.testing.assert_allclose(cut.outputs(cut.encode(rows)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("keras", "name"), FLOAT_ONLY)
def test_gradients_are_those_of_a_tape_on_the_signature(keras, keras_path, name):
    path = keras_path(importlib.import_module(keras), name)
    original = tf.saved_model.load(path)
    rows = by_signature_names(original, dict(ROWS[name]))
    with tf.GradientTape() as tape:
        tape.watch(rows)
        (outputs,) = original.signatures["serving_default"](**rows).values()
        output = outputs[:, 0]
    expected = tape.gradient(output, rows)
    cut = explain(path, name)[1].differentiable()
    _, gradients = cut.gradients(cut.encode(rows), FIRST)
    for feature, (key,) in cut.players.items():
        np.testing.assert_allclose(gradients[key], expected[feature], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("keras", ["keras", "tf_keras"])
def test_layers_that_encode_are_passed(keras, keras_path):
    path = keras_path(importlib.import_module(keras), "mixed")
    inputs = generate_metadata(path).inputs
    assert sum(not entry.encoded_tensor_name for entry in inputs.values()) == 1  # x is normalized, the others looked up
