"""TFRecord files, read and written a batch at a time: TensorFlow's own reader takes four times as long a record.

The format is that of TensorFlow's documentation ("TFRecords format details"): of each record its length, the length's
checksum, its bytes and their checksum, little-endian; a checksum is a masked CRC-32C.
"""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import google_crc32c
import numpy as np
import tensorflow as tf
from isal import igzip, isal_zlib

_CHUNK = 1 << 20
_LENGTH = 8  # Bytes of a record's length, before it.
_CHECKSUM = 4  # Of the length, behind it, and of the record, behind that.
_LONGEST = 1 << 31  # No protocol buffers' message is longer.
_MASK = 0xA282EAD8
_GZIPPED = 31  # zlib's number for gzip's header and trailer around the largest window.
# Records repeat their columns' names: the fastest level of all takes a tenth of zlib's time for as few bytes.
_GZIP_LEVEL = 1


def read_records(path: str) -> Iterator[bytes]:
    """Yields the records of a file, gzipped if its name ends in `.gz`, in their order.

    Raises:
      ValueError: A record is cut off, or its checksum is not that of its bytes.
      EOFError, OSError, isal.igzip_lib.IsalError, tf.errors.OpError: The file can't be read, or is no whole gzip file.
    """
    with tf.io.gfile.GFile(path, "rb") as raw:
        file: Any = io.BufferedReader(_Readable(raw), _CHUNK)
        if path.endswith(".gz"):
            if not raw.size():
                raise ValueError("it is empty")
            file = io.BufferedReader(igzip.IGzipFile(fileobj=file), _CHUNK)
        while head := file.read(_LENGTH + _CHECKSUM):
            yield _record(file, head)


def as_records(records: Iterable[bytes]) -> np.ndarray:
    """Returns an object array `[rows]`; NumPy's own string type would drop trailing zero bytes."""
    listed = list(records)
    array = np.empty(len(listed), object)
    array[:] = listed
    return array


class RecordWriter:
    """Writes records to a gzipped TFRecord file."""

    def __init__(self, path: str) -> None:
        """Makes the file.

        Raises:
          tf.errors.OpError: It can't be written; `write` and `close` raise the same.
        """
        self._file = tf.io.gfile.GFile(path, "wb")
        self._gzip = isal_zlib.compressobj(_GZIP_LEVEL, wbits=_GZIPPED)

    def write(self, records: Sequence[bytes]) -> None:
        """Adds records."""
        self._file.write(self._gzip.compress(_framed(records)))

    def close(self) -> None:
        """Ends the file."""
        self._file.write(self._gzip.flush())
        self._file.close()


class _Readable(io.RawIOBase):
    """A `GFile` as what Python's buffered reader reads."""

    def __init__(self, file: tf.io.gfile.GFile) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


def _record(file: BinaryIO, head: bytes) -> bytes:
    """Reads the rest of a record that begins with `head`."""
    if len(head) < _LENGTH + _CHECKSUM:
        raise ValueError("it ends within a record")
    length, checksum = struct.unpack("<QI", head)
    if _masked(google_crc32c.value(head[:_LENGTH])) != checksum:
        raise ValueError("the length of one of its records is not what its checksum says")
    # Before room is made for as many bytes.
    if length >= _LONGEST:
        raise ValueError(f"one of its records says that it has {length} bytes")
    body = file.read(length + _CHECKSUM)
    if len(body) < length + _CHECKSUM:
        raise ValueError("it ends within a record")
    record = body[:length]
    if _masked(google_crc32c.value(record)) != int.from_bytes(body[length:], "little"):
        raise ValueError("one of its records is not what its checksum says")
    return record


def _framed(records: Sequence[bytes]) -> bytes:
    """Records with their lengths and checksums around them, one after the other."""
    lengths = np.fromiter(map(len, records), "<u8", len(records))
    heads = np.empty(len(records), [("length", "<u8"), ("checksum", "<u4")])
    heads["length"], heads["checksum"] = lengths, _checksums(lengths.view("V8").tolist())
    tails = _checksums(records).astype("<u4").view("V4").tolist()
    whole = zip(heads.view("V12").tolist(), records, tails, strict=True)
    return b"".join(itertools.chain.from_iterable(whole))


def _checksums(pieces: Sequence[bytes]) -> np.ndarray:
    return _masked(np.fromiter(map(google_crc32c.value, pieces), np.uint64, len(pieces)))


def _masked(checksum: Any) -> Any:
    """TensorFlow's mask of a CRC-32C, an int or uint64 `[some]`: rotated by 15 bits, and moved."""
    return ((checksum >> 15 | checksum << 17) + _MASK) & 0xFFFFFFFF
