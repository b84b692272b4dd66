"""SavedModels that TF 1's API wrote."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, load_explainable

v1 = tf.compat.v1
SPEC = {"x": tf.io.FixedLenFeature([2], tf.float32), "tags": tf.io.VarLenFeature(tf.string)}


def embedded(parsed):
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([0, 1], tf.int64)), default_value=2
    )
    ids = tf.SparseTensor(parsed["tags"].indices, table.lookup(parsed["tags"].values), parsed["tags"].dense_shape)
    embedding = v1.get_variable("embedding", [3, 2], initializer=v1.initializers.random_normal(seed=1))
    return tf.nn.safe_embedding_lookup_sparse(embedding, ids, combiner="mean")


def looped(parsed):
    v1.disable_control_flow_v2()
    try:
        return v1.while_loop(lambda i, _: i < 3, lambda i, v: (i + 1, v * 2.0), [0, parsed["x"]])[1]
    finally:
        v1.enable_control_flow_v2()


@pytest.fixture
def save(tmp_path):
    def build(encode):
        path = str(tmp_path / "model")
        with tf.Graph().as_default(), v1.Session() as session:
            examples = v1.placeholder(tf.string, [None], "examples")
            parsed = v1.io.parse_example(examples, SPEC)
            weights = v1.get_variable("weights", [4, 1], initializer=v1.initializers.random_normal(seed=2))
            score = tf.sigmoid(tf.concat([parsed["x"], encode(parsed)], 1) @ weights)
            session.run([v1.global_variables_initializer(), v1.tables_initializer()])
            v1.saved_model.simple_save(
                session, path, {"examples": examples}, {"score": score}, legacy_init_op=v1.tables_initializer()
            )
        return path

    return build


def test_parser_table_and_embedding(save, examples):
    path = save(embedded)
    rows = examples(x=[[1.0, 2.0], [0.5, -1.0], [0.0, 3.0]], tags=[["a", "b"], [], ["other"]])
    expected = tf.saved_model.load(path).signatures["serving_default"](examples=rows)["score"]
    model = load_explainable(
        path, generate_metadata(path), output_scale=explanation_pb2.ExplanationParameters.SERVED
    ).differentiable()
    assert set(model.players) == {"tags", "x"}
    np.testing.assert_allclose(model.outputs(model.encode(rows)), expected, rtol=1e-5)


def test_loops_of_tf1_are_refused(save):
    with pytest.raises(ValueError, match=r"has a TF 1 loop \(op 'Enter'"):
        generate_metadata(save(looped))
