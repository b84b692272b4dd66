import pytest
import tensorflow as tf
from tfx.utils import path_utils

from tests.kubeflow import pods
from tests.kubeflow.backend import Backend


class Product(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, {name: tf.io.FixedLenFeature([], tf.float32) for name in "xy"})
        return {"score": parsed["x"] * parsed["y"], "other": parsed["x"]}


@pytest.fixture
def store(tmp_path):
    """A cluster's object store that holds a model of x * y and examples; the cluster's folder."""
    product = Product()
    model = path_utils.serving_model_dir(str(tmp_path / "store" / "minio" / "models" / "1"))
    tf.saved_model.save(product, model, signatures=product.serve)
    split = tmp_path / "store" / "minio" / "examples" / "1" / "Split-eval"
    split.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(split / "data.gz"), "GZIP") as writer:
        for row in range(200):
            example = tf.train.Example()
            for name, value in (("x", 0.1 * row), ("y", 2.0)):
                example.features.feature[name].float_list.value.append(value)
            writer.write(example.SerializeToString())
    return tmp_path


@pytest.fixture
def backend(store):
    """Makes a cluster whose pods are processes."""

    def make(start=pods.run_process, **settings):
        return Backend(store, start, pods.process_root, **settings)

    return make
