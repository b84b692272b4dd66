"""Columns of many rows as the bytes of tf.Examples, without a message built for each row.

Concatenated messages are one merged message (protocol buffers' encoding specification, "Last One Wins"): a row's
tf.Example is put together from pieces, one of each column or group of columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

# More than this in one value of an int64 feature takes a second byte.
_ONE_BYTE = 127


def encode_columns(columns: Mapping[str, pa.Array], rows: int) -> np.ndarray:
    """Encodes any columns.

    Args:
      columns: Lists of float32, int64 or bytes, `[rows]` each; null where a row lacks the feature.
      rows: Number of rows.

    Returns:
      Serialized tf.Examples, object `[rows]`; the same bytes for the same row, whatever rows it is with.
    """
    return join_pieces(encode_lists(columns), rows)


def encode_lists(columns: Mapping[str, pa.Array]) -> list[pa.Array]:
    """Encodes columns as `encode_columns` does, to pieces of tf.Examples, large_binary `[rows]`."""
    # One column at a time, for the same bytes every time: the order of several in one message is left open.
    return [_encode_column(name, columns[name]) for name in sorted(columns)]


def encode_numbers(columns: Mapping[str, np.ndarray]) -> list[pa.Array]:
    """Encodes columns that have the same number of values in every row, at the cost of copying their bytes.

    Such rows differ only in the bytes of the values: they are written over copies of one row. Integers above 127, which
    take more than one byte, go the way of `encode_columns`.

    Args:
      columns: float32, or int64 that is not negative, `[rows, values]`.

    Returns:
      Pieces of tf.Examples, large_binary `[rows]`.
    """
    wide = {
        name: values
        for name, values in columns.items()
        if values.dtype == np.int64 and values.max(initial=0) > _ONE_BYTE
    }
    pieces = [_encode_column(name, _lists(values)) for name, values in sorted(wide.items())]
    rows, example, places = 0, b"", []
    for name in sorted(set(columns) - set(wide)):
        values = columns[name]
        written = values.astype("<f4" if values.dtype == np.float32 else np.uint8).view(np.uint8)
        example += _example_of_zeros(name, values)
        places.append((len(example) - written.shape[1], len(example), written))
        rows = len(values)
    table = np.tile(np.frombuffer(example, np.uint8), (rows, 1))
    for start, end, written in places:
        table[:, start:end] = written
    return [_fixed(table), *pieces]


def join_pieces(pieces: Sequence[pa.Array], rows: int) -> np.ndarray:
    """Puts pieces of tf.Examples, large_binary `[rows]` each or the same for all, together: object `[rows]`."""
    if not pieces:
        return np.full(rows, b"", object)
    joined = pc.binary_join_element_wise(*pieces, pa.scalar(b"", pa.large_binary()))
    return joined.to_numpy(zero_copy_only=False)


def _example_of_zeros(name: str, values: np.ndarray) -> bytes:
    """A tf.Example of one feature, packed, so that its last bytes are its values."""
    count = values.shape[1]
    if values.dtype == np.float32:
        feature = tf.train.Feature(float_list=tf.train.FloatList(value=[0.0] * count))
    else:
        feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[0] * count))
    return tf.train.Example(features=tf.train.Features(feature={name: feature})).SerializeToString()


def _encode_column(name: str, lists: pa.Array) -> pa.Array:
    encoded = RecordBatchToExamplesEncoder().encode(pa.RecordBatch.from_arrays([lists], names=[name]))
    # Of a missing feature the encoder leaves the name.
    return pc.if_else(lists.is_valid(), pa.array(encoded, pa.large_binary()), pa.scalar(b"", pa.large_binary()))


def _lists(values: np.ndarray) -> pa.Array:
    offsets = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values.reshape(-1), pa.int64()))


def _fixed(table: np.ndarray) -> pa.Array:
    """Rows of bytes, uint8 `[rows, width]`, as large_binary `[rows]`."""
    offsets = np.arange(len(table) + 1, dtype=np.int64) * table.shape[1]
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(table)]
    return pa.Array.from_buffers(pa.large_binary(), len(table), buffers)
