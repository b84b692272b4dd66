"""Models and rows of a size for benchmarks/growth.py: `python -m benchmarks.grown FOLDER FEATURES CLASSES ...`.

Made in a process of its own, since what a table of 3 GB leaves behind would stand in the way of what is measured.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import tensorflow as tf

_WIDTH = 64
_HIDDEN = 16
_TEXT = "text"


@dataclasses.dataclass(frozen=True)
class Size:
    """What a case is of.

    Attributes:
      features: Numbers that the model reads, each a column of the examples.
      classes: Of its softmax.
      megabytes: Of an embedding table behind one more feature, a hashed text; 0: there is none.
      rows: Of each shard.
      shards: Files; all have the same rows.
      slices: Different towns, which the model does not read.
    """

    features: int = 10
    classes: int = 2
    megabytes: int = 0
    rows: int = 500
    shards: int = 1
    slices: int = 10


def prepare(folder: pathlib.Path, size: Size) -> None:
    """Saves a model to `folder/model`, and rows to `folder/examples-*.gz`."""
    arguments = [str(folder), *map(str, dataclasses.astuple(size))]
    subprocess.run([sys.executable, "-m", "benchmarks.grown", *arguments], check=True, capture_output=True)


class _Model(tf.Module):
    """Two layers on numbers, and on a text's row of an embedding table."""

    def __init__(self, size: Size) -> None:
        self._spec: dict[str, Any] = {name: tf.io.FixedLenFeature([], tf.float32) for name in _numbers(size)}
        self.hidden, self.out = _weights(size.features, _HIDDEN), _weights(_HIDDEN, size.classes)
        self._buckets = size.megabytes * 2**20 // (4 * _WIDTH)
        if self._buckets:
            self._spec[_TEXT] = tf.io.FixedLenFeature([], tf.string)
            self.table, self.of_text = _table(self._buckets, _WIDTH), _weights(_WIDTH, _HIDDEN)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed: Any = tf.io.parse_example(examples, self._spec)
        text = parsed.pop(_TEXT, None)
        hidden = tf.stack(list(parsed.values()), 1) @ self.hidden
        if text is not None:
            row = tf.gather(self.table, tf.strings.to_hash_bucket_fast(text, self._buckets))
            hidden += tf.tanh(row) @ self.of_text
        return {"scores": tf.nn.softmax(tf.nn.relu(hidden) @ self.out)}


def _numbers(size: Size) -> list[str]:
    return [f"number_{number}" for number in range(size.features)]


def _weights(*shape: int) -> tf.Variable:
    return tf.Variable(tf.random.stateless_uniform(shape, (shape[0], 1), -0.1, 0.1))


def _table(*shape: int) -> tf.Variable:
    """The same without what scaling takes beside it."""
    return tf.Variable(tf.raw_ops.StatelessRandomUniform(shape=shape, seed=(0, 1)))


def _example(number: int, generator: np.random.Generator, size: Size) -> bytes:
    example = tf.train.Example()
    for name, value in zip(_numbers(size), generator.normal(size=size.features), strict=True):
        example.features.feature[name].float_list.value.append(value)
    example.features.feature["town"].bytes_list.value.append(b"town %d" % (number % size.slices))
    if size.megabytes:
        example.features.feature[_TEXT].bytes_list.value.append(b"text %d" % generator.integers(10**9))
    return example.SerializeToString()


def _prepare(folder: pathlib.Path, size: Size) -> None:
    model, generator = _Model(size), np.random.default_rng(0)
    tf.saved_model.save(model, str(folder / "model"), signatures=model.serve)
    first = folder / "examples-0.gz"
    with tf.io.TFRecordWriter(str(first), tf.io.TFRecordOptions("GZIP")) as writer:
        for number in range(size.rows):
            writer.write(_example(number, generator, size))
    for shard in range(1, size.shards):
        os.link(first, folder / f"examples-{shard}.gz")


if __name__ == "__main__":
    _prepare(pathlib.Path(sys.argv[1]), Size(*map(int, sys.argv[2:])))
