"""Files that a Beam pipeline writes, under names that are meant as they are written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import tensorflow as tf
from apache_beam.io import filebasedsink
from apache_beam.io.filesystems import FileSystems


class ExactSink(filebasedsink.FileBasedSink):
    """Beam's file sink for any path.

    Beam looks for its own files by patterns made of the path: in a folder `run[12]` it finds none, fails, and before
    that deletes what lies under the same names in `run1`.
    """

    def pre_finalize(self, init_result: Any, writer_results: Any) -> None:
        """Deletes nothing: shards go to new folders, and renaming replaces a file."""

    def _check_state_for_finalize_write(
        self, writer_results: list[str], num_shards: int, *window: Any
    ) -> tuple[list[str], list[str], list[str], int]:
        """Returns the files to rename, their new names, those to delete, and how many an earlier attempt renamed."""
        # Later versions of Beam give a window, too.
        names = (self._get_final_name(number, num_shards, *window) for number in range(num_shards))
        moves = dict(zip(writer_results, names, strict=True))
        left = {source: target for source, target in moves.items() if FileSystems.exists(source)}
        lost = [target for source, target in moves.items() if source not in left and not FileSystems.exists(target)]
        if lost:
            raise OSError(f"{lost[0]} was written, but its temporary file is gone.")
        return list(left), list(left.values()), [], len(moves) - len(left)

    def finalize_write(self, init_result: Any, writer_results: Any, pre_finalize_results: Any) -> Iterator[str]:
        """Gives the shards their names, and yields these."""
        yield from super().finalize_write(init_result, writer_results, pre_finalize_results)
        if tf.io.gfile.exists(init_result):
            tf.io.gfile.rmtree(init_result)


class WriteRecords(beam.PTransform):
    """Writes serialized messages to TFRecords, `{prefix}-{shard}-of-{shards}.tfrecord`."""

    def __init__(self, prefix: str) -> None:
        """Keeps the destination.

        Args:
          prefix: Of the files' paths.
        """
        super().__init__()
        self._prefix = prefix

    def expand(self, records: beam.PCollection[bytes]) -> beam.PCollection[str]:
        """Builds the transform; it returns the names of the files."""
        return records | beam.io.Write(_TFRecordSink(self._prefix, beam.coders.BytesCoder(), ".tfrecord"))


def write_text(text: str, path: str) -> str:
    """Writes a text to a file, in its place if there is one, and in a new folder if there is none; returns the path."""
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(text)
    return path


class _TFRecordSink(ExactSink):
    def open(self, temp_path: str) -> tf.io.TFRecordWriter:
        return tf.io.TFRecordWriter(temp_path)

    def write_record(self, file_handle: tf.io.TFRecordWriter, value: bytes) -> None:
        file_handle.write(value)

    def close(self, file_handle: tf.io.TFRecordWriter | None) -> None:
        if file_handle is not None:
            file_handle.close()
