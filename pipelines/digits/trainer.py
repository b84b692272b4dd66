"""The digits' model: a small convolutional network of Keras 3, served on serialized tf.Examples with PNGs."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from tfx import v1 as tfx

from tfx_explain.pipelines.digits import features

_BATCH_ROWS = 64
_SEED = 7
_SHAPE = (features.SIDE, features.SIDE, 1)


class ServedModel(tf.Module):
    """A Keras model behind the decoding of its pictures, as one thing to save."""

    def __init__(self, model: keras.Model) -> None:
        """Serves `model`."""
        super().__init__()
        self._model = model

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the probability of each digit, float32 `[rows, 10]`, for serialized examples."""
        raw = tf.io.parse_example(examples, {features.IMAGE: tf.io.FixedLenFeature([], tf.string)})
        return {"probabilities": self._model(decoded(raw[features.IMAGE]))}


def decoded(images: Any) -> tf.Tensor:
    """Returns pictures' pixels from 0 to 1, float32 `[rows, 28, 28, 1]`, from their PNGs, string `[rows]`."""

    def one(image: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.io.decode_png(image, channels=1), _SHAPE)

    pixels = tf.map_fn(one, images, fn_output_signature=tf.TensorSpec(_SHAPE, tf.uint8))
    return tf.cast(pixels, tf.float32) / 255.0


def run_fn(fn_args: tfx.components.FnArgs) -> None:
    """Trains the model and saves it with its serving signature; TFX's Trainer calls it.

    `custom_config` holds `epochs`, the times that training passes over all rows.
    """
    keras.utils.set_random_seed(_SEED)
    model = build_model()
    # The loss goes to the log: in a pipeline, nobody looks at a progress bar.
    keras.config.disable_interactive_logging()
    model.fit(_batches(fn_args.train_files), epochs=fn_args.custom_config["epochs"])
    served = ServedModel(model)
    tf.saved_model.save(served, fn_args.serving_model_dir, signatures={"serving_default": served.serve})


def build_model() -> keras.Model:
    """Returns an untrained model."""
    model = keras.Sequential(
        [
            keras.Input(_SHAPE),
            keras.layers.Conv2D(12, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(24, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(features.DIGITS, activation="softmax"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(2e-3), loss="sparse_categorical_crossentropy")
    return model


def _batches(patterns: list[str]) -> tf.data.Dataset:
    spec = {name: tf.io.FixedLenFeature([], kind) for name, kind in _KINDS.items()}
    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    rows = tf.data.TFRecordDataset(files, compression_type="GZIP").batch(_BATCH_ROWS)
    parsed = rows.map(lambda examples: tf.io.parse_example(examples, spec))
    pixels = parsed.map(lambda raw: (decoded(raw[features.IMAGE]), raw[features.LABEL]))
    return pixels.cache().unbatch().shuffle(1 << 13, seed=_SEED).batch(_BATCH_ROWS)


_KINDS = {features.IMAGE: tf.string, features.LABEL: tf.int64}
