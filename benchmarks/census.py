"""The census demonstration's model on serialized examples: its graph, with weights that nobody trained."""

from __future__ import annotations

import dataclasses
import itertools
import tempfile
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from benchmarks.workloads import Workload
from tfx_explain.pipelines.census import data, features
from tfx_explain.savedmodel import CutModel, generate_metadata, load_explainable

_WIDTH = 4


def census_workloads(rows: int = 2048) -> tuple[list[Workload], list[Workload]]:
    """Returns the model cut for methods along a path, and for coalition methods: with rows encoded, and as examples."""
    table = data.monthly_extract(0, rows)
    examples = tf.constant([example(row) for row in table.to_dict("records")])
    with tempfile.TemporaryDirectory() as folder:
        network = CensusModel(table)
        tf.saved_model.save(network, folder, signatures={"serving_default": network.serve})
        model = load_explainable(folder, generate_metadata(folder))
        path = _workloads("path", model.differentiable(), examples)
        return path, _workloads("coalitions", model.coalitional(), examples)


def _workloads(name: str, model: CutModel, examples: tf.Tensor) -> list[Workload]:
    encoded = Workload(
        f"census ({name}), encoded", model, model, model.encode(examples), 16384, model.baselines, model.players
    )
    from_examples = dataclasses.replace(
        encoded,
        name=f"census ({name}), serialized examples",
        inputs={"examples": examples},
        encode=lambda rows: model.encode(rows["examples"]),
    )
    return [encoded, from_examples]


def example(row: dict[str, Any]) -> bytes:
    """Returns a row of the census data as a serialized tf.Example, without the values that are missing."""
    message = tf.train.Example()
    for name in features.FEATURES:
        value = row[name]
        if name in features.NUMERIC:
            message.features.feature[name].float_list.value.append(float(value))
        elif isinstance(value, str):
            message.features.feature[name].bytes_list.value.append(value.encode())
    return message.SerializeToString()


class CensusModel(tf.Module):
    """Numbers as z-scores, strings by their embeddings, 64 and 32 ReLU units, a sigmoid."""

    def __init__(self, table: pd.DataFrame) -> None:
        super().__init__()
        rng = np.random.default_rng(3)
        self._scales = {name: (table[name].mean(), table[name].std() + 1e-9) for name in features.NUMERIC}
        self._tables, self._embeddings = {}, {}
        for name in features.CATEGORICAL:
            words = sorted(table[name].dropna().unique())
            entries = tf.lookup.KeyValueTensorInitializer(words, np.arange(len(words), dtype=np.int64))
            self._tables[name] = tf.lookup.StaticHashTable(entries, len(words))
            self._embeddings[name] = tf.Variable(tf.constant(rng.normal(size=(len(words) + 1, _WIDTH)), tf.float32))
        sizes = [len(features.NUMERIC) + _WIDTH * len(features.CATEGORICAL), 64, 32, 1]
        self._weights = [
            tf.Variable(tf.constant(rng.normal(0, (2 / a) ** 0.5, (a, b)), tf.float32))
            for a, b in itertools.pairwise(sizes)
        ]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the probability, float32 `[rows, 1]`."""
        spec = {name: tf.io.FixedLenFeature([1], tf.float32) for name in features.NUMERIC}
        spec |= {name: tf.io.FixedLenFeature([1], tf.string, "") for name in features.CATEGORICAL}
        raw: Any = tf.io.parse_example(examples, spec)
        encoded: list[Any] = [(raw[name] - mean) / deviation for name, (mean, deviation) in self._scales.items()]
        for name, table in self._tables.items():
            encoded.append(tf.gather(self._embeddings[name], table.lookup(raw[name])[:, 0]))
        hidden = tf.concat(encoded, axis=1)
        for weights in self._weights[:-1]:
            hidden = tf.nn.relu(hidden @ weights)
        return {"probability": tf.sigmoid(hidden @ self._weights[-1])}
