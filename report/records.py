"""Attribution records as tables, and a sample of them that is the same on every machine."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import tensorflow as tf
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from tfx_explain.beam.reading.sample import row_hashes
from tfx_explain.gate.reading.shards import record_files
from tfx_explain.metrics.extractor import model_rows
from tfx_explain.metrics.rows import NOT_EXPLAINED
from tfx_explain.proto.printable import first_line, text_of
from tfx_explain.storage import columns
from tfx_explain.storage.integrity import read_whole

ROW, VALUE = "row", "value"
ATTRIBUTION, OUTPUT = "attribution", "output"
LEVELS = ["of", "what", "name"]

BATCH_SIZE = 1000


def files_of(folder: str) -> list[str]:
    """Returns the files of records in the folder of a split, sorted.

    Raises:
      ValueError: One is missing, or there are files of several writings.
    """
    try:
        return record_files(folder)
    except ValueError as error:
        raise ValueError(f"There is damage in {folder}: {error}") from error


def read_records(folders: Sequence[str]) -> Iterator[np.ndarray]:
    """Yields serialized records, object `[some]`, of the splits in some folders.

    Raises:
      ValueError: A file is damaged or missing.
    """
    for folder in folders:
        for path in files_of(folder):
            yield from read_whole(path, BATCH_SIZE)


def decode(records: np.ndarray) -> pa.RecordBatch:
    """Returns serialized records, object `[rows]`, by columns.

    Raises:
      ValueError: They are no tf.Examples, or a feature has values of different types.
    """
    try:
        return ExamplesToRecordBatchDecoder().DecodeBatch(records.tolist())
    except (RuntimeError, tf.errors.OpError) as error:
        raise ValueError(f"There are records that can't be read: {first_line(error)}") from error


def to_frame(batch: pa.RecordBatch, class_name: str = "", features: Collection[str] | None = None) -> pd.DataFrame:
    """Returns records as a table; see `frame.read_attributions` for its columns.

    Args:
      batch: The records.
      class_name: The class whose attributions are meant; empty: the first one of each record.
      features: The features to keep; None: all.
    """
    table: dict[tuple[str, str, str], Any] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if not columns.is_explanation_column(name) and (features is None or name in features):
            table[ROW, VALUE, name] = _values(column)
    for model in columns.MODELS:
        attributed = columns.attributed_features(batch.schema.names, model)
        kept = tuple(name for name in attributed if features is None or name in features)
        if not attributed:
            continue
        found = model_rows(batch, model, kept, class_name)
        table |= {(model, ATTRIBUTION, name): found.attributions[:, index] for index, name in enumerate(kept)}
        table |= {(model, OUTPUT, field): found.field(field) for field in columns.FIELDS}
        index = table[model, OUTPUT, columns.OUTPUT_INDEX]
        table[model, OUTPUT, columns.OUTPUT_INDEX] = np.where(index == NOT_EXPLAINED, np.nan, index)
        quantity = batch.schema.get_field_index(columns.field_column(model, columns.EXPLAINED_QUANTITY))
        if quantity >= 0:
            table[model, OUTPUT, columns.EXPLAINED_QUANTITY] = _values(batch.column(quantity))
    frame = pd.DataFrame(table, index=pd.RangeIndex(batch.num_rows))
    frame.columns = pd.MultiIndex.from_tuples(list(table), names=LEVELS)
    return frame


def as_numbers(values: pd.Series) -> np.ndarray:
    """Returns a raw feature as float64 `[rows]`: texts, and lists, by their place in order; NaN: missing."""
    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(np.float64)
    codes = pd.Categorical(values.map(str, na_action="ignore")).codes.astype(np.float64)
    return np.where(codes < 0, np.nan, codes)


class SmallestHashes:
    """A sample of records in bounded memory: those with the smallest hashes of their bytes, in the order of these."""

    def __init__(self, rows: int, most_bytes: int = 2**62) -> None:
        """Makes an empty sample of at most so many rows, which have together at most so many bytes."""
        self._rows, self._bytes = rows, most_bytes
        self._hashes, self._records = np.empty(0, np.uint64), np.empty(0, object)
        self._waiting = 0  # Bytes since it was made smaller.

    def add(self, records: np.ndarray) -> None:
        """Takes records, object `[some]`, into account."""
        self._join(row_hashes(records), records)

    def merge(self, other: SmallestHashes) -> None:
        """Takes into account what another sample was made of."""
        self._join(other._hashes, other._records)

    def records(self) -> np.ndarray:
        """Returns the sample, object `[at most rows]`."""
        self.shrink()
        return self._records

    def shrink(self) -> None:
        """Drops what is not in the sample."""
        order = np.argsort(self._hashes, kind="stable")[: self._rows]
        sizes = np.cumsum([len(record) for record in self._records[order]])
        order = order[: max(1, np.searchsorted(sizes, self._bytes, side="right"))]
        self._hashes, self._records, self._waiting = self._hashes[order], self._records[order], 0

    def _join(self, hashes: np.ndarray, records: np.ndarray) -> None:
        self._hashes = np.concatenate([self._hashes, hashes])
        self._records = np.concatenate([self._records, records])
        self._waiting += sum(map(len, records))
        # Now and then, not with every batch.
        if len(self._hashes) > 2 * self._rows or self._waiting > self._bytes:
            self.shrink()


def _values(column: pa.Array) -> np.ndarray | list[Any]:
    """Returns a raw feature's values: numbers or texts, NaN or None where missing; lists if a row has several."""
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    if lengths.max(initial=0) > 1:
        return [None if row is None else [_plain(value) for value in row] for row in column.to_pylist()]
    # `flatten` leaves the values of null lists out.
    found = column.flatten().to_numpy(zero_copy_only=False)
    if found.dtype == object:
        found = np.array([_plain(value) for value in found], object)
    elif len(found) == len(lengths):
        return found.astype(np.float64) if found.dtype.kind == "f" else found
    result = np.full(len(lengths), None, object) if found.dtype == object else np.full(len(lengths), np.nan)
    result[lengths > 0] = found
    return result


def _plain(value: Any) -> Any:
    return text_of(value) if isinstance(value, bytes) else value
