"""What becomes of a Parquet column, against what TFX's own Parquet executor makes of it."""

import datetime
import decimal

import apache_beam as beam
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tensorflow as tf
from apache_beam.testing.util import assert_that
from pyarrow import parquet
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.components.example_gen.utils import dict_to_example

from tfx_explain.beam.explain import RowExplainer
from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.reading.batches import RowBatch
from tfx_explain.beam.reading.read import PARQUET, Format
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata

# Without zeros and empty texts, which TFX's executor takes for missing.
ALIKE = {
    "integers": pa.array([1, None, 3], pa.int32()),
    "floats": pa.array([0.5, None, 2.5]),
    "texts": pa.array(["red", None, "blue"]),
    "booleans": pa.array([True, None, True]),
    "categories": pa.array(["red", None, "blue"]).dictionary_encode(),
    "lists": pa.array([[1, 2], [], None], pa.list_(pa.int64())),
    "lists of texts": pa.array([["a", "b"], None, []], pa.list_(pa.string())),
    "lists of categories": pa.ListArray.from_arrays(
        pa.array([0, 2, 2, 3], pa.int32()), pa.array(["a", "b", "a"]).dictionary_encode()
    ),
    "vectors": pa.array([[0.5, 1.5], [2.0, 3.0], [4.0, 5.0]], pa.list_(pa.float32(), 2)),
    "bytes of one size": pa.array([b"ab", None, b"cd"], pa.binary(2)),
    "large texts": pa.array(["red", None, "bl\u00fc"], pa.large_string()),
    "large lists": pa.array([[1, 2], None, []], pa.large_list(pa.int64())),
    "lists of booleans": pa.array([[True, False], None, [False]]),
    "categories of numbers": pa.array([0.5, None, 2.5]).dictionary_encode(),
    "small integers": pa.array([255, None, 1], pa.uint8()),
    "beyond float": pa.array([1e300, None, 1e-300]),
    "nothing": pa.nulls(3),
    "no dates": pa.nulls(3, pa.date32()),
    "no decimals": pa.nulls(3, pa.decimal128(5, 2)),
    "no structs": pa.nulls(3, pa.struct([("a", pa.int64())])),
    "no lists of dates": pa.array([[], None, []], pa.list_(pa.date32())),
}


def records_of(tmp_path, columns, schema=b""):
    path = str(tmp_path / "data.parquet")
    parquet.write_table(pa.table(columns), path)
    return [record for chunk in Format(PARQUET, schema).chunks(path) for record in chunk]


def features_of(record):
    """By name, the values of those that have any."""
    features = tf.train.Example.FromString(record).features.feature
    return {
        name: (kind, list(getattr(feature, kind).value))
        for name, feature in features.items()
        if (kind := feature.WhichOneof("kind"))
    }


def test_columns_become_what_tfx_makes_of_them(tmp_path):
    ours = [features_of(record) for record in records_of(tmp_path, ALIKE)]

    def check(examples):
        theirs = [features_of(example.SerializeToString()) for example in examples]
        assert sorted(map(repr, map(sorted, map(dict.items, theirs)))) == sorted(
            map(repr, map(sorted, map(dict.items, ours)))
        )

    with beam.Pipeline() as pipeline:
        rows = pipeline | beam.io.ReadFromParquet(str(tmp_path / "data.parquet"))
        assert_that(rows | beam.Map(dict_to_example), check)
    assert set(ours[1]) == {"vectors"}


