"""Which value each column of a feature's encoded tensor stands for, where it is zeros and ones by a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.savedmodel.analysis.features import Feature
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.slots import raw_encoder, slot_of
from tfx_explain.savedmodel.rows.baselines import raw_baselines

MOST_COLUMNS = 100


def column_names(read: ReadModel, feature: Feature, encoded: Sequence[str], vocabulary: Sequence[Any]) -> list[str]:
    """Names of the columns of the only encoded tensor, `feature=value`; `feature=?` for values that nobody knows.

    Tried rather than read off the graph: each value of the vocabulary alone must make one column 1, another than
    every other value does.

    Args:
        read: the model.
        feature: a feature that may have several values at once; others are one thing, not several.
        encoded: its encoded tensors.
        vocabulary: all the values that the model knows.

    Returns:
        The names, or none where the tensor is something else.
    """
    columns = read.specs[encoded[0]].shape[-1] if len(encoded) == 1 and read.specs[encoded[0]].shape.rank == 2 else None
    is_multiple = feature.is_sparse or feature.shape[1:].num_elements() != 1
    if not (columns and is_multiple and 1 < columns <= MOST_COLUMNS and 0 < len(vocabulary) <= columns):
        return []
    number = len(vocabulary)
    values: dict[str, Any] = {}
    for other in read.features.by_name.values():
        values[other.values] = raw_baselines(other, [], number + 1)
    combined = [vocabulary[0], vocabulary[-1]]
    values[feature.values] = _rows(feature, [*([value] for value in vocabulary), combined])
    slot = slot_of(read, encoded[0])
    try:
        ones = np.asarray(raw_encoder(read, values, [slot])(values)[slot.key])
    except tf.errors.OpError:  # the model takes one value a row, whatever its parser says
        return []
    places = ones[:number].argmax(1)
    expected = np.concatenate([np.eye(columns)[places], np.eye(columns)[places[[0, -1]]].max(0, keepdims=True)])
    if len(set(places.tolist())) < number or not np.array_equal(ones, expected):
        return []
    known = {int(place): _text(value) for place, value in zip(places, vocabulary, strict=True)}
    others = [place for place in range(columns) if place not in known]
    unknown = {place: f"?{place}" if len(others) > 1 else "?" for place in others}
    return [f"{feature.name}={(known | unknown)[place]}" for place in range(columns)]


def _rows(feature: Feature, rows: Sequence[list[Any]]) -> tf.Tensor | tf.RaggedTensor:
    """Rows with these values; where a row has a fixed number of them, the last is repeated."""
    if feature.is_sparse:
        return tf.ragged.constant(rows, feature.dtype, ragged_rank=1)
    shape = [size or 2 for size in feature.shape[1:].as_list()]
    count = int(np.prod(shape))
    filled = [np.reshape([*row, *row[-1:] * count][:count], shape).tolist() for row in rows]
    return tf.constant(filled, feature.dtype)


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
