"""The transform graph of the census pipeline: z-scores, vocabularies and a bucketised age."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_transform as tft

from tfx_explain.pipelines.census import features


def preprocessing_fn(inputs: dict[str, tf.Tensor | tf.SparseTensor]) -> dict[str, tf.Tensor]:
    """Turns raw columns into what the model reads; TFX's Transform calls it once, to build the graph.

    Args:
      inputs: The raw columns, each dense `[rows, 1]`, or sparse `[rows, <=1]` where the schema says that values miss.

    Returns:
      Per numeric feature its z-score, float32 `[rows, 1]`, under its own name; per categorical feature its index in
      the vocabulary, int64 `[rows, 1]`, under its own name; per bucketised feature its bucket, int64 `[rows, 1]`, under
      `features.bucket_name`; the label, int64 `[rows, 1]`.
    """
    outputs = {}
    for name in features.NUMERIC:
        outputs[name] = tft.scale_to_z_score(tf.cast(_dense(inputs[name], 0), tf.float32))
    for name, buckets in features.BUCKETS.items():
        outputs[features.bucket_name(name)] = tft.bucketize(_dense(inputs[name], 0), buckets)
    for name in features.CATEGORICAL:
        outputs[name] = tft.compute_and_apply_vocabulary(
            _dense(inputs[name], ""), num_oov_buckets=1, vocab_filename=name
        )
    outputs[features.LABEL] = inputs[features.LABEL]
    return outputs


def _dense(column: tf.Tensor | tf.SparseTensor, default: str | float) -> tf.Tensor:
    if isinstance(column, tf.SparseTensor):
        column = tf.SparseTensor(column.indices, column.values, [column.dense_shape[0], 1])
        return tf.sparse.to_dense(column, default_value=tf.cast(default, column.dtype))
    return column
