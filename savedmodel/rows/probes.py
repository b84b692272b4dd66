"""Synthetic rows to try a model on: unequal numbers of values, values that the model's vocabularies know."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.savedmodel.analysis.features import Feature
from tfx_explain.savedmodel.analysis.formats import serialized_wrapper, string_candidates, string_use
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.widths import last_size
from tfx_explain.savedmodel.graph.errors import MissingKernelError, cause, op_without_kernel, without_kernel
from tfx_explain.savedmodel.rows.statistics import FeatureSummary

ROWS = 6
# How many values the rows of a sparse feature get; models differ in what they accept, so each is tried in turn.
_COUNTS: tuple[tuple[int, ...], ...] = ((1, 3, 0, 2, 1, 2), (1, 2, 1, 3, 1, 2), (1, 0, 1, 1, 0, 1), (1, 1, 1, 1, 1, 1))
_OPEN = 3  # the size of an axis that may have any
_NO_VOCABULARY = (b"", b"a", b"b", b"c", b"1", b"2")


def probe_rows(
    read: ReadModel,
    statistics: Mapping[str, FeatureSummary],
    vocabularies: Mapping[str, Sequence[Any]],
    runs: Callable[[Any], Any],
) -> Any:
    """Rows that the model accepts: serialized examples `[rows]`, or signature inputs `[rows, ...]` by name.

    Args:
        read: the model.
        statistics: of the training data, where known: values are drawn from their range and most frequent values.
        vocabularies: values by feature that the model's own tables know.
        runs: evaluates the model on such rows.

    Raises:
        ValueError: if the model accepts none of the attempts.
    """
    error: Exception | None = None
    for rows in _attempts(read, statistics, vocabularies):
        try:
            runs(rows)
        except tf.errors.OpError as failure:
            if op_without_kernel(failure):
                raise MissingKernelError(
                    without_kernel(op_without_kernel(failure), f"Signature {read.signature.name!r}")
                ) from failure
            error = failure
            continue
        return rows
    raise ValueError(
        "The model fails on every synthetic row tried, so its tensors cannot be told apart; give `examples` that it "
        f"serves, or `statistics` of its training data, for real values. It says: {cause(error) if error else ''}."
    ) from error


def _attempts(
    read: ReadModel, statistics: Mapping[str, FeatureSummary], vocabularies: Mapping[str, Sequence[Any]]
) -> Iterator[Any]:
    """Rows to try: with each guess at what strings look like, with each of the numbers of values a row."""
    features = {name: _sized(read, feature) for name, feature in read.features.by_name.items()}
    strings = [name for name, feature in features.items() if feature.dtype == tf.string]
    guesses = {name: _guesses(read, name, vocabularies.get(name, ())) for name in strings}
    for i in range(max([1, *map(len, guesses.values())])):
        guess = {name: found[min(i, len(found) - 1)] for name, found in guesses.items() if found}
        for counts in _COUNTS if any(feature.is_sparse for feature in features.values()) else _COUNTS[:1]:
            rng = np.random.default_rng(0)
            values = {}
            for name, feature in features.items():
                if name in guess:
                    values[name] = _guessed(feature, counts, guess[name])
                else:
                    summary, vocabulary = statistics.get(name, FeatureSummary()), vocabularies.get(name, ())
                    values[name] = _values(feature, counts, summary, vocabulary, rng)
            yield _rows(read, values)


def _sized(read: ReadModel, feature: Feature) -> Feature:
    """The feature with a size for every axis but that of rows."""
    if feature.is_sparse or feature.shape[1:].is_fully_defined():
        return feature
    *inner, last = feature.shape[1:].as_list()
    shape = [None, *(size or _OPEN for size in inner), last or last_size(read, feature) or _OPEN]
    return dataclasses.replace(feature, shape=tf.TensorShape(shape))


def _guesses(read: ReadModel, name: str, vocabulary: Sequence[Any]) -> list[list[bytes]]:
    words = [word for word in vocabulary if isinstance(word, bytes)]
    return string_candidates(string_use(read, name), ROWS, words)


def take(rows: Any, index: Sequence[int]) -> Any:
    """The rows at `index`."""
    if isinstance(rows, Mapping):
        return {name: tf.gather(tensor, index) for name, tensor in rows.items()}
    return tf.gather(rows, index)


def example(values: Mapping[str, np.ndarray | Sequence[Any]]) -> bytes:
    """A serialized tf.Example with the values of one row; the dtype chooses the kind of list."""
    message = tf.train.Example()
    for name, raw in values.items():
        array = np.asarray(raw).reshape(-1)
        feature = message.features.feature[name]
        if array.dtype.kind == "f":
            feature.float_list.value.extend(array.tolist())
        elif array.dtype.kind in "iub":
            feature.int64_list.value.extend(int(value) for value in array)
        else:
            feature.bytes_list.value.extend(v if isinstance(v, bytes) else str(v).encode() for v in array)
    return message.SerializeToString(deterministic=True)


def _rows(read: ReadModel, values: Mapping[str, list[np.ndarray]]) -> Any:
    features = read.features
    if not features.serialized:
        return {
            name: tf.constant(np.stack(rows).tolist(), features.by_name[name].dtype, shape=(ROWS, *rows[0].shape))
            for name, rows in values.items()
        }
    examples = [example({name: rows[i] for name, rows in values.items()}) for i in range(ROWS)]
    if features.examples_input:
        return tf.constant(examples)
    ((name, spec),) = read.signature.input_specs.items()
    wrap = serialized_wrapper(read.graph, features.serialized)
    return {name: tf.reshape(tf.constant([wrap(row) for row in examples]), [ROWS, *[1] * (spec.shape.rank - 1)])}


def _values(
    feature: Feature,
    counts: Sequence[int],
    statistics: FeatureSummary,
    vocabulary: Sequence[Any],
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """One array of values a row."""
    shapes = _shapes(feature, counts, statistics.most_values or max(counts))
    return [_draw(feature.dtype, shape, statistics, vocabulary, rng) for shape in shapes]


def _guessed(feature: Feature, counts: Sequence[int], strings: list[bytes]) -> list[np.ndarray]:
    """One array of strings a row, as `_values`."""
    shapes = _shapes(feature, counts, max(counts))
    return [np.resize(np.roll(np.array(strings, dtype=object), -i), shape) for i, shape in enumerate(shapes)]


def _shapes(feature: Feature, counts: Sequence[int], most: int) -> list[tuple[int, ...]]:
    """The shape of each row's values."""
    if feature.is_sparse:
        return [(min(count, most),) for count in counts]
    return [tuple(int(size or 0) for size in feature.shape[1:])] * ROWS


