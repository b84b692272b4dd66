"""Writing batches of records as sharded, gzipped TFRecords."""

from __future__ import annotations

from collections.abc import Sequence

import apache_beam as beam
import tensorflow as tf

from tfx_explain.storage.sink import ExactSink
from tfx_explain.storage.tfrecords import RecordWriter

# Of some thousand rows each. Whatever reads the records reads files in parallel.
_SHARD_BATCHES = 64


class WriteBatches(beam.PTransform):
    """Writes the records of batches, `[some]` each, to `{prefix}-{shard}-of-{shards}.gz`.

    Beam's own file sink, so that a shard gets its name when it is whole, and a bundle that was tried twice counts once;
    a batch at a time, where Beam's writer takes ten microseconds a record.
    """

    def __init__(self, prefix: str) -> None:
        """Keeps the destination.

        Args:
          prefix: Of the files' paths.
        """
        super().__init__()
        self._prefix = prefix

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        """Builds the transform; it returns the names of the files."""
        return batches | beam.io.Write(_TFRecordSink(self._prefix))


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
