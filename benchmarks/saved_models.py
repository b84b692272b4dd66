"""SavedModels to measure: each builder saves one, and returns what makes rows for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

_CATEGORIES, _WIDE_ROWS, _WIDE_COLUMNS = 40, 800_000, 64
_EXAMPLES = [tf.TensorSpec([None], tf.string, "examples")]


def census(path: str) -> Callable[[int], Any]:
    """Eight looked-up strings and six scaled numbers of a tf.Example, in front of two dense layers."""
    strings, numbers = [f"category_{i}" for i in range(8)], [f"number_{i}" for i in range(6)]
    words = [f"word{i}" for i in range(_CATEGORIES)]

    class Census(tf.Module):
        def __init__(self) -> None:
            self.tables = [_table(words) for _ in strings]
            self.embeddings = [_weights(_CATEGORIES + 1, 8, seed=i) for i in range(len(strings))]
            self.hidden, self.out = _weights(8 * len(strings) + len(numbers), 64), _weights(64, 1)

        @tf.function(input_signature=_EXAMPLES)
        def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
            spec = {name: tf.io.FixedLenFeature([], tf.string) for name in strings}
            spec |= {name: tf.io.FixedLenFeature([], tf.float32) for name in numbers}
            parsed: Any = tf.io.parse_example(examples, spec)
            columns: list[Any] = [(parsed[name][:, tf.newaxis] - 40.0) / 10.0 for name in numbers]
            for name, table, embedding in zip(strings, self.tables, self.embeddings, strict=True):
                columns.append(tf.gather(embedding, table.lookup(parsed[name])))
            return {"score": tf.sigmoid(tf.nn.relu(tf.concat(columns, 1) @ self.hidden) @ self.out)}

    module = Census()
    tf.saved_model.save(module, path, signatures=module.serve)

    def rows(count: int) -> tf.Tensor:
        generator = np.random.default_rng(0)
        return tf.constant([_example(generator, strings, numbers, words) for _ in range(count)])

    return rows


def wide(path: str) -> Callable[[int], Any]:
    """An embedding table of 200 MB behind a hashed string."""

    class Wide(tf.Module):
        def __init__(self) -> None:
            self.embedding, self.out = _weights(_WIDE_ROWS, _WIDE_COLUMNS), _weights(_WIDE_COLUMNS, 1)

        @tf.function(input_signature=_EXAMPLES)
        def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
            word = tf.io.parse_example(examples, {"word": tf.io.FixedLenFeature([], tf.string)})["word"]
            row = tf.gather(self.embedding, tf.strings.to_hash_bucket_fast(word, _WIDE_ROWS))
            return {"score": tf.tanh(row) @ self.out}

    module = Wide()
    tf.saved_model.save(module, path, signatures=module.serve)
    words = [f"word{i}" for i in range(1000)]
    return lambda count: tf.constant([_example(np.random.default_rng(i), ["word"], [], words) for i in range(count)])


def dense(path: str) -> Callable[[int], Any]:
    """Three dense layers of Keras on 64 numbers."""
    layers = [keras.layers.Dense(256, "gelu"), keras.layers.Dense(256, "gelu"), keras.layers.Dense(10, "softmax")]
    keras.Sequential([keras.Input((64,), name="x"), *layers]).export(path, verbose=False)
    return _floats(path, 64)


def recurrent(path: str) -> Callable[[int], Any]:
    """An LSTM of Keras over 20 steps of 8 numbers."""
    layers = [keras.layers.LSTM(32), keras.layers.Dense(1)]
    keras.Sequential([keras.Input((20, 8), name="x"), *layers]).export(path, verbose=False)
    return _floats(path, 20, 8)


def convolution(path: str) -> Callable[[int], Any]:
    """Two convolutions of Keras on images of 16 by 16 pixels."""
    layers = [keras.layers.Conv2D(16, 3, activation="relu"), keras.layers.Conv2D(16, 3, activation="relu")]
    head = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(4, "softmax")]
    keras.Sequential([keras.Input((16, 16, 3), name="x"), *layers, *head]).export(path, verbose=False)
    return _floats(path, 16, 16, 3)


def many(path: str, count: int) -> None:
    """One dense layer on `count` scalar features of a tf.Example."""
    names = [f"number_{i}" for i in range(count)]

    class Many(tf.Module):
        def __init__(self) -> None:
            self.weights = _weights(count, 8)

        @tf.function(input_signature=_EXAMPLES)
        def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
            parsed: Any = tf.io.parse_example(examples, {name: tf.io.FixedLenFeature([], tf.float32) for name in names})
            return {"score": tf.nn.relu(tf.stack([parsed[name] for name in names], 1) @ self.weights)}

    module = Many()
    tf.saved_model.save(module, path, signatures=module.serve)


BUILDERS = {function.__name__: function for function in (census, wide, dense, recurrent, convolution)}


def _floats(path: str, *shape: int) -> Callable[[int], Any]:
    (name,) = tf.saved_model.load(path).signatures["serving_default"].structured_input_signature[1]
    return lambda count: {name: tf.random.stateless_normal([count, *shape], (1, 2))}


def _weights(*shape: int, seed: int = 0) -> tf.Variable:
    return tf.Variable(tf.random.stateless_normal(shape, (seed, 1)) * 0.1)


def _table(words: list[str]) -> tf.lookup.StaticHashTable:
    initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(words), tf.range(len(words), dtype=tf.int64))
    return tf.lookup.StaticHashTable(initializer, len(words))


def _example(generator: np.random.Generator, strings: list[str], numbers: list[str], words: list[str]) -> bytes:
    example = tf.train.Example()
    for name in strings:
        example.features.feature[name].bytes_list.value.append(generator.choice(words).encode())
    for name in numbers:
        example.features.feature[name].float_list.value.append(generator.uniform(0.0, 80.0))
    return example.SerializeToString()
