"""Models and rows that the benchmarks run on: made from a seed, so that every run has the same."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.attribution import Attributions, Model, from_function

_DENSE = [12, 128, 64, 1]


@dataclasses.dataclass(frozen=True)
class Workload:
    """A model and its rows, tensors `[rows, ...]` by key; function models have one, "x", explained against zero.

    `encode` makes the model's inputs of rows: for every raw call, and once for a method. `raw` is the model as anybody
    would call it.
    """

    name: str
    model: Model
    raw: Model
    inputs: Mapping[str, Any]
    batch_size: int
    baselines: Any = 0.0
    players: Any = None
    encode: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return int(next(iter(self.inputs.values())).shape[0])

    def attribute(self, method: Any, rows: int | None = None) -> Attributions:
        """Explains all rows, or the first ones."""
        some = self.inputs if rows is None else {key: tensor[:rows] for key, tensor in self.inputs.items()}
        some = self.encode(some)
        return method.attribute(self.model, some["x"] if set(some) == {"x"} else some, self.baselines, self.players)

    def batch(self, size: int) -> tuple[dict[str, Any], tf.Tensor]:
        """Returns a batch of rows, and its targets."""
        repeats = tf.range(size) % self.num_rows
        return {key: tf.gather(tensor, repeats) for key, tensor in self.inputs.items()}, tf.zeros([size], tf.int32)


def dense_network(rows: int = 2048) -> Workload:
    """12 inputs, 128 and 64 ReLU units with random biases, one output."""
    rng = np.random.default_rng(0)
    weights, biases = _layers(rng, _DENSE)

    def network(x: tf.Tensor) -> tf.Tensor:
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            x = tf.nn.relu(x @ weight + bias)
        return (x @ weights[-1] + biases[-1])[:, 0]

    return function_workload("dense 12-128-64-1", network, rng.normal(size=(rows, 12)), 16384)


def dense_layers() -> list[tuple[tf.Tensor, tf.Tensor]]:
    """The weights and biases of `dense_network`, layer by layer."""
    return list(zip(*_layers(np.random.default_rng(0), _DENSE), strict=True))


def convolutional_network(rows: int = 128) -> Workload:
    """28 x 28 grey images, two convolutions of 8 and 16 channels, one output; the image is one feature."""
    rng = np.random.default_rng(1)
    first = tf.constant(rng.normal(0, 0.4, (3, 3, 1, 8)), tf.float32)
    second = tf.constant(rng.normal(0, 0.2, (3, 3, 8, 16)), tf.float32)
    last = tf.constant(rng.normal(0, 0.1, (7 * 7 * 16, 1)), tf.float32)

    def network(x: tf.Tensor) -> tf.Tensor:
        x = tf.nn.relu(tf.nn.conv2d(x, first, 2, "SAME") + 0.1)
        x = tf.nn.relu(tf.nn.conv2d(x, second, 2, "SAME") - 0.1)
        return (tf.reshape(x, [-1, 7 * 7 * 16]) @ last)[:, 0]

    return function_workload("convnet 28x28", network, rng.normal(size=(rows, 28, 28, 1)), 1024)


def embedding_network(rows: int = 1024) -> Workload:
    """20 tokens embedded in 32 dimensions each, their mean and maximum, a dense layer; the embedding is one feature."""
    rng = np.random.default_rng(2)
    weights, biases = _layers(rng, [64, 64, 1])

    def network(x: tf.Tensor) -> tf.Tensor:
        pooled = tf.concat([tf.reduce_mean(x, axis=1), tf.reduce_max(x, axis=1)], axis=1)
        return (tf.nn.tanh(pooled @ weights[0] + biases[0]) @ weights[1])[:, 0]

    return function_workload("embeddings 20x32", network, rng.normal(size=(rows, 20, 32)), 4096)


def function_workload(
    name: str, function: Callable[[tf.Tensor], tf.Tensor], rows: np.ndarray, batch_size: int
) -> Workload:
    """Makes a workload of a function of `[rows, ...]`."""
    return Workload(name, from_function(function), Raw(function), {"x": tf.constant(rows, tf.float32)}, batch_size)


class Raw:
    """A function as people call it: traced by TensorFlow, its gradients by a tape."""

    def __init__(self, function: Callable[[tf.Tensor], tf.Tensor]) -> None:
        """Traces the function."""
        self._predict, self._function = tf.function(function, reduce_retracing=True), function

    def predict(self, inputs: Mapping[str, Any], targets: tf.Tensor) -> tf.Tensor:
        """See `Model`."""
        return self._predict(inputs["x"])

    def gradients(self, inputs: Mapping[str, Any], targets: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """See `Model`."""
        outputs, gradient = self._differentiate(inputs["x"])
        return outputs, {"x": gradient}

    @tf.function(reduce_retracing=True)
    def _differentiate(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            outputs = self._function(x)
        return outputs, tf.convert_to_tensor(tape.gradient(outputs, x))


def _layers(rng: np.random.Generator, sizes: list[int]) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
    shapes = list(itertools.pairwise(sizes))
    weights = [tf.constant(rng.normal(0, (2 / a) ** 0.5, (a, b)), tf.float32) for a, b in shapes]
    return weights, [tf.constant(rng.normal(0, 0.5, b), tf.float32) for _, b in shapes]
