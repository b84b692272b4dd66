"""Attributions as tf.Example records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from tfx_explain.attribution import Attributions
from tfx_explain.metrics import columns


def attribution_records(
    originals: Sequence[bytes], attributions: Mapping[str, Attributions], targets: np.ndarray
) -> list[bytes]:
    """Adds the columns of `metrics.columns` to each record.

    Concatenated messages are one merged message (protocol buffers' encoding specification, "Last One Wins"), so the
    original features are kept byte for byte and never parsed.

    Args:
      originals: Serialized tf.Examples `[rows]`, without columns of ours.
      attributions: By model, `columns.CANDIDATE` and perhaps `columns.BASELINE`; of the same rows.
      targets: The class explained, int `[rows]`.

    Returns:
      Serialized tf.Examples `[rows]`.
    """
    added: dict[str, pa.Array] = {}
    for model, result in attributions.items():
        fields = {
            columns.BASELINE_OUTPUT_VALUE: result.baseline_outputs.astype(np.float32),
            columns.INSTANCE_OUTPUT_VALUE: result.instance_outputs.astype(np.float32),
            columns.APPROXIMATION_ERROR: result.approximation_errors.astype(np.float32),
            columns.OUTPUT_INDEX: targets.astype(np.int64),
            columns.TOLERANCE_MET: result.converged.astype(np.int64),
        }
        added |= {columns.field_column(model, name): _one_value_a_row(values) for name, values in fields.items()}
        for index, feature in enumerate(result.features):
            values = result.values[:, index].astype(np.float32)
            added[columns.attribution_column(model, feature)] = _one_value_a_row(values)
    encoder = RecordBatchToExamplesEncoder()
    # One column at a time, for the same bytes every time: the order of several in one message is left open.
    encoded = [encoder.encode(pa.RecordBatch.from_arrays([added[name]], names=[name])) for name in sorted(added)]
    return [b"".join(parts) for parts in zip(originals, *encoded, strict=True)]


def dead_letter(record: bytes, error: str) -> bytes:
    """Returns a tf.Example with the record as it was read (`record`) and why it was set aside (`error`)."""
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for name, value in (("record", record), ("error", error.encode()))
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _one_value_a_row(values: np.ndarray) -> pa.Array:
    offsets = np.arange(len(values) + 1, dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))
