"""TFRecord files that are whole: TensorFlow and Beam take some files that were cut off for shorter ones."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

_CHUNK = 1 << 20
_FRAME = 16  # Bytes around a record: its length, the length's checksum, and the record's checksum.
_MOST_BYTES = 2**22


def verify_file(path: str) -> None:
    """Raises a ValueError for a folder, and for a pipe or device, which would keep whoever opens it waiting."""
    if tf.io.gfile.isdir(path) or (os.path.exists(path) and not os.path.isfile(path)):
        raise ValueError(f"{path} is damaged: it is a folder, a pipe or a device, not a file")


def verify_whole(path: str) -> None:
    """Reads a TFRecord file, gzipped if its name ends in `.gz`, to its end.

    Gzip has a checksum and a length at its end, so that damage anywhere shows. A plain file that was cut between two
    records does look whole.

    Raises:
      ValueError: The file is cut off or changed, or no file.
    """
    verify_file(path)
    try:
        whole = _is_whole_gzip(path) if path.endswith(".gz") else _is_whole_plain(path)
    except tf.errors.DataLossError as error:
        where = re.search(r"(corrupted|truncated) record at \d+", str(error))
        raise ValueError(f"{path} is damaged: {where.group() if where else 'a checksum is wrong'}") from error
    except (EOFError, OSError, zlib.error, tf.errors.OpError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not whole:
        raise ValueError(f"{path} is damaged: it ends within a record")


def read_whole(path: str, rows: int) -> Iterator[np.ndarray]:
    """Yields the records of a TFRecord file in their order, object `[some]`: `rows` at a time, fewer of large ones.

    Raises:
      ValueError: The file is cut off or changed; before the first record.
    """
    verify_whole(path)
    dataset = tf.data.TFRecordDataset(path, compression_type="GZIP" if path.endswith(".gz") else "")
    first = [len(record) for record in dataset.take(1).as_numpy_iterator()]
    rows = max(1, min(rows, _MOST_BYTES // max(1, *first, 1)))
    yield from dataset.batch(rows).as_numpy_iterator()


def records_digest(records: np.ndarray) -> int:
    """Returns a digest of records, the sum of their fingerprints modulo 2^64.

    Digests of parts add up, in any order: that of a split can be found by many workers, and again from its files.

    Args:
      records: object `[records]`, bytes.
    """
    if not len(records):
        return 0
    fingerprints = tf.fingerprint(tf.constant(records, tf.string)).numpy().view(np.uint64)
    return int(fingerprints.sum(dtype=np.uint64))


def add_digests(first: int, second: int) -> int:
    """Returns the digest of two lots of records from theirs."""
    return (first + second) % 2**64


def _is_whole_gzip(path: str) -> bool:
    with tf.io.gfile.GFile(path, "rb") as raw, gzip.GzipFile(fileobj=raw) as file:
        while file.read(_CHUNK):
            pass
    return tf.io.gfile.stat(path).length > 0


def _is_whole_plain(path: str) -> bool:
    lengths = tf.data.TFRecordDataset(path).map(lambda record: tf.strings.length(record) + _FRAME)
    total = lengths.reduce(tf.constant(0, tf.int64), lambda sum_, length: sum_ + tf.cast(length, tf.int64))
    return int(total) == tf.io.gfile.stat(path).length
