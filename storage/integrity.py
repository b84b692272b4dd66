"""TFRecord files that are whole: TensorFlow and Beam take some files that were cut off for shorter ones."""

from __future__ import annotations

import collections
import itertools
import os
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import tensorflow as tf
from isal.igzip_lib import IsalError

from tfx_explain.proto.printable import first_line
from tfx_explain.storage.paths import names_in
from tfx_explain.storage.tfrecords import as_records, read_records

_Parsed = TypeVar("_Parsed")

# Of one lot of records. What goes over its columns takes a time for each, and records of many columns are large.
_MOST_BYTES = 2**24


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
        collections.deque(read_records(path), maxlen=0)
    # The library's stub takes its class of errors for one of them.
    except (EOFError, OSError, ValueError, tf.errors.OpError, IsalError) as error:  # pyright: ignore[reportGeneralTypeIssues]
        raise ValueError(f"{path} is damaged: {first_line(error)}") from error


def read_whole(path: str, rows: int) -> Iterator[np.ndarray]:
    """Yields the records of a TFRecord file in their order, object `[some]`: `rows` at a time, fewer of large ones.

    Raises:
      ValueError: The file is cut off or changed; before the first record.
    """
    verify_whole(path)
    records = read_records(path)
    first = next(records, None)
    if first is None:
        return
    rows = max(1, min(rows, _MOST_BYTES // max(1, len(first))))
    records = itertools.chain([first], records)
    while some := list(itertools.islice(records, rows)):
        yield as_records(some)


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
