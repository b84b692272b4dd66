"""Whether TFRecord files are whole: TensorFlow and Beam take some files that were cut off for shorter ones."""

from __future__ import annotations

import gzip
import re
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
    except tf.errors.DataLossError as error:
        where = re.search(r"(corrupted|truncated) record at \d+", str(error))
        raise ValueError(f"{path} is damaged: {where.group() if where else 'a checksum is wrong'}") from error
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not whole:
        raise ValueError(f"{path} is damaged: it ends within a record")


def _is_whole_gzip(path: str) -> bool:
    with tf.io.gfile.GFile(path, "rb") as raw, gzip.GzipFile(fileobj=raw) as file:
        while file.read(_CHUNK):
            pass
    return tf.io.gfile.stat(path).length > 0


def _is_whole_plain(path: str) -> bool:
    lengths = tf.data.TFRecordDataset(path).map(lambda record: tf.strings.length(record) + _FRAME)
    total = lengths.reduce(tf.constant(0, tf.int64), lambda sum_, length: sum_ + tf.cast(length, tf.int64))
    return int(total) == tf.io.gfile.stat(path).length
