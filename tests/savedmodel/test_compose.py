"""Models that are served by `xai_preprocess` and `xai_model`, or by one of several signatures."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.savedmodel import generate_metadata, load_explainable
from tfx_explain.savedmodel.graph.load import load_signature


class TwoSteps(tf.Module):
    """Parses, looks up and scales; a network behind."""

    SPEC = {"age": tf.io.FixedLenFeature([], tf.float32), "color": tf.io.FixedLenFeature([], tf.string)}

    def __init__(self):
        initializer = tf.lookup.KeyValueTensorInitializer(["red", "blue"], tf.constant([0, 1], tf.int64))
        self.table = tf.lookup.StaticHashTable(initializer, 2)
        generator = np.random.default_rng(0)
        self.embedding = tf.Variable(generator.normal(size=(3, 2)).astype(np.float32))
        self.w = tf.Variable(generator.normal(size=(3, 2)).astype(np.float32))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def preprocess(self, examples):
        parsed = tf.io.parse_example(examples, self.SPEC)
        return {"age": (parsed["age"] - 40.0) / 10.0, "color": self.table.lookup(parsed["color"])}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "age"), tf.TensorSpec([None], tf.int64, "color")])
    def model(self, age, color):
        return {"scores": tf.concat([age[:, tf.newaxis], tf.gather(self.embedding, color)], 1) @ self.w}

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, "age")])
    def narrow(self, age):
        return {"age": age, "size": age}


@pytest.fixture(scope="module")
def two_steps(tmp_path_factory):
    module, path = TwoSteps(), str(tmp_path_factory.mktemp("two_steps"))
    signatures = {"xai_preprocess": module.preprocess, "xai_model": module.model, "narrow": module.narrow}
    tf.saved_model.save(module, path, signatures=signatures)
    return module, path


def test_raw_features_are_explained_through_both(two_steps, examples):
    module, path = two_steps
    metadata = generate_metadata(path)
    assert (metadata.signature_name, metadata.preprocess_signature_name) == ("xai_model", "xai_preprocess")
    assert set(metadata.inputs) == {"age", "color"}
    rows = examples(age=[30.0, 50.0, 41.0], color=["red", "green", "blue"])
    cut = load_explainable(path, metadata).differentiable()
    expected = module.model(**module.preprocess(rows))["scores"]
    np.testing.assert_allclose(cut.outputs(cut.encode(rows)), expected, rtol=1e-5)
    (age,) = cut.players["age"]
    _, gradients = cut.gradients(cut.encode(rows), np.zeros(3, np.int32))
    np.testing.assert_allclose(gradients[age], np.full(3, module.w[0, 0] / 10.0), rtol=1e-5)


def test_a_signature_that_is_named_runs_alone(two_steps):
    _, path = two_steps
    assert list(load_signature(path, "narrow").inputs) == ["age"]
    assert not load_signature(path, "narrow").preprocess_name


def test_signatures_that_do_not_fit_are_listed(two_steps):
    _, path = two_steps
    with pytest.raises(
        ValueError,
        match=r"'narrow' gives 'age' \(float32, rank 2\), 'size' \(float32, rank 2\); "
        r"'xai_model' takes 'age' \(float32, rank 1\), 'color' \(int64, rank 1\)",
    ):
        load_signature(path, preprocess_name="narrow")
