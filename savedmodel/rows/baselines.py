"""Baselines of raw features: what stands for "nothing known" about each."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format, struct_pb2

from tfx_explain.savedmodel.analysis.features import Feature
from tfx_explain.savedmodel.metadata.nearest import nearest
from tfx_explain.savedmodel.rows.statistics import FeatureSummary

ZERO, MEDIAN, MODE, MEAN, EXAMPLES, GIVEN = "zero", "median", "mode", "mean", "examples", "given"
_BASE64 = "b64"
_ROWS = 5  # of "examples" without a number


@dataclass(frozen=True)
class Choice:
    """A kind of baseline that a user chose.

    Attributes:
        kind: `zero`, `median`, `mode`, `mean` or `examples`.
        count: how many baselines it makes; more than 1 for `examples` only.
    """

    kind: str
    count: int = 1


@dataclass(frozen=True)
class Baseline:
    """One baseline, as the metadata holds it: a scalar for every element of the feature's tensor, or a list.

    Where its parts are from several sources, `source` is these, with commas between them.
    """

    value: Any
    source: str


def parse_choices(names: Sequence[str], *, has_statistics: bool, has_examples: bool) -> tuple[Choice, ...]:
    """Reads kinds of baselines: `zero`, `median`, `mode`, `mean`, `examples`, `examples:K`. None: `median`.

    Raises:
        ValueError: if one is no such kind, stands there twice, or needs statistics or examples that are not given.
    """
    if isinstance(names, str):
        raise ValueError(f"`baselines` is {names!r}: give a list of kinds, such as [{names!r}].")
    choices = tuple(_parse(name) for name in names)
    kinds = [choice.kind for choice in choices]
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise ValueError(f"`baselines` name {kind!r} twice; leave one out.")
        if kind == EXAMPLES and not has_examples:
            raise ValueError(
                "`baselines` name 'examples', but no examples are given; give `examples`, or another kind."
            )
        if kind in (MEDIAN, MODE, MEAN) and not (has_statistics or has_examples):
            raise ValueError(
                f"`baselines` name {kind!r}, but neither statistics nor examples are given; give `statistics` or "
                "`examples`, or choose 'zero'."
            )
    return choices or (Choice(MEDIAN),)


def choose_baselines(
    feature: Feature, known: FeatureSummary, modality: str, choices: Sequence[Choice], rows: Sequence[Any]
) -> list[Baseline]:
    """A feature's baselines, as many whatever the feature.

    Args:
        feature: the feature.
        known: what is known of its values. Where that isn't enough, a baseline is zero, '' for text; so it is of texts
            that hardly repeat, unless the most frequent one is asked for (`mode`), and lists of such names are empty.
        modality: of the feature: the typical value is the most frequent one of a categorical feature, else the median.
        choices: the kinds of baselines.
        rows: the feature's value in each of the representative rows.
    """
    found = []
    for choice in choices:
        if choice.kind == EXAMPLES:
            found += [Baseline(row, EXAMPLES) for row in rows]
        elif choice.kind == ZERO:
            found.append(_zero(feature))
        elif choice.kind == MEAN and modality != "categorical" and known.mean is not None:
            found.append(Baseline(_number(known.mean, feature.dtype), MEAN))
        else:
            found.append(_typical(feature, known, modality, choice.kind == MODE))
    return found


def column_baselines(
    feature: Feature, known: Sequence[FeatureSummary], choices: Sequence[Choice], rows: Sequence[Any]
) -> list[Baseline]:
    """A matrix's baselines, each made of those of its columns; one number where it is the same for all of them.

    Args:
        feature: the matrix, `[rows, columns]`.
        known: what is known of each column's values.
        choices: the kinds of baselines.
        rows: the feature's values in each of the representative rows.
    """
    columns = [
        choose_baselines(feature, summary, "numeric", choices, [row[i] for row in rows])
        for i, summary in enumerate(known)
    ]
    found = []
    for parts in zip(*columns, strict=True):
        values = [part.value for part in parts]
        sources = dict.fromkeys(part.source for part in parts)
        found.append(Baseline(values if len(set(values)) > 1 else values[0], ", ".join(sources)))
    return found


def _parse(name: str) -> Choice:
    kind, _, count = name.partition(":")
    kinds = (ZERO, MEDIAN, MODE, MEAN, EXAMPLES)
    if kind not in kinds:
        raise ValueError(f"There is no kind of baseline {name!r}; {nearest(kind, [*kinds, 'examples:K'])}")
    if kind != EXAMPLES and ":" in name:
        raise ValueError(f"The baseline {name!r} takes no number; write {kind!r}.")
    if ":" in name and not (count.isdecimal() and int(count) > 0):
        raise ValueError(f"The baseline {name!r} needs a number of rows of at least 1, such as 'examples:{_ROWS}'.")
    return Choice(kind, int(count or _ROWS) if kind == EXAMPLES else 1)


def hardly_repeats(feature: Feature, known: FeatureSummary, modality: str) -> bool:
    """Whether a feature's names are so many and so different that the empty text, or list, stands for them better."""
    has_empty = feature.dtype == tf.string or (feature.is_sparse and modality == "categorical")
    return has_empty and known.top_is_typical is False


