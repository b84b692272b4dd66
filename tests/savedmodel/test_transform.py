"""A model behind a real tf.Transform graph, as TFX's Trainer exports it."""

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform import beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, load_explainable

pytestmark = pytest.mark.slow

SPEC = {
    "age": tf.io.VarLenFeature(tf.float32),
    "job": tf.io.VarLenFeature(tf.string),
    "hours": tf.io.VarLenFeature(tf.int64),
    "label": tf.io.VarLenFeature(tf.int64),
}


def preprocess(inputs):
    def filled(name, default):
        sparse = tf.SparseTensor(inputs[name].indices, inputs[name].values, [inputs[name].dense_shape[0], 1])
        return tf.squeeze(tf.sparse.to_dense(sparse, default), 1)

    age = filled("age", 0.0)
    return {
        "age_z": tft.scale_to_z_score(age),
        "age_bucket": tft.bucketize(age, 4),
        "job": tft.compute_and_apply_vocabulary(filled("job", ""), num_oov_buckets=1, vocab_filename="job"),
        "hours": tft.scale_to_0_1(tf.cast(filled("hours", 0), tf.float32)),
        "label": filled("label", 0),
    }


class Served(tf.Module):
    def __init__(self, transform_output):
        self.transform = transform_output.transform_features_layer()
        generator = np.random.default_rng(0)
        self.buckets = tf.Variable(generator.normal(size=(4, 2)).astype(np.float32))
        self.jobs = tf.Variable(generator.normal(size=(5, 3)).astype(np.float32))
        self.w = tf.Variable(generator.normal(size=(7, 1)).astype(np.float32))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples):
        raw = {name: feature for name, feature in SPEC.items() if name != "label"}
        encoded = self.transform(tf.io.parse_example(examples, raw))
        columns = [
            tf.stack([encoded["age_z"], encoded["hours"]], 1),
            tf.gather(self.buckets, encoded["age_bucket"]),
            tf.gather(self.jobs, encoded["job"]),
        ]
        return {"outputs": tf.sigmoid(tf.concat(columns, 1) @ self.w)}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transform")
    rows = [
        {"age": [20.0 + i], "job": [[b"a", b"b", b"c"][i % 3]], "hours": [30 + i], "label": [i % 2]} for i in range(30)
    ]
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(SPEC))
    with beam.Pipeline(runner="DirectRunner") as pipeline, tft_beam.Context(temp_dir=str(folder / "temporary")):
        transform = (pipeline | beam.Create(rows), metadata) | tft_beam.AnalyzeDataset(preprocess)
        _ = transform | tft_beam.WriteTransformFn(str(folder / "transform"))
    module = Served(tft.TFTransformOutput(str(folder / "transform")))
    tf.saved_model.save(module, str(folder / "model"), signatures=module.serve)
    return str(folder / "model")


def test_raw_features_are_found_behind_the_transform_graph(path, examples):
    metadata = generate_metadata(path)
    entries = metadata.inputs
    assert {name: len(entries[name].encoded_tensor_names) for name in entries} == {"age": 2, "hours": 0, "job": 0}
    assert entries["hours"].modality == "numeric" and entries["job"].modality == "categorical"
    cut = load_explainable(path, metadata, output_scale=explanation_pb2.ExplanationParameters.SERVED).differentiable()
    rows = examples(age=[[21.0], [], [44.0]], job=[["a"], ["nobody"], []], hours=[[30], [45], []])
    expected = tf.saved_model.load(path).signatures["serving_default"](examples=rows)["outputs"]
    np.testing.assert_allclose(cut.outputs(cut.encode(rows)), expected, rtol=1e-5)
