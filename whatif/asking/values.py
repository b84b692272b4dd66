"""A feature's values as people read and write them, and records with other values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from tfx_explain.proto.printable import printable, text_of
from tfx_explain.savedmodel import Feature

# Of one feature of one row: numbers or texts, none where it is missing.
Values: TypeAlias = Sequence["np.float32 | int | bytes"]

# What fits in a field that people edit; longer are pictures and documents.
_LONGEST = 2000
_LARGEST = float(np.finfo(np.float32).max)  # An example's floats are of this type.


def values_of(record: bytes) -> dict[str, Values]:
    """Returns what a serialized tf.Example holds, by feature; features without a value are left out."""
    found: dict[str, Values] = {}
    for name, feature in tf.train.Example.FromString(record).features.feature.items():
        kind = feature.WhichOneof("kind")
        if kind and (values := list(getattr(feature, kind).value)):
            found[name] = [np.float32(value) for value in values] if kind == "float_list" else values
    return found


def with_values(record: bytes, features: Mapping[str, Feature], given: Mapping[str, Values]) -> bytes:
    """Returns a record with other values, of the types that the models read; the same bytes where none are given."""
    if not given:
        return record
    example = tf.train.Example.FromString(record)
    for name, values in given.items():
        example.features.feature[name].Clear()
        if values:
            getattr(example.features.feature[name], _kind(features[name].dtype)).value.extend(map(_builtin, values))
        else:
            del example.features.feature[name]
    return example.SerializeToString(deterministic=True)


def as_text(values: Values) -> str:
    """Returns values as they stand in a field: empty where missing, a single one as it is, several as a JSON list."""
    if not values:
        return ""
    if len(values) == 1:
        text = text_of(values[0]) if isinstance(values[0], bytes) else str(values[0])
        # What a field can't hold, or would be read as something else, stands in a list.
        if text and text == printable(text) and not text.startswith("["):
            return text
    return json.dumps([_plain(value) for value in values], ensure_ascii=False)


def is_editable(values: Values) -> bool:
    """Whether values can be written by hand: no bytes that are no text, and not too many."""
    return len(as_text(values)) <= _LONGEST and not any(
        isinstance(value, bytes) and text_of(value).encode() != value for value in values
    )


def parse(text: str, name: str, feature: Feature) -> Values:
    """Reads what somebody wrote as `as_text` writes it.

    Args:
      text: What stands in the field.
      name: The feature's name, for errors.
      feature: What the models read.

    Raises:
      ValueError: It is no value of the feature; a sentence says what is.
    """
    if (not text.strip() and feature.dtype != tf.string) or not text:
        return []
    values = [_value(item, name, feature.dtype) for item in _items(text)]
    wanted = None if feature.is_sparse or -1 in feature.row_shape else math.prod(feature.row_shape)
    if wanted is not None and values and len(values) != wanted:
        raise ValueError(f"{_name(name)} takes {_counted(wanted)} a row, not {len(values)}.")
    return values


def _items(text: str) -> list[Any]:
    """The values in a text: those of a JSON list, else the text itself."""
    if text.lstrip().startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return [text]
        if isinstance(found, list):
            return found
    return [text]


def _value(item: Any, name: str, dtype: tf.DType) -> np.float32 | int | bytes:
    if dtype == tf.string:
        if not isinstance(item, str):
            raise ValueError(f"{_name(name)} takes texts; write {json.dumps(str(item))} in the list, not {item!r}.")
        return item.encode("utf-8", "surrogatepass")
    if isinstance(item, (list, dict)) or item is None:
        raise ValueError(f"{_name(name)} takes numbers; a list of them has no other lists in it.")
    return _float(item, name) if dtype.is_floating else _whole(item, name, dtype)


def _whole(item: Any, name: str, dtype: tf.DType) -> int:
    try:
        number = int(item) if isinstance(item, (str, int)) else int(item) if item == int(item) else None
    except (ValueError, OverflowError):
        number = None
    if number is None:
        raise ValueError(f"{_name(name)} takes whole numbers, such as 42; {_shown(item)} is none.")
    low, high = (0, 1) if dtype == tf.bool else (dtype.min, dtype.max)
    if not low <= number <= high:
        raise ValueError(f"{_name(name)} takes whole numbers from {low} to {high}.")
    return number


def _float(item: Any, name: str) -> np.float32:
    try:
        number = float(item)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise ValueError(f"{_name(name)} takes numbers, such as 0.5; {_shown(item)} is none.")
    if abs(number) > _LARGEST:
        raise ValueError(f"{_name(name)} takes numbers up to {_LARGEST:.3g}.")
    return np.float32(number)


def _plain(value: np.float32 | int | bytes) -> Any:
    """A value as JSON has it, a float with no more digits than it takes to tell it from others."""
    if isinstance(value, bytes):
        return text_of(value)
    return float(str(value)) if isinstance(value, np.floating) else int(value)


def _builtin(value: np.float32 | int | bytes) -> float | int | bytes:
    """A value as messages take it."""
    return float(value) if isinstance(value, np.floating) else value


def _kind(dtype: tf.DType) -> str:
    if dtype == tf.string:
        return "bytes_list"
    return "float_list" if dtype.is_floating else "int64_list"


def _name(name: str) -> str:
    return printable(repr(name if len(name) <= 80 else name[:80] + "\N{HORIZONTAL ELLIPSIS}"))


def _shown(item: Any) -> str:
    text = str(item)
    return printable(repr(text if len(text) <= 40 else text[:40] + "\N{HORIZONTAL ELLIPSIS}"))


def _counted(count: int) -> str:
    return f"{count} value{'' if count == 1 else 's'}"
