"""Baselines of raw features: what stands for "nothing known" about each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format, struct_pb2

from tfx_explain.savedmodel.features import Feature
from tfx_explain.savedmodel.statistics import FeatureSummary

MEDIAN, MODE, ZERO, GIVEN = "median", "mode", "zero", "given"


@dataclass(frozen=True)
class Baseline:
    """One baseline value, the same for every element of the feature's tensor, and where it comes from."""

    value: float | int | str | bool
    source: str


def choose_baseline(feature: Feature, statistics: FeatureSummary) -> Baseline:
    """The median of a numeric feature, the most frequent value of a categorical one; zero or '' where unknown."""
    if statistics.top_values:
        top = statistics.top_values[0]
        if feature.dtype == tf.string:
            return Baseline(top.decode(), MODE)
        return Baseline(_number(float(top), feature.dtype), MODE)
    if feature.dtype != tf.string and statistics.median is not None:
        return Baseline(_number(statistics.median, feature.dtype), MEDIAN)
    if feature.dtype == tf.string:
        return Baseline("", ZERO)
    return Baseline(_number(0.0, feature.dtype), ZERO)


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
    values = [json_format.MessageToDict(value) for value in given] or [
        choose_baseline(feature, FeatureSummary()).value
    ] * count
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
    expected = {tf.string: (str,), tf.bool: (bool,)}.get(feature.dtype, (int, float))
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
