"""From serialized tf.Examples to what a model takes, with the unreadable ones set aside singly."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from tfx_explain.proto.printable import without_nodes
from tfx_explain.savedmodel import Feature

Failures = dict[int, str]

# What TensorFlow raises for a row that it can't take. The second: it repeats the row, which need not be a text.
MODEL_ERRORS = (tf.errors.OpError, UnicodeDecodeError)


def isolate(
    rows: np.ndarray, attempt: Callable[[np.ndarray], object], errors: type[Exception] | tuple[type[Exception], ...]
) -> Failures:
    """Finds the rows for which `attempt` fails, by halving: about 2 log2(rows) calls for each bad row.

    Args:
      rows: Row numbers, int `[rows]`.
      attempt: Called with some of them, if there are any; fails when one of them is bad.
      errors: What it raises then. Everything else is passed on.

    Returns:
      The error by row number, in one line; empty when there is none.
    """
    if not len(rows):
        return {}
    try:
        attempt(rows)
    except errors as error:
        if len(rows) == 1:
            return {int(rows[0]): one_line(error)}
        middle = len(rows) // 2
        return isolate(rows[:middle], attempt, errors) | isolate(rows[middle:], attempt, errors)
    return {}


class RowDecoder:
    """Decodes the columns that models read, each of the type that they read it as."""

    def __init__(self, dtypes: Mapping[str, tf.DType]) -> None:
        """Builds the decoder.

        Args:
          dtypes: Of each column's values, by tf.Example key.
        """
        schema = schema_pb2.Schema(
            feature=[schema_pb2.Feature(name=name, type=_feature_type(dtype)) for name, dtype in dtypes.items()]
        )
        self._schema = schema.SerializeToString()

    def decode(self, records: np.ndarray) -> tuple[pa.RecordBatch, np.ndarray, Failures]:
        """Decodes tf.Examples into Arrow.

        Args:
          records: Serialized tf.Examples, object `[rows]`.

        Returns:
          The readable records' columns (one list a row, null where the feature is missing), their row numbers
          (int64 `[readable]`), and the error of each of the others by row number.
        """
        try:
            return self._decode(records), np.arange(len(records)), {}
        except RuntimeError:
            failures = isolate(np.arange(len(records)), lambda rows: self._decode(records[rows]), RuntimeError)
        readable = np.setdiff1d(np.arange(len(records)), list(failures))
        return self._decode(records[readable]), readable, failures

    def _decode(self, records: np.ndarray) -> pa.RecordBatch:
        # A new decoder each time: one that has failed fails on good records, too.
        return ExamplesToRecordBatchDecoder(self._schema).DecodeBatch(records.tolist())


def value_counts(batch: pa.RecordBatch, feature: str) -> np.ndarray:
    """Returns how many values of `feature` each row has: int64 `[rows]`, 0 where it is missing."""
    column = batch.column(batch.schema.get_field_index(feature))
    return column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)


def missing_features(batch: pa.RecordBatch, features: Mapping[str, Feature]) -> Failures:
    """Finds the rows without a value of a feature that the model's parser requires.

    Args:
      batch: Decoded records.
      features: The model's features by tf.Example key.

    Returns:
      An error naming the feature, by row number in `batch`.
    """
    failures: Failures = {}
    for name, feature in features.items():
        if feature.required:
            for row in np.flatnonzero(value_counts(batch, name) == 0):
                failures.setdefault(int(row), f"Feature {name!r} has no value; the model's parser requires one.")
    return failures


def missing_values(batch: pa.RecordBatch, specs: Mapping[str, tf.TensorSpec]) -> Failures:
    """Finds the rows without as many values as a signature's inputs take, or with numbers beyond their types.

    Args:
      batch: Decoded records.
      specs: The signature's inputs by name, each `[rows, ...]` with the other axes known.

    Returns:
      An error naming the feature, by row number in `batch`.
    """
    failures: Failures = {}
    for name, spec in specs.items():
        wanted = _values_per_row(name, spec)
        counts = value_counts(batch, name)
        for row in np.flatnonzero(counts != wanted):
            failures.setdefault(int(row), f"Feature {name!r} has {counts[row]} values; the model takes {wanted}.")
        if spec.dtype.is_integer and counts.any():
            failures = _beyond(batch, name, spec.dtype, counts) | failures
    return failures


def _beyond(batch: pa.RecordBatch, name: str, dtype: tf.DType, counts: np.ndarray) -> Failures:
    """Finds the rows with whole numbers that a narrower type lacks, which would become others."""
    values = batch.column(batch.schema.get_field_index(name)).flatten().to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(batch.num_rows), counts)
    ends = f"{dtype.name}, from {dtype.min} to {dtype.max}"
    return {
        int(rows[at]): f"Feature {name!r} has the value {values[at]}; the model takes {ends}."
        for at in np.flatnonzero((values < dtype.min) | (values > dtype.max))
    }


def dense_inputs(batch: pa.RecordBatch, specs: Mapping[str, tf.TensorSpec]) -> dict[str, tf.Tensor]:
    """Turns columns without missing values (see `missing_values`) into the signature's input tensors.

    Args:
      batch: Decoded records, `[rows]`.
      specs: The signature's inputs by name.

    Returns:
      A tensor `[rows, ...]` of the spec's dtype for each of them.
    """
    tensors = {}
    for name, spec in specs.items():
        values = batch.column(batch.schema.get_field_index(name)).flatten()
        array = values.to_numpy(zero_copy_only=False)
        if spec.dtype != tf.string:
            array = array.astype(spec.dtype.as_numpy_dtype)
        tensors[name] = tf.reshape(tf.constant(array, spec.dtype), [batch.num_rows, *spec.shape[1:]])
    return tensors


def one_line(error: Exception) -> str:
    """Returns what an error says is wrong: TensorFlow puts headings before that line and the graph node behind it."""
    if isinstance(error, UnicodeDecodeError):
        message = error.object.decode(errors="replace")
    else:
        message = error.message if isinstance(error, tf.errors.OpError) else str(error)
    lines = [without_nodes(line) for line in message.splitlines()]
    telling = [line for line in lines if line and "[[" not in line and not line.endswith("error:")]
    return telling[-1] if telling else type(error).__name__


def _feature_type(dtype: tf.DType) -> schema_pb2.FeatureType:
    if dtype == tf.string:
        return schema_pb2.BYTES
    return schema_pb2.FLOAT if dtype.is_floating else schema_pb2.INT


def _values_per_row(name: str, spec: tf.TensorSpec) -> int:
    if spec.shape.rank is None or not spec.shape.rank or not spec.shape[1:].is_fully_defined():
        raise ValueError(
            f"Input {name!r} of the signature has shape {spec.shape}: examples can be fed only to inputs of shape "
            "[rows, ...] whose other axes are known. Serve a signature on serialized tf.Examples, or fix the shape."
        )
    return spec.shape[1:].num_elements()
