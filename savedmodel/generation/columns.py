"""Which matrices get an attribution for each of their columns, and what the columns are called."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.analysis.encodings import Encodings
from tfx_explain.savedmodel.analysis.modality import modality
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.slots import encoder, raw_encoder, slot_of
from tfx_explain.savedmodel.analysis.widths import last_size
from tfx_explain.savedmodel.metadata.nearest import nearest
from tfx_explain.savedmodel.rows.baselines import raw_baselines
from tfx_explain.savedmodel.rows.rows import close

# Names of the columns of the only matrix, or of several by their inputs.
ColumnNames: TypeAlias = Sequence[str] | Mapping[str, Sequence[str]]

MOST_COLUMNS = 1000  # without names: an embedding's numbers, an image's pixels say nothing one by one
BY_COLUMN = "Each of its columns gets an attribution of its own; with a group_name they get one together."
IN_ORDER = "They are called as the schema's numbers, in its order: hold that against the order of the training data."
NO_NAMES = "The schema has {count} numbers that are served, so it does not say what {width} columns are called."
TOO_WIDE = (
    "It has {width:,} columns, more than {most:,}, so they get one attribution together; where their names are given, "
    "each gets its own."
)
_WHOLE = ("image_domain", "natural_language_domain")  # of a feature that is one thing, whatever its shape
_SERVING = "SERVING"  # TFX's name for the environment without labels
_UNUSED = (schema_pb2.DEPRECATED, schema_pb2.DISABLED, schema_pb2.PLANNED, schema_pb2.VALIDATION_DERIVED)


@dataclass(frozen=True)
class Columns:
    """A matrix's columns.

    Attributes:
        names: one a column, in order; empty where they get one attribution together.
        finding: what people should know about them.
        are_encoded: whether each encoded tensor has the same columns.
    """

    names: tuple[str, ...]
    finding: str
    are_encoded: bool = True


def find_columns(
    read: ReadModel,
    encodings: Encodings,
    rows: Any,
    told: explanation_pb2.ExplanationMetadata,
    given: ColumnNames | None = None,
    schema: schema_pb2.Schema | None = None,
) -> dict[str, Columns]:
    """The columns of features that are matrices of numbers: dense, `[rows, columns]`, of known width.

    By default these are inputs of the signature, and a tf.Example's feature where it is the model's only one. What the
    overrides say of a feature's encoding counts first, then the names given, then the schema's; else a column is called
    `feature[index]`.

    Args:
        read: the model.
        encodings: of its features that outputs depend on.
        rows: that the model accepts.
        told: the overrides.
        given: names of columns.
        schema: of the training data: of one matrix, the features of its `struct_domain`, or, where the schema does not
            know it, the numbers that are served, if there are as many.

    Raises:
        ValueError: if `given` does not fit the model.
    """
    widths = _widths(read, encodings)
    only = not read.features.serialized or len(encodings.tensors) == 1
    named = _named(given, widths) if given else {}
    entries = {entry.input_tensor_name or name: entry for name, entry in told.inputs.items()}
    found: dict[str, Columns] = {}
    for name, width in widths.items():
        entry = entries.get(name) or entries.get(read.features.by_name[name].values) or explanation_pb2.InputMetadata()
        if entry.index_feature_mapping:
            names = tuple(entry.index_feature_mapping)
            found |= {name: Columns(names, BY_COLUMN)} if len(names) == width else {}
        elif name in named:
            found[name] = Columns(named[name], BY_COLUMN)
        elif only and not (entry.encoding or entry.encoded_tensor_name or entry.encoded_tensor_names):
            found[name] = _by_default(name, width, schema or schema_pb2.Schema(), len(widths) == 1)
        if name in found and not (entry.group_name or _keeps_columns(read, name, encodings.tensors[name], rows)):
            found[name] = dataclasses.replace(found[name], are_encoded=False)
    return found


def _widths(read: ReadModel, encodings: Encodings) -> dict[str, int]:
    """The number of columns of each feature that is a matrix of numbers with several."""
    widths = {}
    for name in sorted(set(encodings.tensors) - set(encodings.weights.values()) - set(encodings.groups)):
        feature = read.features.by_name[name]
        if feature.is_sparse or feature.shape.rank != 2 or feature.dtype in (tf.string, tf.bool):
            continue
        width = feature.shape[1] or last_size(read, feature) or 0
        if width > 1 and modality(read, feature, encodings.tensors[name]) == "numeric":
            widths[name] = width
    return widths


def _by_default(name: str, width: int, schema: schema_pb2.Schema, is_only: bool) -> Columns:
    own = next((feature for feature in schema.feature if feature.name == name), None)
    if own is not None and own.WhichOneof("domain_info") in _WHOLE:
        return Columns((), "")
    if own is not None:
        names = tuple(feature.name for feature in own.struct_domain.feature)
    else:
        names = tuple(f.name for f in schema.feature if _is_served_number(f)) if is_only else ()
    if len(names) == width and len(set(names)) == width:
        return Columns(names, BY_COLUMN if own is not None else f"{BY_COLUMN} {IN_ORDER}")
    if width > MOST_COLUMNS:
        return Columns((), TOO_WIDE.format(width=width, most=MOST_COLUMNS))
    unfit = f" {NO_NAMES.format(count=len(names), width=width)}" if names else ""
    return Columns(tuple(f"{name}[{i}]" for i in range(width)), BY_COLUMN + unfit)


def _is_served_number(feature: Any) -> bool:
    is_number = feature.type in (schema_pb2.INT, schema_pb2.FLOAT) and feature.value_count.max <= 1
    is_served = _SERVING not in feature.not_in_environment and (
        not feature.in_environment or _SERVING in feature.in_environment
    )
    return is_number and is_served and not feature.deprecated and feature.lifecycle_stage not in _UNUSED


def _named(given: ColumnNames, widths: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """The names given, by feature, held against the widths."""
    there = ", ".join(f"{name!r} ({width})" for name, width in widths.items()) or "none"
    if not isinstance(given, Mapping):
        if len(widths) != 1:
            raise ValueError(
                f"`columns` is a list of names, for a model with one matrix of numbers; of those there is {there}."
                " Give names by input, such as {'x': ['age', 'hours']}, or none."
            )
        given = dict.fromkeys(widths, given)
    problems = []
    for name, names in given.items():
        if name not in widths:
            known = nearest(name, widths) if widths else "none of the model's inputs is a matrix of numbers"
            problems.append(f"`columns` name {name!r}, which is no matrix of numbers; {known}")
        elif len(names) != widths[name]:
            problems.append(f"`columns` of {name!r}: got {len(names)} names for {widths[name]}; give one for each")
        doubled = [column for column, count in Counter(names).items() if count > 1 or not column]
        if doubled:
            problems.append(
                f"`columns` of {name!r}: {doubled[0]!r} is no name, or stands there twice; give each another"
            )
    if problems:
        raise ValueError("\n".join(problems))
    return {name: tuple(names) for name, names in given.items()}


def _keeps_columns(read: ReadModel, name: str, encoded: Sequence[str], rows: Any) -> bool:
    """Whether every column of a matrix's encoded tensors is made of the same column of the matrix alone.

    Tried on two of `rows` that the model accepts: each column takes the second one's value in another choice of them,
    as the bits of its index say.
    """
    feature = read.features.by_name[name]
    if not encoded or list(encoded) == [feature.values]:
        return True
    first, second = np.asarray(encoder(read, [slot_of(read, feature.values)])(rows)[feature.values])[:2]
    width = len(first)
    if any(read.specs[tensor].shape.rank != 2 or read.specs[tensor].shape[-1] != width for tensor in encoded):
        return False
    bits = np.arange(width) >> np.arange(width.bit_length())[:, np.newaxis] & 1 == 1
    chosen = np.concatenate([bits, np.zeros((1, width), bool), np.ones((1, width), bool)])
    values: dict[str, Any] = {f.values: raw_baselines(f, [], len(chosen)) for f in read.features.by_name.values()}
    values[feature.values] = tf.constant(np.where(chosen, second, first))
    try:
        found = raw_encoder(read, values, [slot_of(read, tensor) for tensor in encoded])(values)
    except tf.errors.OpError:  # another feature's zeros are none that the model takes
        return False
    made = map(np.asarray, found.values())
    return all(close(values, np.where(chosen, values[-1], values[-2])) for values in made)
