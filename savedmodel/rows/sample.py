"""Rows of data as a model reads them: what they say of each feature, and which of them stand for the others."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.slots import Tensor, encoder, slot_of
from tfx_explain.savedmodel.graph.errors import cause
from tfx_explain.savedmodel.rows.baselines import to_json
from tfx_explain.savedmodel.rows.representative import representative_rows
from tfx_explain.savedmodel.rows.statistics import FeatureSummary, is_typical

MOST_ROWS = 1000


class Sample:
    """The values of some rows, by feature.

    Attributes:
        num_rows: how many there are.
        rows: as the signature takes them: serialized examples `[rows]`, or inputs `[rows, ...]` by name.
        values: raw tensors `[rows, ...]` by feature name; ragged where rows have different numbers of values.
    """

    def __init__(self, read: ReadModel, examples: Iterable[bytes]) -> None:
        """Reads the first `MOST_ROWS` of `examples` as the model would.

        Args:
            read: the model.
            examples: serialized tf.Examples. Where the model takes tensors, their features are named like its inputs.

        Raises:
            ValueError: if there are none, or the model cannot read them.
        """
        serialized = list(itertools.islice(examples, MOST_ROWS))
        if not serialized:
            raise ValueError("The `examples` have no rows; give some, or leave them out.")
        self.num_rows = len(serialized)
        features = [feature for feature in read.features.by_name.values() if feature.values in read.specs]
        try:
            self.rows = _rows(read, serialized)
            tensors = encoder(read, [slot_of(read, feature.values) for feature in features])(self.rows)
        except (tf.errors.OpError, ValueError) as error:
            raise ValueError(
                f"The model cannot read the `examples`: {cause(error)}. Give serialized tf.Examples such as it serves."
            ) from error
        self.values: dict[str, Tensor] = {feature.name: tensors[feature.values] for feature in features}

    def summaries(self) -> dict[str, FeatureSummary]:
        """What the rows say of each feature."""
        return {name: _summary(tensor) for name, tensor in self.values.items()}

    def of_columns(self, name: str) -> list[FeatureSummary]:
        """What the rows say of each column of a feature that is a matrix `[rows, columns]`."""
        return [_summary(column) for column in tf.unstack(self.values[name], axis=1)]

    def representatives(self, names: Sequence[str], count: int) -> dict[str, list[Any]]:
        """The values of some features in at most `count` rows that stand for all, as JSON has them."""
        columns = {name: _column(self.values[name]) for name in names}
        finite = np.all(
            [np.isfinite(column).all(1) for column in columns.values() if column.dtype.kind == "f"] or [True], axis=0
        )
        numbers = np.flatnonzero(np.broadcast_to(finite, [self.num_rows]))
        if not numbers.size:
            raise ValueError("Each of the examples has a value that is no finite number; choose other `baselines`.")
        chosen = numbers[representative_rows([column[numbers] for column in columns.values()], count)]
        return {name: [_as_baseline(self.values[name], int(row)) for row in chosen] for name in names}


def filled(summary: FeatureSummary, other: FeatureSummary) -> FeatureSummary:
    """A summary, with what it doesn't know taken from another."""
    unknown = FeatureSummary()
    known = {name: value for name, value in vars(summary).items() if value != getattr(unknown, name)}
    return dataclasses.replace(other, **known)


def _rows(read: ReadModel, serialized: Sequence[bytes]) -> Any:
    """What the signature takes for some serialized tf.Examples."""
    if read.features.examples_input:
        return tf.constant(serialized)
    specs = read.signature.input_specs
    parsed = tf.io.parse_example(tf.constant(serialized), {name: _parsed_as(spec) for name, spec in specs.items()})
    dense = {name: value.to_tensor() if isinstance(value, tf.RaggedTensor) else value for name, value in parsed.items()}
    return {name: tf.cast(value, specs[name].dtype) for name, value in dense.items()}


def _parsed_as(spec: tf.TensorSpec) -> Any:
    dtype = spec.dtype
    if dtype != tf.string:
        dtype = tf.float32 if dtype.is_floating else tf.int64
    if spec.shape[1:].is_fully_defined():
        return tf.io.FixedLenFeature(spec.shape[1:].as_list(), dtype)
    return tf.io.RaggedFeature(dtype)


def _summary(tensor: Tensor) -> FeatureSummary:
    is_ragged = isinstance(tensor, tf.RaggedTensor)
    values = (tensor.flat_values if is_ragged else tensor).numpy().reshape(-1)
    most = int(tf.reduce_max(tensor.row_lengths())) if is_ragged else values.size // max(len(tensor), 1)
    if tensor.dtype == tf.string:
        ranked, typical = _ranked(values)
        return FeatureSummary(top_values=ranked, top_is_typical=typical, most_values=most)
    numbers = values.astype(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        return FeatureSummary(most_values=most)
    ranked, typical = ((), None) if tensor.dtype.is_floating else _ranked(values)
    return FeatureSummary(
        top_values=tuple(b"%d" % int(value) for value in ranked),
        top_is_typical=typical,
        median=float(np.median(numbers)),
        mean=float(numbers.mean()),
        stddev=float(numbers.std()),
        minimum=float(numbers.min()),
        maximum=float(numbers.max()),
        most_values=most,
    )


def _as_baseline(tensor: Tensor, row: int) -> Any:
    """A row's values as JSON has them; a scalar stands for the one value of a dense row."""
    values = tensor[row].numpy()
    values = values if isinstance(values, bytes) else values.tolist()
    if not isinstance(tensor, tf.RaggedTensor):
        while isinstance(values, list) and len(values) == 1:
            (values,) = values
    return to_json(values)


def _ranked(values: np.ndarray) -> tuple[tuple[Any, ...], bool | None]:
    """Different values, the most frequent first, and whether that one is typical; None where there is none."""
    counts = Counter(values.tolist())
    ranked = tuple(sorted(counts, key=lambda value: (-counts[value], value)))
    return ranked, is_typical(counts[ranked[0]], len(values), len(ranked)) if ranked else None


def _column(tensor: Tensor) -> np.ndarray:
    """A feature's values `[rows, values]`: floats, or bytes; rows of different lengths are each one value."""
    if isinstance(tensor, tf.RaggedTensor):
        return np.array([[repr(row).encode()] for row in tensor.to_list()])
    array = tensor.numpy()
    array = array.reshape(len(array), -1)
    return array.astype(bytes) if tensor.dtype == tf.string else array.astype(np.float64)
