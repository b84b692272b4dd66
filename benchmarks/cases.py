"""Functions of every kind whose true attributions can be found, with rows at several scales."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from benchmarks.workloads import Workload, function_workload

ROWS = 96
_SCALES = (0.3, 1.0, 30.0)


class Case(NamedTuple):
    """A model and its rows; `function` of `[rows, columns]` says the same in float64, where there is one."""

    name: str
    scale: float
    workload: Workload
    function: Callable[[tf.Tensor], tf.Tensor] | None = None


def cases(rows: int = ROWS, scales: tuple[float, ...] = _SCALES, seed: int = 1) -> Iterator[Case]:
    """Makes functions of every kind from a seed, with normal rows of several scales, to explain against zero."""
    for number, (name, function, columns, players) in enumerate(_functions(seed)):
        normal = np.random.default_rng([seed, number]).normal(size=(rows, columns))
        players = players or {f"x[{column}]": (("x", column),) for column in range(columns)}
        for scale in scales:
            workload = function_workload(name, function, normal * scale, 16384)
            yield Case(name, scale, dataclasses.replace(workload, players=players), function)


def with_census(some: Iterable[Case], census: Workload) -> Iterator[Case]:
    """Adds the census model, whose rows have the scale that they have."""
    yield from some
    yield Case("census", 1.0, census)


def _functions(seed: int) -> Iterator[tuple[str, Any, int, Any]]:
    rng = np.random.default_rng(seed)
    for sizes in ((11, 6, 6, 1), (7, 16, 8, 1), (12, 128, 64, 1)):
        yield f"ReLU {'-'.join(map(str, sizes))}", _dense(rng, sizes, tf.nn.relu), sizes[0], None
    yield "tanh 8-24-12-1", _dense(rng, (8, 24, 12, 1), tf.tanh), 8, None
    logit = _dense(rng, (12, 32, 1), tf.nn.relu)
    yield "sigmoid of ReLU 12-32-1", lambda x: tf.sigmoid(logit(x)), 12, None
    yield "soft trees of 8", _trees(rng, 8, 12), 8, None
    embedded = {f"word {word}": tuple(("x", 4 * word + width) for width in range(4)) for word in range(8)}
    yield "8 embeddings", _embeddings(rng), 32, embedded
    patches = {
        f"patch {row},{column}": tuple(("x", 8 * (2 * row + y) + 2 * column + x) for y in (0, 1) for x in (0, 1))
        for row in range(4)
        for column in range(4)
    }
    yield "convnet 8x8", _convolutions(rng), 64, patches


def _dense(
    rng: np.random.Generator, sizes: tuple[int, ...], activation: Callable[[tf.Tensor], tf.Tensor]
) -> Callable[[tf.Tensor], tf.Tensor]:
    layers = [(rng.normal(0, (2 / a) ** 0.5, (a, b)), rng.normal(0, 0.3, b)) for a, b in itertools.pairwise(sizes)]

    def output(x: tf.Tensor) -> tf.Tensor:
        for weights, biases in layers[:-1]:
            x = activation(x @ tf.constant(weights, x.dtype) + tf.constant(biases, x.dtype))
        return (x @ tf.constant(layers[-1][0], x.dtype))[:, 0]

    return output


def _trees(rng: np.random.Generator, columns: int, leaves: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Leaves of depth 3, each reached where three soft steps are."""
    chosen, signs = rng.integers(columns, size=(leaves, 3)), rng.choice([-20.0, 20.0], (leaves, 3))
    thresholds, heights = rng.normal(0, 0.7, (leaves, 3)), rng.normal(size=leaves)

    def output(x: tf.Tensor) -> tf.Tensor:
        sides = tf.constant(signs, x.dtype) * (tf.gather(x, chosen, axis=1) - tf.constant(thresholds, x.dtype))
        return tf.reduce_sum(tf.constant(heights, x.dtype) * tf.reduce_prod(tf.sigmoid(sides), axis=2), axis=1)

    return output


def _embeddings(rng: np.random.Generator) -> Callable[[tf.Tensor], tf.Tensor]:
    dense = _dense(rng, (8, 16, 1), tf.tanh)

    def output(x: tf.Tensor) -> tf.Tensor:
        words = tf.reshape(x, [-1, 8, 4])
        return dense(tf.concat([tf.reduce_mean(words, axis=1), tf.reduce_max(words, axis=1)], axis=1))

    return output


def _convolutions(rng: np.random.Generator) -> Callable[[tf.Tensor], tf.Tensor]:
    first, second = rng.normal(0, 0.5, (3, 3, 1, 6)), rng.normal(0, 0.25, (3, 3, 6, 8))
    last = rng.normal(0, 0.3, (32, 1))

    def output(x: tf.Tensor) -> tf.Tensor:
        x = tf.reshape(x, [-1, 8, 8, 1])
        for kernel in (first, second):
            x = tf.nn.relu(tf.nn.conv2d(x, tf.constant(kernel, x.dtype), 2, "SAME") + 0.05)
        return (tf.reshape(x, [-1, 32]) @ tf.constant(last, x.dtype))[:, 0]

    return output
