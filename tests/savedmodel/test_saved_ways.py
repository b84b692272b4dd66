"""Each way in which people save a model of TensorFlow 2: its output and its gradients, held against the original."""

import importlib

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, load_explainable
from tfx_explain.savedmodel.analysis.cut import keys_of

pytestmark = pytest.mark.slow

STEPS = np.random.default_rng(0).normal(size=(5, 4, 2)).astype(np.float32)
FLAT = STEPS.reshape([5, 8])


def sequential(keras, path):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(2, "softmax")])
    tf.saved_model.save(model, path)
    return model


def subclassed(keras, path):
    class Network(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.out = keras.layers.Dense(4, "relu"), keras.layers.Dense(1, "sigmoid")

        def call(self, inputs):
            return self.out(self.hidden(inputs))

    model = Network()
    model(FLAT)
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", model.call, input_signature=[tf.TensorSpec([None, 8], tf.float32)])
    archive.write_out(path, **({"verbose": False} if keras.__name__ == "keras" else {}))
    return model


def bidirectional(keras, path):
    layers = keras.layers
    model = keras.Sequential([keras.Input((4, 2)), layers.Bidirectional(layers.GRU(3)), layers.Dense(1)])
    model.export(path, **({"verbose": False} if keras.__name__ == "keras" else {}))
    return model


def saved_whole(keras, path):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, "gelu"), keras.layers.Dense(1)])
    model.save(path)
    return model


def compiled(_, path):
    class Compiled(tf.Module):
        def __init__(self):
            self.w = tf.Variable(np.random.default_rng(1).normal(size=(8, 2)).astype(np.float32))

        @tf.function(jit_compile=True)
        def hidden(self, x):
            return tf.nn.elu(x @ self.w)

        @tf.function(input_signature=[tf.TensorSpec([None, 8], tf.float32, "x")])
        def __call__(self, x):
            return tf.while_loop(lambda i, _: i < 2, lambda i, v: (i + 1, tf.sin(v) + v), [0, self.hidden(x)])[1]

    module = Compiled()
    tf.saved_model.save(module, path, signatures=module.__call__)
    return module


@pytest.mark.parametrize(
    ("save", "keras", "rows"),
    [
        (sequential, "keras", FLAT),
        (sequential, "tf_keras", FLAT),
        (subclassed, "keras", FLAT),
        (subclassed, "tf_keras", FLAT),
        (bidirectional, "keras", STEPS),
        (saved_whole, "tf_keras", FLAT),
        (compiled, "keras", FLAT),
    ],
)
def test_output_and_gradients_are_the_original_s(save, keras, rows, tmp_path):
    path = str(tmp_path / "model")
    model = save(importlib.import_module(keras), path)
    metadata = generate_metadata(path)
    cut = load_explainable(path, metadata, output_scale=explanation_pb2.ExplanationParameters.SERVED).differentiable()
    x = tf.constant(rows)
    with tf.GradientTape() as tape:
        tape.watch(x)
        expected = model(x)
        first = expected[:, 0]
    (feature,) = metadata.inputs
    (key,) = keys_of(part for parts in cut.players.values() for part in parts)
    inputs = cut.encode({feature: x})
    outputs, gradients = cut.gradients(inputs, np.zeros(5, np.int32))
    np.testing.assert_allclose(cut.outputs(inputs), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs, first, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gradients[key], tape.gradient(first, x), rtol=1e-5, atol=1e-5)
