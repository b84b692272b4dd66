"""The census model: embeddings and z-scores into a small Keras 3 network, served on serialized tf.Examples."""

from __future__ import annotations

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx import v1 as tfx
from tfx_bsl.public import tfxio

from tfx_explain.pipelines.census import features

_BATCH_ROWS = 128
_EMBEDDING_WIDTH = 4
_SEED = 7


class ServedModel(tf.Module):
    """A Keras model behind the transform graph that its features come from, as one thing to save.

    The transform graph is held beside the model because what a signature calls is saved only if it is reachable. It is
    loaded as the SavedModel that it is: `TFTransformOutput.transform_features_layer` is a Keras 2 layer, which takes
    longer to save than the model to train.
    """

    def __init__(self, model: keras.Model, transform_output: tft.TFTransformOutput) -> None:
        """Joins `model` and the transform graph of `transform_output`."""
        super().__init__()
        self._model = model
        self._transform = tf.saved_model.load(transform_output.transform_savedmodel_dir)
        self._feature_spec = transform_output.raw_feature_spec()
        del self._feature_spec[features.LABEL]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the probability of an income above 50,000 dollars, float32 `[rows, 1]`, for serialized examples."""
        raw = tf.io.parse_example(examples, self._feature_spec)
        # The transform graph wants every raw column; of what the model reads, nothing depends on the label.
        raw[features.LABEL] = tf.zeros([tf.size(examples), 1], tf.int64)
        transformed = self._transform.transform_fn(raw)
        return {"probability": self._model({name: transformed[name] for name in self._model.input})}


def run_fn(fn_args: tfx.components.FnArgs) -> None:
    """Trains the model and saves it with its serving signature; TFX's Trainer calls it.

    `custom_config` holds `epochs`, the times that training passes over all rows.
    """
    keras.utils.set_random_seed(_SEED)
    transform_output = tft.TFTransformOutput(fn_args.transform_graph_path)
    model = build_model(transform_output)
    # The loss goes to the log: in a pipeline, nobody looks at a progress bar.
    keras.config.disable_interactive_logging()
    model.fit(
        _batches(fn_args.train_files, fn_args.data_accessor, transform_output), epochs=fn_args.custom_config["epochs"]
    )
    served = ServedModel(model, transform_output)
    tf.saved_model.save(served, fn_args.serving_model_dir, signatures={"serving_default": served.serve})


def build_model(transform_output: tft.TFTransformOutput) -> keras.Model:
    """Returns an untrained model whose inputs have the names that the transform graph gives its outputs."""
    inputs, encoded = {}, []
    for name in features.NUMERIC:
        inputs[name] = keras.Input((1,), name=name)
        encoded.append(inputs[name])
    sizes = {features.bucket_name(name): buckets for name, buckets in features.BUCKETS.items()}
    sizes |= {name: transform_output.vocabulary_size_by_name(name) + 1 for name in features.CATEGORICAL}
    for name, size in sizes.items():
        inputs[name] = keras.Input((1,), name=name, dtype="int64")
        encoded.append(keras.layers.Flatten()(keras.layers.Embedding(size, _EMBEDDING_WIDTH)(inputs[name])))
    hidden = keras.layers.concatenate(encoded)
    for width in (64, 32):
        hidden = keras.layers.Dense(width, activation="relu")(hidden)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(optimizer=keras.optimizers.Adam(2e-3), loss="binary_crossentropy")
    return model


def _batches(
    files: list[str], data_accessor: tfx.components.DataAccessor, transform_output: tft.TFTransformOutput
) -> tf.data.Dataset:
    options = tfxio.TensorFlowDatasetOptions(
        batch_size=_BATCH_ROWS, num_epochs=1, shuffle=False, label_key=features.LABEL
    )
    schema = transform_output.transformed_metadata.schema
    rows = data_accessor.tf_dataset_factory(files, options, schema)
    return rows.cache().unbatch().shuffle(1 << 16, seed=_SEED).batch(_BATCH_ROWS)
