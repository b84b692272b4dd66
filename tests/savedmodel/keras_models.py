"""Keras models as people save them; each function saves one at a path."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def mixed(keras, path):
    """Keras's own preprocessing layers in front of a dense network; saved as TF's API does."""
    layers = keras.layers
    color, user = keras.Input((1,), dtype="string", name="color"), keras.Input((1,), dtype="int64", name="user")
    x, amount = keras.Input((1,), name="x"), keras.Input((1,), name="amount")
    normalization = layers.Normalization(mean=2.0, variance=4.0)
    encoded = [
        layers.Flatten()(layers.Embedding(5, 3)(layers.StringLookup(vocabulary=["a", "b", "c"])(color))),
        layers.Flatten()(layers.Embedding(5, 3)(layers.IntegerLookup(vocabulary=[10, 20, 30])(user))),
        layers.CategoryEncoding(num_tokens=4)(layers.Discretization(bin_boundaries=[0.0, 1.0, 2.0])(amount)),
        normalization(x),
    ]
    hidden = layers.Dense(8, activation="silu")(layers.Concatenate()(encoded))
    hidden = layers.Dropout(0.5)(layers.BatchNormalization()(hidden))
    model = keras.Model([color, user, x, amount], layers.Dense(3, activation="softmax")(hidden))
    _save(keras, model, path)


def recurrent(keras, path):
    """An LSTM over a sequence, beside a number."""
    layers = keras.layers
    steps, extra = keras.Input((5, 2), name="steps"), keras.Input((1,), name="extra")
    joined = layers.Concatenate()([layers.LSTM(4)(steps), extra])
    _save(keras, keras.Model([steps, extra], layers.Dense(1)(joined)), path)


def masked(keras, path):
    """A GRU over integers, zero being padding."""
    layers = keras.layers
    words = keras.Input((None,), dtype="int64", name="words")
    hidden = layers.GRU(4)(layers.Embedding(10, 3, mask_zero=True)(words))
    _save(keras, keras.Model(words, layers.Dense(1, activation="sigmoid")(hidden)), path)


def attention(keras, path):
    """Self attention, layer normalization and gelu."""
    layers = keras.layers
    steps = keras.Input((6, 4), name="steps")
    hidden = layers.LayerNormalization()(layers.MultiHeadAttention(2, 4)(steps, steps) + steps)
    pooled = layers.GlobalAveragePooling1D()(layers.Dense(8, activation="gelu")(hidden))
    _save(keras, keras.Model(steps, layers.Dense(2, activation="softmax")(pooled)), path)


def convolution(keras, path):
    """A small network on images."""
    layers = keras.layers
    image = keras.Input((8, 8, 3), name="image")
    hidden = layers.Flatten()(layers.MaxPooling2D()(layers.Conv2D(4, 3, activation="relu")(image)))
    _save(keras, keras.Model(image, layers.Dense(4, activation="softmax")(hidden)), path)


def _save(keras, model, path):
    for weight in model.weights:  # not as initialized: biases would be zero
        if "float" in str(weight.dtype) and "variance" not in weight.name:
            weight.assign(np.random.default_rng(0).normal(0.0, 0.5, weight.shape))
    if keras.__name__ == "keras":
        model.export(path, verbose=False)
    elif any("lstm" in layer.name for layer in model.layers):
        model.export(path)  # tf.saved_model.save takes half a minute for it
    else:
        tf.saved_model.save(model, path)
