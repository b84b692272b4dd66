"""Attributions as tf.Example records."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from tfx_explain.beam.columns import encode_columns, encode_lists, encode_numbers, join_pieces
from tfx_explain.beam.explaining.results import Results
from tfx_explain.beam.writing.maps import map_pieces
from tfx_explain.beam.writing.tokens import token_pieces
from tfx_explain.savedmodel import ExplainedOutput
from tfx_explain.storage import columns


def attribution_records(
    originals: np.ndarray,
    results: Results,
    explained: Mapping[str, ExplainedOutput],
    unshared: Mapping[str, Sequence[str]],
) -> np.ndarray:
    """Adds the columns of `storage.columns` to each record, with one value for each output explained.

    The original features are kept byte for byte and never parsed (see `beam.columns`).

    Args:
      originals: Serialized tf.Examples, object `[rows]`, without columns of ours.
      results: What was found for the same rows.
      explained: By model, what is explained.
      unshared: By model, the features that the other lacks; they get 0 there.

    Returns:
      Serialized tf.Examples, object `[rows]`.
    """
    added: dict[str, np.ndarray] = {}
    for model, outputs in results.of_models.items():
        fields = {
            columns.BASELINE_OUTPUT_VALUE: [one.baseline_outputs for one in outputs],
            columns.INSTANCE_OUTPUT_VALUE: [one.instance_outputs for one in outputs],
            columns.APPROXIMATION_ERROR: [one.approximation_errors for one in outputs],
        }
        added |= {columns.field_column(model, name): _by_row(values) for name, values in fields.items()}
        for index, feature in enumerate(outputs[0].features):
            added[columns.attribution_column(model, feature)] = _by_row([one.values[:, index] for one in outputs])
        targets = results.targets[model]
        for feature, areas in results.areas.get(model, {}).items():
            for number, part in enumerate(columns.AREAS_OF_MAPS):
                added[columns.map_column(model, part, feature)] = areas[:, :, number].astype(np.float32)
        zeros = np.zeros(targets.shape, np.float32)
        for other, features in unshared.items():
            added |= {columns.attribution_column(model, one): zeros for one in features if other != model}
        added[columns.field_column(model, columns.OUTPUT_INDEX)] = targets.astype(np.int64)
        met = np.stack([one.converged for one in outputs], axis=1)
        added[columns.field_column(model, columns.TOLERANCE_MET)] = met.astype(np.int64)
    pieces = [pa.array(originals, pa.large_binary()), *encode_numbers(added), *_texts(results.targets, explained)]
    maps = [piece for model, outputs in results.of_models.items() for piece in map_pieces(model, outputs)]
    tokens = [piece for model, outputs in results.of_models.items() for piece in token_pieces(model, outputs)]
    return join_pieces([*pieces, *maps, *tokens], len(originals))


def kept_features(records: np.ndarray, names: Sequence[str] | None) -> np.ndarray:
    """Drops original features from records.

    Args:
      records: Serialized tf.Examples, object `[rows]`.
      names: Names, or globs such as "capital-*", of the features to keep; None: all, byte for byte.

    Returns:
      Serialized tf.Examples, object `[rows]`.
    """
    if names is None or not len(records):
        return records
    if not names:
        return np.full(len(records), b"", object)
    try:
        return _with_features(records, names)
    except RuntimeError:
        # One feature with values of different types, in different rows; the models don't read it.
        return np.concatenate([_with_features(records[row : row + 1], names) for row in range(len(records))])


def dead_letter(record: bytes, error: str, shard: str) -> bytes:
    """Returns a tf.Example of a record as it was read, why it was set aside, and the file that it is from."""
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for name, value in (("record", record), ("error", error.encode()), ("shard", shard.encode()))
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(deterministic=True)


def _by_row(values: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack(values, axis=1).astype(np.float32)


def _texts(targets: Mapping[str, np.ndarray], explained: Mapping[str, ExplainedOutput]) -> Iterator[pa.Array]:
    """Pieces that say which quantity is explained, the same for all rows, and of which class by name."""
    for model, output in explained.items():
        quantity = _text_example(columns.field_column(model, columns.EXPLAINED_QUANTITY), output.quantity)
        yield pa.scalar(quantity, pa.large_binary())
        if output.names:
            rows, count = targets[model].shape
            names = pa.array(output.names, pa.large_binary()).take(pa.array(targets[model].reshape(-1)))
            offsets = pa.array(np.arange(rows + 1, dtype=np.int64) * count)
            name = columns.field_column(model, columns.OUTPUT_DISPLAY_NAME)
            yield from encode_lists({name: pa.LargeListArray.from_arrays(offsets, names)})


def _text_example(name: str, value: str) -> bytes:
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
    return tf.train.Example(features=tf.train.Features(feature={name: feature})).SerializeToString()


def _with_features(records: np.ndarray, names: Sequence[str]) -> np.ndarray:
    batch = ExamplesToRecordBatchDecoder().DecodeBatch(records.tolist())
    kept = {
        name: column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
        # A column of nulls has no type: no row has a value.
        if any(fnmatch.fnmatchcase(name, glob) for glob in names) and not pa.types.is_null(column.type)
    }
    return encode_columns(kept, batch.num_rows)
