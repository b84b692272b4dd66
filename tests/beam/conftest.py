"""A served model whose attributions have a closed form, and records for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import tensorflow as tf

from tests.beam import text_models

COLORS = ("red", "green", "blue")
EMBEDDING = (0.0, 1.0, -2.0, 4.0)
SPEC = {
    "x": tf.io.FixedLenFeature([], tf.float32),
    "y": tf.io.FixedLenFeature([], tf.float32),
    "color": tf.io.FixedLenFeature([], tf.string),
}


class Served(tf.Module):
    """logit = slope * x + x * y + embedding[color]; color 0 is any unknown one."""

    def __init__(self, slope: float):
        super().__init__()
        self.slope = tf.Variable(slope)
        self.embedding = tf.Variable(EMBEDDING)
        keys = tf.constant(COLORS)
        initializer = tf.lookup.KeyValueTensorInitializer(keys, tf.range(1, len(COLORS) + 1, dtype=tf.int64))
        self.table = tf.lookup.StaticHashTable(initializer, 0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, SPEC)
        embedded = tf.gather(self.embedding, self.table.lookup(parsed["color"]))
        logit = self.slope * parsed["x"] + parsed["x"] * parsed["y"] + embedded
        return {"score": tf.sigmoid(logit)}


@pytest.fixture(scope="session")
def save_model(tmp_path_factory) -> Callable[[float], str]:
    def save(slope: float) -> str:
        path = str(tmp_path_factory.mktemp("model"))
        module = Served(slope)
        tf.saved_model.save(module, path, signatures={"serving_default": module.serve})
        return path

    return save


@pytest.fixture(scope="session")
def model_dir(save_model) -> str:
    return save_model(2.0)


@pytest.fixture(scope="session")
def baseline_model_dir(save_model) -> str:
    return save_model(5.0)


@pytest.fixture(scope="session")
def example() -> Callable[..., bytes]:
    def build(**features) -> bytes:
        message = tf.train.Example()
        for name, value in features.items():
            feature = message.features.feature[name]
            if isinstance(value, str):
                feature.bytes_list.value.append(value.encode())
            elif isinstance(value, int):
                feature.int64_list.value.append(value)
            else:
                feature.float_list.value.extend(value if isinstance(value, list) else [value])
        return message.SerializeToString()

    return build


@pytest.fixture(scope="session")
def rows(example) -> list[bytes]:
    """Twelve good records, the last color unknown to the model."""
    colors = (*COLORS, "mauve")
    return [example(x=0.5 * i, y=1.0 - i, color=colors[i % 4], id=i) for i in range(12)]


@pytest.fixture(scope="session")
def write_rows() -> Callable[[object, list[bytes]], str]:
    def write(folder, records) -> str:
        path = str(folder / "data_tfrecord-00000-of-00001.gz")
        with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
            for record in records:
                writer.write(record)
        return path

    return write


@pytest.fixture(scope="session")
def parse_columns() -> Callable[..., dict[str, object]]:
    """Reads float columns of one model, by a reader that knows nothing of ours."""

    def parse(records, model, *fields):
        prefix = f"tfx_explain/{model}/"
        spec = {prefix + field: tf.io.FixedLenFeature([], tf.float32) for field in fields}
        parsed = tf.io.parse_example(records, spec)
        return {name.removeprefix(prefix): value.numpy() for name, value in parsed.items()}

    return parse


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """From a kind of text model to the folder of its SavedModel, each saved once."""
    folders = {}

    def save(kind) -> str:
        if kind not in folders:
            folders[kind] = text_models.save(kind(), str(tmp_path_factory.mktemp(kind.__name__)))
        return folders[kind]

    return save
