"""Models and rows that the benchmarks run on: made from a seed, so that every run has the same."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfx_explain.attribution import Model, from_function


@dataclasses.dataclass(frozen=True)
class Workload:
    """A model and its rows, `[rows, ...]`, explained against zero."""

    name: str
    function: Callable[[tf.Tensor], tf.Tensor]
    rows: tf.Tensor
    batch_size: int

    def model(self) -> Model:
        """Returns the function as a model."""
        return from_function(self.function)

    def batch(self) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Returns one full batch of inputs, and its targets."""
        repeats = tf.range(self.batch_size) % len(self.rows)
        return {"x": tf.gather(self.rows, repeats)}, tf.zeros([self.batch_size], tf.int32)


def dense_network(rows: int = 2048) -> Workload:
    """12 inputs, 128 and 64 ReLU units with random biases, one output."""
    rng = np.random.default_rng(0)
    weights, biases = _layers(rng, [12, 128, 64, 1])

    def network(x: tf.Tensor) -> tf.Tensor:
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            x = tf.nn.relu(x @ weight + bias)
        return (x @ weights[-1] + biases[-1])[:, 0]

    return Workload("dense 12-128-64-1", network, tf.constant(rng.normal(size=(rows, 12)), tf.float32), 8192)


def convolutional_network(rows: int = 256) -> Workload:
    """28 x 28 grey images, two convolutions of 8 and 16 channels, one output; the image is one feature."""
    rng = np.random.default_rng(1)
    first = tf.constant(rng.normal(0, 0.4, (3, 3, 1, 8)), tf.float32)
    second = tf.constant(rng.normal(0, 0.2, (3, 3, 8, 16)), tf.float32)
    last = tf.constant(rng.normal(0, 0.1, (7 * 7 * 16, 1)), tf.float32)

    def network(x: tf.Tensor) -> tf.Tensor:
        x = tf.nn.relu(tf.nn.conv2d(x, first, 2, "SAME") + 0.1)
        x = tf.nn.relu(tf.nn.conv2d(x, second, 2, "SAME") - 0.1)
        return (tf.reshape(x, [-1, 7 * 7 * 16]) @ last)[:, 0]

    return Workload("convnet 28x28", network, tf.constant(rng.normal(size=(rows, 28, 28, 1)), tf.float32), 512)


def embedding_network(rows: int = 2048) -> Workload:
    """20 tokens embedded in 32 dimensions each, their mean and maximum, a dense layer; the embedding is one feature."""
    rng = np.random.default_rng(2)
    weights, biases = _layers(rng, [64, 64, 1])

    def network(x: tf.Tensor) -> tf.Tensor:
        pooled = tf.concat([tf.reduce_mean(x, axis=1), tf.reduce_max(x, axis=1)], axis=1)
        return (tf.nn.tanh(pooled @ weights[0] + biases[0]) @ weights[1])[:, 0]

    return Workload("embeddings 20x32", network, tf.constant(rng.normal(size=(rows, 20, 32)), tf.float32), 2048)


def _layers(rng: np.random.Generator, sizes: list[int]) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    shapes = list(itertools.pairwise(sizes))
    weights = [tf.constant(rng.normal(0, (2 / a) ** 0.5, (a, b)), tf.float32) for a, b in shapes]
    return weights, [tf.constant(rng.normal(0, 0.5, b), tf.float32) for _, b in shapes]
