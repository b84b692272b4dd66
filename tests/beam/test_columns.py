"""Columns as the bytes of tf.Examples, read back by TensorFlow's own parser."""

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from tfx_explain.beam.columns import encode_columns, encode_numbers, join_pieces
from tfx_explain.beam.writing.records import kept_features
from tfx_explain.storage.tfrecords import as_records


@pytest.mark.parametrize("largest", [100, 100_000])
def test_numbers_come_back(largest):
    rng = np.random.default_rng(0)
    floats = rng.normal(size=(50, 3)).astype(np.float32)
    ints = rng.integers(0, largest, (50, 2))
    records = join_pieces(encode_numbers({"float": floats, "int": ints}), 50)
    spec = {"float": tf.io.FixedLenFeature([3], tf.float32), "int": tf.io.FixedLenFeature([2], tf.int64)}
    parsed = tf.io.parse_example(list(records), spec)
    np.testing.assert_array_equal(parsed["float"], floats)
    np.testing.assert_array_equal(parsed["int"], ints)


def test_missing_values_are_missing_features():
    columns = {"b": pa.array([[1], None, []], pa.list_(pa.int64())), "a": pa.array([[b"x"], [b"y"], None])}
    records = encode_columns(columns, 3)
    features = [set(tf.train.Example.FromString(record).features.feature) for record in records]
    assert features == [{"a", "b"}, {"a"}, {"b"}]
    assert list(encode_columns({}, 2)) == [b"", b""]


def test_features_are_kept_by_name_and_glob(example):
    records = as_records([example(x=1.0, y=2.0, color="red"), example(y=3.0)])
    kept = [tf.train.Example.FromString(record) for record in kept_features(records, ["c*", "y"])]
    assert [sorted(message.features.feature) for message in kept] == [["color", "y"], ["y"]]
    assert kept[1].features.feature["y"].float_list.value == [3.0]
    assert kept_features(records, None) is records
    assert list(kept_features(records, [])) == [b"", b""]


def test_features_of_several_types_are_kept(example):
    records = as_records([example(x=1.0, y=2.0), example(x=1, y=3.0)])
    kept = [tf.train.Example.FromString(record) for record in kept_features(records, ["x"])]
    assert kept[0].features.feature["x"].float_list.value == [1.0]
    assert kept[1].features.feature["x"].int64_list.value == [1]
