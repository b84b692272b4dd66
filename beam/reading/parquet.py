"""Parquet, whose rows become tf.Examples as TFX's own Parquet executor makes them."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from apache_beam.io.filesystems import FileSystems
from pyarrow import parquet

from tfx_explain.beam.columns import encode_columns


def parquet_rows(path: str, types: Mapping[str, pa.DataType], rows: int) -> Iterator[np.ndarray]:
    """Yields a file's rows as serialized tf.Examples, object `[some]`, in their order.

    A null and an empty list are a missing feature, for which the model's default counts. A null in a list of floats
    becomes NaN, which fails its row.

    Args:
      path: The file.
      types: By column, int64, float32 or large_binary, where a schema says it.
      rows: How many rows to read at once.

    Raises:
      ValueError: The file is damaged, or has a column that no feature of an example can hold, or two of one name.
    """
    try:
        with FileSystems.open(path) as file:
            opened = parquet.ParquetFile(file)
            _check_names(opened.schema_arrow.names)
            for batch in opened.iter_batches(rows):
                columns = {
                    name: _lists(name, column, types.get(name))
                    for name, column in zip(batch.schema.names, batch.columns, strict=True)
                }
                if batch.num_rows:
                    yield encode_columns(columns, batch.num_rows)
    except (pa.ArrowException, OSError) as error:
        first_line = str(error).partition("\n")[0]
        raise ValueError(f"{path} is damaged, or not a Parquet file that examples can be: {first_line}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _check_names(names: Sequence[str]) -> None:
    twice = [name for name, count in collections.Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"Two columns are named {twice[0]!r}; rename all but the one that is the feature.")


def _lists(name: str, column: pa.Array, wanted: pa.DataType | None) -> pa.Array:
    """A column of numbers or texts, or of lists of them, as the lists of a feature; null where it is missing."""
    of_one_size = pa.types.is_fixed_size_list(column.type)
    nested = of_one_size or pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
    values = _decoded(column.flatten()) if nested else _decoded(column).drop_null()
    if not len(values):  # whatever they would be
        values = pa.nulls(0)
    known = _example_type(values.type)
    if pa.types.is_decimal(values.type):  # a float or an integer: only a schema can tell
        known = wanted
    if known is None:
        raise ValueError(
            f"Column {name!r} has type {column.type}; an example's feature is numbers or texts, or a list of them. "
            "Write it as one of these (a decimal as a float, a date as a number or a text), or leave it out."
        )
    if nested and not of_one_size:
        counts = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    else:
        there = _decoded(column).is_valid().to_numpy(zero_copy_only=False)
        counts = there.astype(np.int64) * (column.type.list_size if of_one_size else 1)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    # A list is null where its offset is.
    lacking = np.append(counts == 0, False)
    return pa.LargeListArray.from_arrays(
        pa.array(offsets, pa.int64(), mask=lacking), _cast(name, values, wanted or known)
    )


def _cast(name: str, values: pa.Array, to: pa.DataType) -> pa.Array:
    try:
        values = values.cast(to)
    except pa.ArrowException as error:
        first_line = str(error).partition("\n")[0]
        raise ValueError(f"Column {name!r} of type {values.type} can't be read as {to}: {first_line}") from error
    if values.null_count and not pa.types.is_floating(to):
        raise ValueError(
            f"Column {name!r} has lists with nulls in them, which a feature of {to} can't hold; leave them out of the "
            "lists, or write another value for them."
        )
    return values.fill_null(np.nan) if values.null_count else values


def _decoded(values: pa.Array) -> pa.Array:
    """Values as they are, where they were encoded by a dictionary, as pandas' categories are."""
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _example_type(values: pa.DataType) -> pa.DataType | None:
    if pa.types.is_boolean(values) or pa.types.is_integer(values):
        return pa.int64()
    if pa.types.is_floating(values) or pa.types.is_null(values):
        return pa.float32()
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    texts += (pa.types.is_fixed_size_binary,)
    return pa.large_binary() if any(check(values) for check in texts) else None
