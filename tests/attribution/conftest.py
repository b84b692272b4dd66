"""Models and rows that several tests of attribution methods share."""

import itertools

import numpy as np
import pytest
import tensorflow as tf


@pytest.fixture(scope="session")
def relu_network():
    """A dense ReLU network of 6 inputs with random biases: [rows, 6] -> [rows]."""
    rng = np.random.default_rng(7)
    sizes = [6, 32, 16, 1]
    weights = [tf.constant(rng.normal(0, (2 / a) ** 0.5, (a, b)), tf.float32) for a, b in itertools.pairwise(sizes)]
    biases = [tf.constant(rng.normal(0, 0.5, b), tf.float32) for b in sizes[1:]]

    def network(x):
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            x = tf.nn.relu(x @ weight + bias)
        return (x @ weights[-1] + biases[-1])[:, 0]

    return network


@pytest.fixture(scope="session")
def six_columns():
    return tf.constant(np.random.default_rng(8).normal(size=(40, 6)), tf.float32)
