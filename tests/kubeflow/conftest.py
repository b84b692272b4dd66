import pytest
import tensorflow as tf
from tfx.utils import path_utils

from tests.kubeflow import pods
from tests.kubeflow.backend import Backend


class Model(tf.Module):
    def __init__(self, **outputs):
        self.outputs = outputs

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, {name: tf.io.FixedLenFeature([], tf.float32) for name in "xy"})
        return {name: output(**parsed) for name, output in self.outputs.items()}


def fill_store(folder):
    """Puts two models, the second with another output, and examples into a cluster's store; returns its folder."""
    product = Model(score=lambda x, y: x * y)
    two = Model(score=lambda x, y: x * y, other=lambda x, y: x)
    for version, model in (("1", product), ("2", two)):
        path = path_utils.serving_model_dir(str(folder / "store" / "minio" / "models" / version))
        tf.saved_model.save(model, path, signatures=model.serve)
    split = folder / "store" / "minio" / "examples" / "1" / "Split-eval"
    split.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(split / "data.gz"), "GZIP") as writer:
        for row in range(200):
            example = tf.train.Example()
            for name, value in (("x", 0.1 * row), ("y", 2.0)):
                example.features.feature[name].float_list.value.append(value)
            writer.write(example.SerializeToString())
    return folder


@pytest.fixture
def store(tmp_path):
    return fill_store(tmp_path)


@pytest.fixture
def backend(store):
    """Makes a cluster whose pods are processes."""

    def make(start=pods.run_process, **settings):
        return Backend(store, start, pods.process_root, **settings)

    return make
