"""Writing batches of records as sharded, gzipped TFRecords."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import apache_beam as beam
import tensorflow as tf
from apache_beam.io import filebasedsink

from tfx_explain.storage.sink import ExactSink
from tfx_explain.storage.tfrecords import RecordWriter

# Of some thousand rows each. Whatever reads the records reads files in parallel.
_SHARD_BATCHES = 64


class Shards:
    """Files `{prefix}-{shard}-of-{shards}.gz`, written on workers and named when all are whole.

    By Beam's own file sink, so that a bundle that was tried twice counts once; a batch at a time, where Beam's writer
    takes ten microseconds a record.
    """

    def __init__(self, prefix: str) -> None:
        """Makes the folder of unfinished shards, while the pipeline is built.

        Args:
          prefix: Of the files' paths.
        """
        self._sink = _TFRecordSink(prefix)
        self._folder = self._sink.initialize_write()

    def writer(self) -> filebasedsink.FileBasedSinkWriter:
        """Begins a shard, to which batches of records are written; closing it gives its unfinished path."""
        return self._sink.open_writer(self._folder, uuid.uuid4().hex)

    def name(self, unfinished: Sequence[str]) -> list[str]:
        """Gives all shards their names, and returns these; where there is none, one is written, which is empty."""
        return list(self._sink.finalize_write(self._folder, unfinished or [self.writer().close()], []))


class _TFRecordSink(ExactSink):
    def __init__(self, prefix: str) -> None:
        super().__init__(
            prefix, coder=beam.coders.PickleCoder(), file_name_suffix=".gz", max_records_per_shard=_SHARD_BATCHES
        )

    def open(self, temp_path: str) -> _Shard:
        return _Shard(temp_path)

    def write_record(self, file_handle: _Shard, value: Sequence[bytes]) -> None:
        file_handle.write(value)

    def close(self, file_handle: _Shard | None) -> None:
        if file_handle is not None:
            file_handle.close()


class _Shard:
    """A TFRecord file that is being written, whose errors say so."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._writer = RecordWriter(path)

    def write(self, records: Sequence[bytes]) -> None:
        try:
            self._writer.write(records)
        except tf.errors.OpError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        try:
            self._writer.close()
        except tf.errors.OpError as error:
            raise self._failed(error) from error

    def _failed(self, error: tf.errors.OpError) -> OSError:
        reason = error.message.rpartition("; ")[2]
        folder = self._path.rpartition("/")[0]
        return OSError(f"Attribution records can't be written to {folder}: {reason}. What was written is no artifact.")