def _draw(
    dtype: tf.DType,
    shape: tuple[int, ...],
    statistics: FeatureSummary,
    vocabulary: Sequence[Any],
    rng: np.random.Generator,
) -> np.ndarray:
    counted = [value for value in (*statistics.top_values, *statistics.domain_values) if value]
    known = [value for value in counted if value in vocabulary] or counted or list(vocabulary)
    if dtype == tf.string:
        return rng.choice(np.array(known or _NO_VOCABULARY, dtype=object), shape)
    if dtype == tf.bool:
        return rng.random(shape) < 0.5
    if known:
        return rng.choice(np.array([int(float(value)) for value in known]), shape).astype(dtype.as_numpy_dtype)
    low, high = _range(dtype, statistics)
    if dtype.is_floating:
        return rng.uniform(low, high, shape).astype(dtype.as_numpy_dtype)
    return rng.integers(int(low), int(high) + 1, shape).astype(dtype.as_numpy_dtype)


def _range(dtype: tf.DType, statistics: FeatureSummary) -> tuple[float, float]:
    low, high = statistics.minimum, statistics.maximum
    if low is None or high is None or not np.isfinite([low, high]).all():
        return (-1.0, 2.0) if dtype.is_floating else (0, 1)  # small integers are in any embedding's range
    return low, high
