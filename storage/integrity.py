"""TFRecord files that are whole: TensorFlow and Beam take some files that were cut off for shorter ones."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import tensorflow as tf

from tfx_explain.proto.printable import first_line
from tfx_explain.storage.paths import names_in

_Parsed = TypeVar("_Parsed")

_CHUNK = 1 << 20
_LENGTH = 8  # Bytes of a record's length, before it.
_CHECKSUMS = 4 + 4  # Of the length, behind it, and of the record, behind that.
_LONGEST = 1 << 31  # No protocol buffers' message is longer.
_MOST_BYTES = 2**22


def verify_file(path: str) -> None:
    """Raises a ValueError for a folder, and for a pipe or device, which would keep whoever opens it waiting."""
    if tf.io.gfile.isdir(path) or (os.path.exists(path) and not os.path.isfile(path)):
        raise ValueError(f"{path} is damaged: it is a folder, a pipe or a device, not a file")


def read_part(directory: str, name: str, parse: Callable[[bytes], _Parsed], meant: str) -> _Parsed | None:
    """Reads a small file that a directory may have.

    Args:
      directory: Where to look.
      name: Of the file.
      parse: From its bytes to what they say; any error of its own says that the file is something else.
      meant: What is missed in such a file, for people.

    Returns:
      What it says; None where the directory has no such file.

    Raises:
      ValueError: It is damaged.
    """
    # By its name: a link to nothing is damage, not absence.
    if name not in names_in(directory):
        return None
    path = os.path.join(directory, name)
    verify_file(path)
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            return parse(file.read())
    except Exception as error:  # what a parser makes of any bytes
        raise ValueError(f"{path} is damaged or something else: {meant}") from error


def verify_whole(path: str) -> None:
    """Reads a TFRecord file, gzipped if its name ends in `.gz`, to its end.

    Gzip has a checksum and a length at its end, so that damage anywhere shows. A plain file that was cut between two
    records does look whole.

    Raises:
      ValueError: The file is cut off or changed, or no file.
    """
    verify_file(path)
    try:
        # First, because TensorFlow makes room for as many bytes as a record says that it has.
        _verify_lengths(_content(path))
        if not path.endswith(".gz"):
            _verify_checksums(path)
    except (EOFError, OSError, ValueError, tf.errors.OpError, zlib.error) as error:
        raise ValueError(f"{path} is damaged: {first_line(error)}") from error


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


def _content(path: str) -> Iterator[bytes]:
    with tf.io.gfile.GFile(path, "rb") as raw:
        if not path.endswith(".gz"):
            while chunk := raw.read(_CHUNK):
                yield chunk
            return
        if not raw.size():
            raise ValueError("it is empty")
        with gzip.GzipFile(fileobj=raw) as file:
            while chunk := file.read(_CHUNK):
                yield chunk


def _verify_lengths(chunks: Iterator[bytes]) -> None:
    """Steps from record to record by the lengths before them, to the end of the file."""
    head, left = b"", 0  # What of a length has been read, or how much of the record behind it has not.
    for chunk in chunks:
        at = 0
        while at < len(chunk):
            if left:
                step = min(left, len(chunk) - at)
                at, left = at + step, left - step
                continue
            head, at = head + chunk[at : at + _LENGTH - len(head)], at + _LENGTH - len(head)
            if len(head) == _LENGTH:
                length = int.from_bytes(head, "little")
                if length >= _LONGEST:
                    raise ValueError(f"one of its records says that it has {length} bytes")
                head, left = b"", length + _CHECKSUMS
    if head or left:
        raise ValueError("it ends within a record")


def _verify_checksums(path: str) -> None:
    records = tf.data.TFRecordDataset(path)
    records.reduce(tf.constant(0, tf.int64), lambda count, _: count + 1)
