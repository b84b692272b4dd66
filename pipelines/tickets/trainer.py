"""The tickets model: the mean of a text's embedded words and two plain features, served on serialized tf.Examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tfx import v1 as tfx

from tfx_explain.pipelines.tickets import features

_WORDS, _LENGTH = 1000, 40
_WIDTH = 8
_BATCH_ROWS, _EPOCHS = 64, 12
_SEED = 7


class TicketsModel(tf.Module):
    """A Keras model behind what makes numbers of texts, as one thing to save."""

    def __init__(self, words: keras.layers.TextVectorization) -> None:
        """Makes an untrained model.

        Args:
          words: Knows the vocabulary.
        """
        super().__init__()
        self._words = words
        self._channels = keras.layers.StringLookup(vocabulary=features.CHANNELS)
        self.keras_model = _network(words.vocabulary_size(), self._channels.vocabulary_size())

    def encode(self, raw: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """Returns what the Keras model reads of raw features, each `[rows]`."""
        return {
            features.TEXT: self._words(raw[features.TEXT]),
            features.CHANNEL: self._channels(raw[features.CHANNEL]),
            features.OPEN_TICKETS: tf.cast(raw[features.OPEN_TICKETS], tf.float32)[:, tf.newaxis],
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the probability that a ticket is urgent, float32 `[rows, 1]`, for serialized examples."""
        raw = tf.io.parse_example(examples, features.feature_spec())
        return {"probability": self.keras_model(self.encode(raw))}


def run_fn(fn_args: tfx.components.FnArgs) -> None:
    """Trains the model and saves it with its serving signature; TFX's Trainer calls it."""
    keras.utils.set_random_seed(_SEED)
    rows = _rows(fn_args.train_files)
    words = keras.layers.TextVectorization(max_tokens=_WORDS, output_sequence_length=_LENGTH)
    words.adapt(rows.map(lambda raw, _: raw[features.TEXT]).batch(_BATCH_ROWS))
    model = TicketsModel(words)
    # The loss goes to the log: in a pipeline, nobody looks at a progress bar.
    keras.config.disable_interactive_logging()
    batches = rows.cache().shuffle(1 << 16, seed=_SEED).batch(_BATCH_ROWS)
    model.keras_model.fit(batches.map(lambda raw, label: (model.encode(raw), label)), epochs=_EPOCHS)
    tf.saved_model.save(model, fn_args.serving_model_dir, signatures={"serving_default": model.serve})


def _network(words: int, channels: int) -> keras.Model:
    text = keras.Input((_LENGTH,), name=features.TEXT, dtype="int64")
    channel = keras.Input((), name=features.CHANNEL, dtype="int64")
    open_tickets = keras.Input((1,), name=features.OPEN_TICKETS)
    # Keras' own mean of what is masked is NaN where there are no words: an empty text has a probability, too.
    is_word = keras.ops.cast(keras.ops.not_equal(text, 0), "float32")[..., np.newaxis]
    embedded = keras.layers.Embedding(words, _WIDTH)(text) * is_word
    mean = keras.ops.sum(embedded, axis=1) / keras.ops.maximum(keras.ops.sum(is_word, axis=1), 1.0)
    hidden = keras.layers.concatenate([mean, keras.layers.Embedding(channels, 2)(channel), open_tickets])
    hidden = keras.layers.Dense(16, activation="relu")(hidden)
    inputs = {features.TEXT: text, features.CHANNEL: channel, features.OPEN_TICKETS: open_tickets}
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="binary_crossentropy")
    return model


def _rows(patterns: list[str]) -> tf.data.Dataset:
    """Returns raw features and the label of each row."""
    spec = {**features.feature_spec(), features.LABEL: tf.io.FixedLenFeature([1], tf.int64)}
    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))

    def parse(record: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        raw = tf.io.parse_single_example(record, spec)
        return raw, raw.pop(features.LABEL)

    return tf.data.TFRecordDataset(files, "GZIP").map(parse)
