"""Integrated gradients over the tokens of served models, from records to attributions, beside raw gradient calls."""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.report import Table
from tfx_explain.beam.explaining.engine import Engine, Inputs
from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata

_ROWS, _LENGTH, _STEPS, _TURNS = 192, 64, 50, 5
_VOCABULARY, _WIDTHS = 2000, (32, 64, 1)
# Rows of a raw call, of which the best counts.
_BATCHES = (48, 192, 768)
FIXED, OPEN, RAGGED = f"{_LENGTH} words, padded", "as long as the longest text", "ragged, hash buckets"


class _Served(tf.Module):
    """Words are looked up, their vectors go through a layer each, and their sum through another."""

    def __init__(self, way: str) -> None:
        super().__init__()
        rng, self.way = np.random.default_rng(0), way
        self.words = [f"word{number}" for number in range(_VOCABULARY)]
        ids = tf.range(1, _VOCABULARY + 1, dtype=tf.int64)
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(self.words, ids), _VOCABULARY + 1)
        sizes = ((_VOCABULARY + 2, _WIDTHS[0]), _WIDTHS[:2], _WIDTHS[1:])
        self.vectors, self.hidden, self.last = (
            tf.Variable(tf.constant(rng.normal(0, 0.3, size), tf.float32)) for size in sizes
        )

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized tf.Examples `[rows]` to scores `[rows]`."""
        texts = tf.io.parse_example(examples, {"text": tf.io.FixedLenFeature([], tf.string)})["text"]
        ids = self.ids(tf.strings.split(texts))
        if isinstance(ids, tf.RaggedTensor):
            return {"score": self.of_ragged(tf.gather(self.vectors, ids.flat_values), ids)}
        return {"score": self.of_padded(tf.gather(self.vectors, ids), tf.cast(ids > 0, tf.float32))}

    def ids(self, words: tf.RaggedTensor) -> Any:
        """`[rows, words]`, ragged or padded with 0."""
        if self.way == RAGGED:
            return tf.ragged.map_flat_values(lambda flat: tf.strings.to_hash_bucket_fast(flat, _VOCABULARY), words)
        ids = tf.ragged.map_flat_values(self.table.lookup, words)
        return ids.to_tensor(shape=[None, _LENGTH if self.way == FIXED else None])

    def of_padded(self, vectors: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """`[rows, words, width]` to `[rows]`."""
        return self._of_sums(
            tf.reduce_sum(tf.nn.relu(tf.tensordot(vectors, self.hidden, 1)) * mask[:, :, tf.newaxis], axis=1)
        )

    def of_ragged(self, vectors: tf.Tensor, like: tf.RaggedTensor) -> tf.Tensor:
        """`[words, width]` to `[rows]`."""
        return self._of_sums(tf.reduce_sum(like.with_flat_values(tf.nn.relu(vectors @ self.hidden)), axis=1))

    def _of_sums(self, sums: tf.Tensor) -> tf.Tensor:
        return (tf.tanh(sums / 8.0) @ self.last)[:, 0]


def table() -> Table:
    """Measures all ways of serving, in a minute or two."""
    rng = np.random.default_rng(0)
    rows = [row for way in (FIXED, OPEN, RAGGED) for row in _measured(_Served(way), rng)]
    title = (
        f"Integrated gradients over tokens, {_ROWS} records of {_LENGTH // 2} to {_LENGTH} words, from records to "
        "attributions; raw calls: as many gradients of the best batch size; medians of turns"
    )
    heads = ("served", "gradients a row", "tokens / s", "of raw calls", "by processor time", "reading, µs a row")
    return Table(title, heads, rows)


def _measured(model: _Served, rng: np.random.Generator) -> list[tuple[str, ...]]:
    texts = [" ".join(rng.choice(model.words, rng.integers(_LENGTH // 2, _LENGTH + 1))) for _ in range(_ROWS)]
    records = Inputs(np.array([_example(text) for text in texts], object))
    tokens, found = sum(len(text.split()) for text in texts), []
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(model, folder, signatures={"serving_default": model.serve})
        for name, steps in ((f"{_STEPS} steps", _STEPS), ("adaptive", 0)):
            engine = _engine(folder, steps)
            spent = float(engine.results(records).of_models["candidate"][0].evaluations.mean())
            raw = [_raw(model, texts, size, spent) for size in _BATCHES]
            turns = np.array(
                [[_seconds(call) for call in (functools.partial(engine.results, records), *raw)] for _ in range(_TURNS)]
            )
            ours, best = turns[:, 0], turns[:, 1:].min(axis=1)
            of_raw = np.median(best / ours, axis=0)
            rate, read = tokens / np.median(ours[:, 0]), _reading(engine, records) / _ROWS * 1e6
            cells = (f"{spent:.1f}", f"{rate:,.0f}", f"{of_raw[0]:.2f}", f"{of_raw[1]:.2f}", f"{read:.0f}")
            found.append((f"{model.way}; {name}", *cells))
    return found


def _engine(folder: str, steps: int) -> Engine:
    parameters = explanation_pb2.ExplanationParameters(tokens={"features": ["text"], "baseline": "ZERO"})
    parameters.integrated_gradients_attribution.step_count = steps
    return Engine(ExplanationJob(folder, generate_metadata(folder), parameters).completed())


def _reading(engine: Engine, records: Inputs) -> float:
    """Seconds of processor time in which the tokens of the records are read."""
    encoded = engine._encode("candidate", records)
    return min(_seconds(lambda: engine._tokenized["candidate"].read(encoded))[1] for _ in range(_TURNS))


def _raw(model: _Served, texts: list[str], size: int, spent: float) -> Callable[[], None]:
    """What makes as many gradients as are spent on all rows, of batches that are ready, and fetches them."""
    some = (texts * -(-size // len(texts)))[:size]
    ids = model.ids(tf.strings.split(tf.constant(some)))

    @tf.function
    def gradients(vectors: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            if isinstance(ids, tf.RaggedTensor):
                outputs = model.of_ragged(vectors, ids)
            else:
                outputs = model.of_padded(vectors, tf.cast(ids > 0, tf.float32))
        return outputs, tape.gradient(outputs, vectors)

    flat = ids.flat_values if isinstance(ids, tf.RaggedTensor) else ids
    batch = tf.gather(model.vectors, flat)
    gradients(batch)

    def call() -> None:
        for _ in range(round(spent * _ROWS / size)):
            for tensor in gradients(batch):
                tensor.numpy()

    return call


def _seconds(call: Callable[[], Any]) -> tuple[float, float]:
    """By the clock, and of processor time."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


def _example(text: str) -> bytes:
    feature = tf.train.Feature(bytes_list={"value": [text.encode()]})
    return tf.train.Example(features={"feature": {"text": feature}}).SerializeToString()