def _typical(feature: Feature, known: FeatureSummary, modality: str, is_mode: bool) -> Baseline:
    median = None if feature.dtype == tf.string else known.median
    if hardly_repeats(feature, known, modality) and not is_mode:
        return Baseline([] if feature.is_sparse else "", ZERO)
    if known.top_values and (modality == "categorical" or median is None):
        top = known.top_values[0]
        return Baseline(to_json(top) if feature.dtype == tf.string else _number(float(top), feature.dtype), MODE)
    return _zero(feature) if median is None else Baseline(_number(median, feature.dtype), MEDIAN)


def _zero(feature: Feature) -> Baseline:
    return Baseline("" if feature.dtype == tf.string else _number(0.0, feature.dtype), ZERO)


def to_json(value: Any) -> Any:
    """A tensor's value as JSON has it: bytes are text, or, where they are none, `{"b64": ...}` as in TF Serving."""
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {_BASE64: base64.b64encode(value).decode()}


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    if isinstance(value, dict) and set(value) == {_BASE64}:
        return base64.b64decode(value[_BASE64])
    return value


def to_proto(value: Any) -> struct_pb2.Value:
    """A baseline (scalar or nested list) as the metadata holds it."""
    return json_format.ParseDict(value, struct_pb2.Value())


def raw_baselines(
    feature: Feature, given: Sequence[struct_pb2.Value], count: int, key: str = "input_baselines"
) -> tf.Tensor | tf.RaggedTensor:
    """Baselines `[baselines, ...]` of a feature's raw tensor; ragged `[baselines, (values)]` where it is sparse.

    Axes of unknown size are 1 where no list says otherwise.

    Args:
        feature: the feature.
        given: scalars, which fill the tensor's shape, or lists of that shape. Empty: zeros.
        count: number of zeros where nothing is given.
        key: the metadata's key of `given`, for errors.

    Raises:
        ValueError: if a baseline has another type or shape than the tensor.
    """
    values = [_from_json(json_format.MessageToDict(value)) for value in given] or [_zero(feature).value] * count
    if feature.is_sparse:
        rows = [value if isinstance(value, list) else [value] for value in values]
        arrays = [_array(feature, row, (len(row),), key) for row in rows]
        return tf.RaggedTensor.from_row_lengths(
            tf.constant(np.concatenate(arrays).tolist(), feature.dtype, shape=(sum(map(len, rows)),)),
            tf.constant([len(row) for row in rows], tf.int64),
        )
    arrays = [_array(feature, value, tuple(feature.shape[1:].as_list()), key) for value in values]
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    stacked = np.stack([np.broadcast_to(array, shape) for array in arrays])
    return tf.constant(stacked.tolist(), feature.dtype, shape=stacked.shape)


def _array(feature: Feature, value: Any, shape: tuple[int | None, ...], key: str) -> np.ndarray:
    kind = object if feature.dtype == tf.string else feature.dtype.as_numpy_dtype
    try:
        array = np.asarray(value, dtype=kind)
    except (TypeError, ValueError) as error:
        raise ValueError(_mismatch(feature, value, shape, key)) from error
    expected = {tf.string: (str, bytes), tf.bool: (bool,)}.get(feature.dtype, (int, float))
    fits = all(type(item) in expected for item in np.asarray(value, dtype=object).reshape(-1))
    if not fits or not (array.shape == () or tf.TensorShape(shape).is_compatible_with(array.shape)):
        raise ValueError(_mismatch(feature, value, shape, key))
    if feature.dtype.is_integer and not np.array_equal(array, np.asarray(value, dtype=np.float64)):
        raise ValueError(_mismatch(feature, value, shape, key))
    return array if array.shape else np.broadcast_to(array, [size or 1 for size in shape])


def _mismatch(feature: Feature, value: Any, shape: tuple[int | None, ...], key: str) -> str:
    got = f"{type(value).__name__} of shape {list(np.shape(np.asarray(value, dtype=object)))}"
    return (
        f"{key} of {feature.name!r}: got a {got}; give a {feature.dtype.name} scalar or a list of shape {list(shape)}"
    )


def _number(value: float, dtype: tf.DType) -> float | int | bool:
    if dtype == tf.bool:
        return bool(value)
    return round(value) if dtype.is_integer else float(value)
