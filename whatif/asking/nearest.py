"""How far rows are from a row: what differs, each feature by its own measure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from tfx_explain.savedmodel import Feature

# Larger lists of numbers, such as pictures, are the same or not.
_MOST_NUMBERS = 64


class Distances:
    """Distances to the rows of a sample.

    A feature adds the difference of its numbers in standard deviations over the sample, the mean over its values where
    it has several; a text, a category, a list of another length or a missing value adds 1 where it is another.
    """

    def __init__(self, batch: pa.RecordBatch, features: Mapping[str, Feature], categories: Collection[str]) -> None:
        """Measures the sample.

        Args:
          batch: What the models read, `[rows]`.
          features: The same by name.
          categories: The features whose numbers are names.
        """
        self._rows = batch.num_rows
        self._numbers: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._others: dict[str, list[tuple[Any, ...] | None]] = {}
        for name, feature in features.items():
            column = _column(batch, name)
            matrix = None if name in categories or feature.dtype == tf.string else _matrix(column)
            if matrix is None:
                self._others[name] = _lists(column)
            else:
                self._numbers[name] = (matrix, _spread(matrix))

    def to(self, batch: pa.RecordBatch) -> np.ndarray:
        """Returns float64 `[rows]`, the distance of each row of the sample to the one of `batch`."""
        total = np.zeros(self._rows)
        for name, (matrix, spread) in self._numbers.items():
            total += _differences(matrix, spread, _column(batch, name))
        for name, lists in self._others.items():
            (own,) = _lists(_column(batch, name))
            total += np.fromiter((values != own for values in lists), bool, self._rows)
        return total


def _differences(matrix: np.ndarray, spread: np.ndarray, column: pa.Array) -> np.ndarray:
    """Of a feature of numbers, float64 `[rows]`."""
    missing = np.isnan(matrix).all(axis=1)
    values = np.asarray(column.flatten().to_numpy(zero_copy_only=False), np.float64)
    if len(values) != matrix.shape[1]:
        return np.where(missing, float(len(values) > 0), 1.0)
    apart = np.abs(matrix - values)
    scaled = np.where(spread > 0, apart / np.where(spread > 0, spread, 1.0), apart > 0).mean(axis=1)
    return np.where(missing | np.isnan(scaled), 1.0, scaled)


def _spread(matrix: np.ndarray) -> np.ndarray:
    """Standard deviations, float64 `[values]`, over the rows that have the feature."""
    known = matrix[~np.isnan(matrix).any(axis=1)]
    return known.std(axis=0) if len(known) else np.zeros(matrix.shape[1])


def _matrix(column: pa.Array) -> np.ndarray | None:
    """Numbers as float64 `[rows, values]`, NaN where missing; None where rows have different lengths, or long ones."""
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    size = int(lengths.max(initial=0))
    if size > _MOST_NUMBERS or not np.isin(lengths, (0, size)).all():
        return None
    matrix = np.full((len(lengths), max(size, 1)), np.nan)
    if size:
        matrix[lengths > 0] = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, size)
    return matrix


def _lists(column: pa.Array) -> list[tuple[Any, ...] | None]:
    """Each row's values; None where missing."""
    return [tuple(values) if values else None for values in column.to_pylist()]


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    return batch.column(batch.schema.get_field_index(name))
