"""Served models whose attributions have a closed form, with features of all kinds, and rows for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.reading.read import Format
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata
from tfx_explain.whatif.asking.models import Models
from tfx_explain.whatif.asking.sample import read_rows
from tfx_explain.whatif.asking.session import Session

HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
COLORS = ("red", "green", "blue")
EMBEDDING = (0.0, 1.0, -2.0, 4.0)  # Of another color, and of these.
SPEC = {
    "x": tf.io.FixedLenFeature([], tf.float32),
    HOSTILE: tf.io.FixedLenFeature([], tf.float32),
    "count": tf.io.FixedLenFeature([], tf.int64, 0),
    "pair": tf.io.FixedLenFeature([2], tf.float32),
    "color": tf.io.FixedLenFeature([], tf.string, ""),
}


class Served(tf.Module):
    """logit = slope * x + x * HOSTILE + count / 10 + pair[0] - pair[1] + embedding[color]."""

    def __init__(self, slope: float, classes: int):
        super().__init__()
        self.slope, self.classes = tf.Variable(slope), classes
        self.embedding = tf.Variable(EMBEDDING)
        keys = tf.constant(COLORS)
        initializer = tf.lookup.KeyValueTensorInitializer(keys, tf.range(1, len(COLORS) + 1, dtype=tf.int64))
        self.table = tf.lookup.StaticHashTable(initializer, 0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, SPEC)
        embedded = tf.gather(self.embedding, self.table.lookup(parsed["color"]))
        x, count = parsed["x"], tf.cast(parsed["count"], tf.float32)
        logit = (
            self.slope * x + x * parsed[HOSTILE] + count / 10 + parsed["pair"][:, 0] - parsed["pair"][:, 1] + embedded
        )
        if self.classes == 0:
            return {"score": logit}
        if self.classes == 1:
            return {"score": tf.sigmoid(logit)}
        return {"score": tf.nn.softmax(tf.stack([logit, -logit, x], axis=1))}


@pytest.fixture(scope="session")
def save_model(tmp_path_factory) -> Callable[..., str]:
    def save(slope: float, classes: int = 1) -> str:
        """Saves a model of so many classes, 0: a number."""
        path = str(tmp_path_factory.mktemp("model"))
        module = Served(slope, classes)
        tf.saved_model.save(module, path, signatures={"serving_default": module.serve})
        return path

    return save


@pytest.fixture(scope="session")
def example() -> Callable[..., bytes]:
    def build(features: dict[str, object]) -> bytes:
        """A serialized tf.Example."""
        message = tf.train.Example()
        for name, value in features.items():
            values = value if isinstance(value, list) else [value]
            kind = {str: "bytes_list", bytes: "bytes_list", int: "int64_list", float: "float_list"}[type(values[0])]
            encoded = [one.encode() if isinstance(one, str) else one for one in values]
            getattr(message.features.feature[name], kind).value.extend(encoded)
        return message.SerializeToString(deterministic=True)

    return build


@pytest.fixture(scope="session")
def row(example) -> Callable[..., bytes]:
    def build(**more: object) -> bytes:
        """A row of the models; None leaves a feature out."""
        features = {"x": 0.5, HOSTILE: 2.0, "count": 3, "pair": [0.25, 1.0], "color": "red", "label": 1} | more
        return example({name: value for name, value in features.items() if value is not None})

    return build


@pytest.fixture(scope="session")
def records(row) -> list[bytes]:
    """60 rows with colors that repeat; every seventh has none."""
    generator = np.random.default_rng(5)
    found = []
    for i in range(60):
        numbers = [float(one) for one in generator.normal(size=4)]
        color = None if i % 7 == 6 else ("red", "green", "blue", "mauve")[i % 4]
        values = {"x": numbers[0], HOSTILE: numbers[1], "count": int(generator.integers(50)), "pair": numbers[2:]}
        found.append(row(**values, color=color))
    return found


@pytest.fixture(scope="session")
def write_rows(tmp_path_factory) -> Callable[[list[bytes]], str]:
    def write(records: list[bytes]) -> str:
        path = str(tmp_path_factory.mktemp("examples") / "data.gz")
        with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
            for record in records:
                writer.write(record)
        return path

    return write


@pytest.fixture(scope="session")
def open_session(write_rows) -> Callable[..., Session]:
    def open_models(model: str, records: list[bytes], baseline_model: str = "", most: int = 1000, **set_) -> Session:
        rows = read_rows([write_rows(records)], Format(), most)
        parameters = explanation_pb2.ExplanationParameters(**set_)
        job = ExplanationJob(model, generate_metadata(model), parameters, baseline_model)
        return Session(Models(job, rows.sample), rows)

    return open_models


@pytest.fixture(scope="session")
def session(open_session, save_model, records) -> Session:
    """A candidate of slope 2 above a baseline model of slope 5."""
    return open_session(save_model(2.0), records, save_model(5.0))
