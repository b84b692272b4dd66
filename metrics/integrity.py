"""Whether TFRecord files are whole: TensorFlow and Beam take some files that were cut off for shorter ones."""

from __future__ import annotations

import gzip
import zlib

import tensorflow as tf

_CHUNK = 1 << 20
_FRAME = 16  # Bytes around a record: its length, the length's checksum, and the record's checksum.


def verify_whole(path: str) -> None:
    """Reads a TFRecord file, gzipped if its name ends in `.gz`, to its end.

    Gzip has a checksum and a length at its end, so that damage anywhere shows. A plain file that was cut between two
    records does look whole.

    Raises:
      ValueError: The file is cut off or changed.
    """
    try:
        whole = _is_whole_gzip(path) if path.endswith(".gz") else _is_whole_plain(path)
    except (EOFError, OSError, zlib.error, tf.errors.DataLossError) as error:
        first_line = str(error).partition("\n")[0]
        raise ValueError(f"{path} is damaged: {first_line}") from error
    if not whole:
        raise ValueError(f"{path} is damaged: it ends within a record")


def _is_whole_gzip(path: str) -> bool:
    with tf.io.gfile.GFile(path, "rb") as raw, gzip.GzipFile(fileobj=raw) as file:
        while file.read(_CHUNK):
            pass
    return tf.io.gfile.stat(path).length > 0


def _is_whole_plain(path: str) -> bool:
    records = tf.data.TFRecordDataset(path).as_numpy_iterator()
    return sum(len(record) + _FRAME for record in records) == tf.io.gfile.stat(path).length
