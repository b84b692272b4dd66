"""Reading the rows of a split, file by file: TFRecords of tf.Examples, or Parquet, whose rows become tf.Examples."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.io.filesystems import FileSystems
from pyarrow import parquet
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_explain.beam.columns import encode_columns
from tfx_explain.beam.reading.batches import RowBatch, batched
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
        return read_whole(path, _CHUNK_ROWS) if self.name == TF_EXAMPLE else _parquet_rows(path, self._arrow_types())

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
        files = pipeline | "Files" >> beam.Create(self._files) | "Spread" >> beam.Reshuffle()
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


def _parquet_rows(path: str, types: dict[str, pa.DataType]) -> Iterator[np.ndarray]:
    try:
        with FileSystems.open(path) as file:
            for batch in parquet.ParquetFile(file).iter_batches(_CHUNK_ROWS):
                columns = {
                    name: _lists(name, column, types.get(name))
                    for name, column in zip(batch.schema.names, batch.columns, strict=True)
                }
                if batch.num_rows:
                    yield encode_columns(columns, batch.num_rows)
    except (pa.ArrowException, OSError) as error:
        first_line = str(error).partition("\n")[0]
        raise ValueError(f"{path} is damaged, or not a Parquet file that examples can be: {first_line}") from error


def _lists(name: str, column: pa.Array, wanted: pa.DataType | None) -> pa.Array:
    """A Parquet column, of numbers or texts or of lists of them, as the lists of a tf.Example's feature."""
    nested = pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
    values = column.flatten() if nested else column.drop_null()
    wanted = wanted or _example_type(values.type)
    if wanted is None:
        raise ValueError(
            f"Column {name!r} has type {column.type}; an example's feature is numbers or texts, or a list of them."
        )
    lengths = column.value_lengths().fill_null(0) if nested else column.is_valid().cast(pa.int64())
    offsets = np.concatenate([[0], np.cumsum(lengths.to_numpy(zero_copy_only=False))])
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), values.cast(wanted))


def _example_type(values: pa.DataType) -> pa.DataType | None:
    if pa.types.is_boolean(values) or pa.types.is_integer(values):
        return pa.int64()
    if pa.types.is_floating(values):
        return pa.float32()
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return pa.large_binary() if any(check(values) for check in texts) else None
