"""Writing batches of records as sharded, gzipped TFRecords."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam
import tensorflow as tf
from apache_beam.io import filebasedsink
from apache_beam.transforms import window
from apache_beam.utils.windowed_value import WindowedValue

from tfx_explain.storage.sink import ExactSink
from tfx_explain.storage.tfrecords import RecordWriter

# Of some thousand rows each. Whatever reads the records reads files in parallel.
_SHARD_BATCHES = 64


class WriteBatches(beam.PTransform):
    """Writes the records of batches, `[some]` each, to `{prefix}-{shard}-of-{shards}.gz`.

    By Beam's own file sink, so that a shard gets its name when it is whole, and a bundle that was tried twice counts
    once; a batch at a time, where Beam's writer takes ten microseconds a record. In three steps, where Beam takes
    eleven: the folder of unfinished shards is made while the pipeline is built, and their paths need no grouping, for a
    side input is whole before it is read. Of no batches, one shard is written, which is empty.
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
        sink = _TFRecordSink(self._prefix)
        unfinished = sink.initialize_write()
        shards = batches | "WriteShards" >> beam.ParDo(_WriteShards(sink, unfinished))
        start = batches.pipeline | "Start" >> beam.Impulse()
        return start | "NameShards" >> beam.FlatMap(_name_shards, sink, unfinished, beam.pvalue.AsIter(shards))


class _WriteShards(beam.DoFn):
    """Writes the batches of a bundle to shards, of which it yields the unfinished paths."""

    def __init__(self, sink: _TFRecordSink, folder: str) -> None:
        self._sink, self._folder = sink, folder
        self._writer: filebasedsink.FileBasedSinkWriter | None = None

    def start_bundle(self) -> None:
        self._writer = None

    def process(self, records: Sequence[bytes]) -> Iterator[str]:
        if self._writer is None:
            self._writer = _writer(self._sink, self._folder)
        self._writer.write(records)
        if self._writer.at_capacity():
            yield self._writer.close()
            self._writer = None

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._writer is not None:
            everywhere = window.GlobalWindow()
            yield WindowedValue(self._writer.close(), everywhere.max_timestamp(), (everywhere,))


def _name_shards(_: bytes, sink: _TFRecordSink, folder: str, shards: Iterable[str]) -> Iterator[str]:
    return sink.finalize_write(folder, list(shards) or [_writer(sink, folder).close()], [])


def _writer(sink: _TFRecordSink, folder: str) -> filebasedsink.FileBasedSinkWriter:
    return sink.open_writer(folder, uuid.uuid4().hex)


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
