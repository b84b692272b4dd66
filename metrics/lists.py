"""Lists in the columns of attribution records: where a class stands in each, and what stands there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from tfx_explain.storage import columns


def places_of(batch: pa.RecordBatch, class_name: str) -> np.ndarray:
    """Returns where in each record a class of the candidate stands, by name or index, int64 [rows]; -1: nowhere.

    The first place, if no class is named. Where classes have numbers for names, a number is a name and no index,
    whichever classes the record explains.
    """
    if not class_name:
        return np.zeros(batch.num_rows, np.int64)
    names = lists_of(batch, columns.field_column(columns.CANDIDATE, columns.OUTPUT_DISPLAY_NAME))
    found = _first(batch.num_rows, names, lambda values: values == class_name.encode())
    if class_name.isdecimal():
        indices = lists_of(batch, columns.field_column(columns.CANDIDATE, columns.OUTPUT_INDEX))
        by_index = _first(batch.num_rows, indices, lambda values: values == int(class_name))
        has_numbers = _first(batch.num_rows, names, lambda values: [name.isdigit() for name in values]) >= 0
        found = np.where((found < 0) & ~has_numbers, by_index, found)
    return found


def _first(
    rows: int, lists: tuple[np.ndarray, ...] | None, is_it: Callable[[np.ndarray], np.ndarray | list[bool]]
) -> np.ndarray:
    """Returns where in each list the first value is that is looked for, int64 [rows]; -1: nowhere."""
    found = np.full(rows, -1)
    if lists is not None:
        lengths, starts, values = lists
        of_rows = np.repeat(np.arange(rows), lengths)
        there = np.flatnonzero(is_it(values))[::-1]  # the first one of a row is written last
        found[of_rows[there]] = there - starts[of_rows[there]]
    return found


def values_at(batch: pa.RecordBatch, column: str, places: np.ndarray) -> np.ndarray:
    """Returns of each list in a column the value at a place, int64 [rows], as float64 [rows]; NaN: there is none."""
    result = np.full(batch.num_rows, np.nan)
    lists = lists_of(batch, column)
    if lists is not None:
        lengths, starts, values = lists
        filled = np.flatnonzero((places >= 0) & (places < lengths))
        result[filled] = np.asarray(values, np.float64)[starts[filled] + places[filled]]
    return result


def lists_of(batch: pa.RecordBatch, column: str) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Returns the lengths and starts of a column's lists, int64 [rows], and all their values; None: there are none."""
    index = batch.schema.get_field_index(column)
    if index < 0 or pa.types.is_null(batch.schema.field(index).type):
        return None
    lists = batch.column(index)
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    # `flatten` leaves the values of null lists out.
    return lengths, np.cumsum(lengths) - lengths, lists.flatten().to_numpy(zero_copy_only=False)


def spread_over(values: np.ndarray, spread: tuple[np.ndarray, int] | None, filling: Any) -> np.ndarray:
    """Returns values of some rows, `[records, ...]`, as values of all rows, `[rows, ...]`.

    Args:
      values: The values.
      spread: At which of how many rows they belong; None: they are all.
      filling: What the other rows get.
    """
    if spread is None:
        return values
    places, rows = spread
    of_all = np.full((rows, *values.shape[1:]), filling, values.dtype)
    of_all[places] = values
    return of_all
