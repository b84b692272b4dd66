"""What a row is called: a name that leads from a report to the row, and from an attribution record to its example."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from tfx_explain.beam.reading.sample import row_hashes
from tfx_explain.storage import columns
from tfx_explain.storage.tfrecords import as_records


def row_names(records: Sequence[bytes] | np.ndarray) -> list[str]:
    """Returns for each row 16 hexadecimal digits, a hash of its original features and their values.

    An Explainer's record has the name of the example that it is of, if it keeps all features (`kept_features`), and so
    has a row whose features stand in another order.

    Args:
      records: Serialized tf.Examples; what is none has no name, "".
    """
    contents = [_content(record) for record in records]
    hashes = row_hashes(as_records(content or b"" for content in contents)).tolist()
    return ["" if content is None else f"{one:016x}" for content, one in zip(contents, hashes, strict=True)]


def _content(record: bytes) -> bytes | None:
    """The original features that have a value, in a fixed order; None: it is no tf.Example."""
    try:
        example = tf.train.Example.FromString(record)
    except DecodeError:
        return None
    features = example.features.feature
    for name in list(features):
        kind = features[name].WhichOneof("kind")
        if columns.is_explanation_column(name) or not kind or not getattr(features[name], kind).value:
            del features[name]
    return example.SerializeToString(deterministic=True)
