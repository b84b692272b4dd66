"""A wide and deep model of TF 1's feature columns: weighted, crossed, bucketised, embedded."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, load_explainable

v1 = tf.compat.v1
columns = v1.feature_column


def logits(parsed):
    """tanh of the deep columns by weights, and the cross as a linear model has it."""
    age = columns.numeric_column("age")
    job = columns.categorical_column_with_vocabulary_list("job", ["a", "b"])
    tags = columns.categorical_column_with_hash_bucket("tags", 7)
    deep = [
        age,
        columns.indicator_column(job),
        columns.embedding_column(columns.weighted_categorical_column(tags, "amounts"), 3),
        columns.embedding_column(columns.categorical_column_with_hash_bucket("city", 5), 2),
    ]
    cross = columns.crossed_column(["job", columns.bucketized_column(age, [0.0, 1.0])], 11)
    if parsed is None:
        return columns.make_parse_example_spec([*deep, cross])
    layer = columns.input_layer(parsed, deep)
    weights = v1.get_variable("weights", [layer.shape[1], 1], initializer=v1.initializers.random_normal(seed=1))
    return tf.tanh(layer) @ weights + columns.linear_model(parsed, [cross])


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("columns") / "model")
    with tf.Graph().as_default(), v1.Session() as session:
        examples = v1.placeholder(tf.string, [None], "examples")
        score = tf.sigmoid(logits(v1.io.parse_example(examples, logits(None))))
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        for variable in v1.global_variables():  # a linear model's weights are zero at first
            session.run(variable.assign(tf.random.stateless_normal(variable.shape, [1, 2])))
        v1.saved_model.simple_save(
            session, path, {"examples": examples}, {"score": score}, legacy_init_op=v1.tables_initializer()
        )
    return path


@pytest.fixture(scope="module")
def metadata(path):
    return generate_metadata(path)


def test_columns_are_found_as_they_were_declared(metadata):
    inputs = metadata.inputs
    assert {name: entry.group_name for name, entry in inputs.items()} == {
        "age": "age+job",
        "city": "",
        "job": "age+job",
        "tags": "",
    }
    assert inputs["tags"].weight_values_name and not inputs["city"].weight_values_name
    assert {name: len(entry.encoded_tensor_names) or 1 for name, entry in inputs.items()} == {
        "age": 2,
        "city": 1,
        "job": 2,
        "tags": 1,
    }


def test_fed_at_them_it_gives_the_served_output(path, metadata, examples):
    rows = examples(
        age=[0.5, 2.0], job=["a", "b"], tags=[["u", "v"], ["u"]], amounts=[[1.0, 2.0], [3.0]], city=["x", "y"]
    )
    expected = tf.saved_model.load(path).signatures["serving_default"](examples=rows)["score"]
    model = load_explainable(path, metadata, output_scale=explanation_pb2.ExplanationParameters.SERVED)
    for cut in (model.differentiable(), model.coalitional()):
        assert set(cut.players) == {"age+job", "city", "tags"}
        np.testing.assert_allclose(cut.outputs(cut.encode(rows)), expected, rtol=1e-5)