def test_zeros_empty_texts_and_any_bytes_are_values(tmp_path):
    columns = {"number": [0], "float": [0.0], "text": [""], "boolean": [False], "bytes": [b"\xff"]}
    (record,) = records_of(tmp_path, columns)
    assert {name: values for name, (_, values) in features_of(record).items()} == {
        "number": [0],
        "float": [0.0],
        "text": [b""],
        "boolean": [0],
        "bytes": [b"\xff"],
    }


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pa.array([datetime.date(2026, 1, 2)]), "Column 'odd' has type date32.*a date as a number or a text"),
        (pa.array([datetime.datetime(2026, 1, 2)]), r"Column 'odd' has type timestamp\["),
        (pa.array([datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)]), r"type timestamp\[us, tz=UTC\]"),
        (pa.array([datetime.time(3)]), r"Column 'odd' has type time64\["),
        (pa.array([decimal.Decimal("1.5")]), r"Column 'odd' has type decimal128\(2, 1\).*a decimal as a float"),
        (pa.array([datetime.date(2026, 1, 2), None]).dictionary_encode(), "Column 'odd' has type date32"),
        (pa.array([datetime.timedelta(1)]), r"Column 'odd' has type duration\["),
        (pa.array([[decimal.Decimal("1.5")]]), "Column 'odd' has type list<.*decimal128"),
        (pa.array([{"a": 1}]), "Column 'odd' has type struct"),
        (pa.array([{"a": {"b": 1}}, None]), "Column 'odd' has type struct<a: struct"),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), "Column 'odd' has type map"),
        (pa.array([[[1.0]]]), "Column 'odd' has type list<.*list<"),
        (pa.array([[1, None]]), "Column 'odd' has lists with nulls in them, which a feature of int64 can't hold"),
        (pa.array([["a", None]]), "Column 'odd' has lists with nulls in them"),
        (pa.array([2**64 - 1], pa.uint64()), "Column 'odd' of type uint64 can't be read as int64"),
    ],
)
def test_what_no_feature_can_hold_is_refused_by_name(values, message, tmp_path):
    with pytest.raises(ValueError, match=f"data.parquet: .*{message}"):
        records_of(tmp_path, {"odd": values})


def test_two_columns_of_one_name_are_refused_by_it(tmp_path):
    parquet.write_table(pa.table([[1], [2], [3]], names=["a", "b", "a"]), tmp_path / "data.parquet")
    with pytest.raises(ValueError, match=r"data\.parquet: Two columns are named 'a'"):
        list(Format(PARQUET).chunks(str(tmp_path / "data.parquet")))


def test_tfx_refuses_the_same():
    odd = (
        datetime.date(2026, 1, 2),
        decimal.Decimal("1.5"),
        [1, None],
        [0.5, None],
        {"a": 1},
        {"a": {"b": 1}},
        b"\xff",
    )
    for value in (*odd, datetime.timedelta(1), [decimal.Decimal("1.5")], [("a", 1)]):
        with pytest.raises((RuntimeError, TypeError, KeyError, UnicodeDecodeError)):
            dict_to_example({"odd": value})


def test_a_schema_tells_what_a_decimal_is(tmp_path):
    schema = schema_pb2.Schema(feature=[schema_pb2.Feature(name="price", type=schema_pb2.FLOAT)])
    columns = {"price": pa.array([decimal.Decimal("1.5"), None])}
    first, second = records_of(tmp_path, columns, schema.SerializeToString())
    assert features_of(first) == {"price": ("float_list", [1.5])}
    assert features_of(second) == {}


class Defaults(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples):
        spec = {
            "a": tf.io.FixedLenFeature([], tf.float32),
            "b": tf.io.FixedLenFeature([], tf.float32, default_value=3.0),
            "pair": tf.io.FixedLenFeature([2], tf.float32, default_value=[1.0, 1.0]),
        }
        row = tf.io.parse_example(examples, spec)
        return {"y": 0.5 * row["a"] - row["b"] + tf.reduce_sum(row["pair"], axis=1)}


def test_a_null_of_pandas_is_the_model_s_default(tmp_path):
    module = Defaults()
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.serve)
    pairs = [[2.0, 2.0], None, [3.0, 3.0], [0.5, np.nan]]
    frame = pd.DataFrame({"a": [1.0, 2.0, np.nan, 4.0], "b": [1.0, np.nan, None, 2.0], "pair": pairs})
    frame.to_parquet(tmp_path / "rows.parquet")
    model = str(tmp_path / "model")
    job = ExplanationJob(model, generate_metadata(model), explanation_pb2.ExplanationParameters())
    (records,) = Format(PARQUET).chunks(str(tmp_path / "rows.parquet"))
    batch = RowExplainer(job).explain(RowBatch(records))
    assert batch.summary.causes == {
        "Feature 'a' has no value; the model's parser requires one.": 1,
        "feature 'pair' is not finite": 1,
    }
    names = [f"tfx_explain/candidate/attributions/{name}" for name in ("a", "b", "pair")]
    parsed = tf.io.parse_example(list(batch.records), {name: tf.io.FixedLenFeature([], tf.float32) for name in names})
    found = np.stack([parsed[name] for name in names], axis=1)
    np.testing.assert_allclose(found, [[0.5, -1.0, 4.0], [1.0, -3.0, 2.0]], atol=1e-5)
