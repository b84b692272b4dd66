"""Reading the rows of a split, file by file: TFRecords of tf.Examples, or Parquet, whose rows become tf.Examples."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam
import numpy as np
import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_explain.beam.reading.batches import RowBatch, batched
from tfx_explain.beam.reading.parquet import parquet_rows
from tfx_explain.beam.reading.sample import FindLimit, Limit, row_hashes
from tfx_explain.proto import explanation_pb2
from tfx_explain.storage.integrity import read_whole
from tfx_explain.storage.paths import matching

TF_EXAMPLE = "tf.Example"
PARQUET = "Parquet"

_CHUNK_ROWS = 256
_ARROW_TYPES = {
    schema_pb2.INT: pa.int64(),
    schema_pb2.FLOAT: pa.float32(),
    schema_pb2.BYTES: pa.large_binary(),
}


@dataclasses.dataclass(frozen=True)
class Format:
    """How a split's files are read.

    Attributes:
      name: `TF_EXAMPLE` (TFRecords, gzipped where names end in `.gz`) or `PARQUET`.
      schema: A serialized TFMD schema: the types that Parquet's columns are read as; may be empty.
    """

    name: str = TF_EXAMPLE
    schema: bytes = b""

    def chunks(self, path: str) -> Iterator[np.ndarray]:
        """Yields a file's records, object `[some]`, in their order.

        Raises:
          ValueError: The file is damaged, or holds what can't be an example.
        """
        if self.name == TF_EXAMPLE:
            return read_whole(path, _CHUNK_ROWS)
        return parquet_rows(path, self._arrow_types(), _CHUNK_ROWS)

    def _arrow_types(self) -> dict[str, pa.DataType]:
        schema = schema_pb2.Schema.FromString(self.schema)
        return {feature.name: _ARROW_TYPES[feature.type] for feature in schema.feature if feature.type in _ARROW_TYPES}


def list_files(patterns: Sequence[str]) -> list[str]:
    """Returns the files that match, each once, sorted by name; those that are hidden, by a dot or underscore, left out.

    Raises:
      ValueError: There is none.
    """
    matched = {path for pattern in patterns for path in matching(pattern)}
    files = sorted(path for path in matched if not path.rpartition("/")[2].startswith((".", "_")))
    if not files:
        raise ValueError(f"No file matches {', '.join(patterns)}; check the path of the examples.")
    return files


def first_records(files: Sequence[str], form: Format, count: int) -> list[bytes]:
    """Returns the first records of some files, `count` or as many as there are."""
    records: list[bytes] = []
    for path in files:
        for chunk in form.chunks(path):
            records.extend(chunk[: count - len(records)])
            if len(records) == count:
                return records
    return records


class ReadBatches(beam.PTransform):
    """Reads files into `RowBatch`es.

    A batch never spans files, and the workers share out whole files: the batches, and so the results to the last bit,
    are the same on every runner, in any order of the files and at any parallelism. TFRecord files can't be split
    anyway; for more workers than files, write more files.
    """

    def __init__(self, files: Sequence[str], form: Format, sample: explanation_pb2.Sample | None = None) -> None:
        """Keeps what to read.

        Args:
          files: Paths.
          form: How they are read.
          sample: Which rows; None or not set: all.
        """
        super().__init__()
        self._files, self._form = list(files), form
        self._sample = sample or explanation_pb2.Sample()

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection[RowBatch]:
        """Builds the transform."""
        # Of the paths alone: rows are never shuffled, nor held by the runner.
        files = pipeline | "Files" >> beam.Create(self._files)
        size = self._sample.WhichOneof("size")
        if size == "rows":
            smallest = files | "Hash" >> beam.ParDo(_HashDoFn(self._form))
            limit = smallest | "FindLimit" >> beam.CombineGlobally(FindLimit(self._sample.rows))
            return files | "Read" >> beam.ParDo(_ReadDoFn(self._form), beam.pvalue.AsSingleton(limit))
        limit = Limit.of_fraction(self._sample.fraction) if size == "fraction" else None
        return files | "Read" >> beam.ParDo(_ReadDoFn(self._form), limit)


class _HashDoFn(beam.DoFn):
    def __init__(self, form: Format) -> None:
        self._form = form

    def process(self, path: str) -> Iterator[tuple[str, np.ndarray]]:
        for chunk in batched(self._form.chunks(path)):
            yield path, row_hashes(chunk)


class _ReadDoFn(beam.DoFn):
    def __init__(self, form: Format) -> None:
        self._form = form

    def process(self, path: str, limit: Limit | None) -> Iterator[RowBatch]:
        if limit is None:
            for records in batched(self._form.chunks(path)):
                yield RowBatch(records, path)
            return
        sampled = _Sampled(path, limit)
        for records in batched(sampled.choose(self._form.chunks(path))):
            yield RowBatch(records, path, sampled.take_passed_over())
        yield RowBatch(np.empty(0, object), path, sampled.take_passed_over())


class _Sampled:
    """A file's rows that are within a limit, and a count of the others."""

    def __init__(self, path: str, limit: Limit) -> None:
        self._path, self._limit = path, limit
        self._passed_over = 0

    def choose(self, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        ties = 0
        for chunk in chunks:
            taken, ties = self._limit.taken(row_hashes(chunk), self._path, ties)
            self._passed_over += int(np.count_nonzero(~taken))
            yield chunk[taken]

    def take_passed_over(self) -> int:
        count, self._passed_over = self._passed_over, 0
        return count
