"""What a signature does not say of its inputs' shapes: it is found by weights, trying or rows, or told."""

import json

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, load_explainable, metadata_from_json

v1 = tf.compat.v1
SERVED = explanation_pb2.ExplanationParameters.SERVED


class FixedBatch(tf.Module):
    """Takes one example, never more."""

    @tf.function(input_signature=[tf.TensorSpec([1], tf.string, "examples")])
    def serve(self, examples):
        return {"y": tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"] * 2.0}


class Sequence(tf.Module):
    """Any number of steps of two numbers each."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, 2], tf.float32, "steps")])
    def serve(self, steps):
        return {"y": tf.reduce_sum(tf.tanh(steps), [1, 2])}


class NoShapes(tf.Module):
    """Inputs of no shape at all: three numbers for the weights, one number, and as many as one likes."""

    def __init__(self):
        self.w = tf.Variable([[1.0], [2.0], [-1.0]])

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name) for name in ("number", "vector")])
    def serve(self, number, vector):
        return {"y": tf.squeeze(vector @ self.w, 1) * number}


class AnyVector(tf.Module):
    """A vector of no shape, of which nobody can tell the width."""

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, "x")])
    def serve(self, x):
        return {"y": tf.reduce_sum(tf.sin(x) * tf.ones([1, 4]), 1)}


@pytest.fixture
def saved(tmp_path):
    """From a class to the module, and where it is saved."""

    def save(kind):
        module = kind()
        tf.saved_model.save(module, str(tmp_path / kind.__name__), signatures=module.serve)
        return module, str(tmp_path / kind.__name__)

    return save


def overrides(**shapes):
    return metadata_from_json(json.dumps({"inputs": {name: {"input_tensor_shape": s} for name, s in shapes.items()}}))


def test_a_fixed_batch_of_examples_is_told_as_one_of_tensors(saved, examples):
    _, path = saved(FixedBatch)
    for given in (None, [examples(x=[1.0]).numpy()[0]]):
        with pytest.raises(
            ValueError, match=r"Input 'examples' of the signature has shape \(1,\), which leaves no axis"
        ):
            generate_metadata(path, examples=given)


def test_an_open_axis_is_refused_before_any_worker(saved):
    _, path = saved(Sequence)
    sentence = r"'steps' of the signature has shape \(None, None, 2\).* inputs.steps.input_tensor_shape"
    with pytest.raises(ValueError, match=sentence):
        generate_metadata(path)
    by_hand = metadata_from_json('{"inputs": {"steps": {}}, "outputs": {"y": {}}}')
    with pytest.raises(ValueError, match=sentence):
        load_explainable(path, by_hand)


def test_a_person_or_rows_of_one_length_close_an_open_axis(saved, examples):
    module, path = saved(Sequence)
    rows = list(examples(steps=[[0.1] * 10, [0.5] * 10]).numpy())
    for given in ({"overrides": overrides(steps=[5, 2])}, {"examples": rows}):
        metadata = generate_metadata(path, **given)
        assert list(metadata.inputs["steps"].input_tensor_shape) == [5, 2]
        model = load_explainable(path, metadata)
        assert model.input_specs["steps"].shape.as_list() == [None, 5, 2]
        steps = tf.random.stateless_normal([3, 5, 2], [1, 2])
        cut = model.differentiable()
        np.testing.assert_allclose(cut.outputs(cut.encode({"steps": steps}))[:, 0], module.serve(steps)["y"], rtol=1e-5)
    unequal = list(examples(steps=[[0.1] * 10, [0.5] * 8]).numpy())
    with pytest.raises(ValueError, match="leaves another open"):
        generate_metadata(path, examples=unequal)


def test_inputs_of_unknown_shape_are_tried_and_what_was_found_is_said(saved):
    module, path = saved(NoShapes)
    metadata = generate_metadata(path)
    assert list(metadata.inputs["vector"].input_tensor_shape) == [3]
    assert "the model runs on [rows, 3], and is explained so" in metadata.inputs["vector"].finding
    assert "the model runs on [rows], and is explained so" in metadata.inputs["number"].finding
    rows = {"number": tf.constant([2.0, 3.0]), "vector": tf.constant([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]])}
    cut = load_explainable(path, metadata).coalitional()
    np.testing.assert_allclose(cut.outputs(cut.encode(rows))[:, 0], module.serve(**rows)["y"])


def test_real_rows_or_a_person_say_how_wide_a_vector_is(saved, examples):
    _, path = saved(AnyVector)
    wide = generate_metadata(path, examples=examples(x=[[0.1] * 4, [0.5] * 4]).numpy())
    assert list(wide.inputs["x"].input_tensor_shape) == [4]
    assert "the model runs on [rows, 4], as in the examples" in wide.inputs["x"].finding
    told = generate_metadata(path, overrides=overrides(x=[4]))
    assert list(told.inputs["x"].input_tensor_shape) == [4]
    assert "the model runs" not in told.inputs["x"].finding
    with pytest.raises(ValueError, match="does not say the shape of 'x', and the model runs on none that was tried"):
        generate_metadata(path, examples=examples(x=[[0.1] * 3, [0.5] * 3]).numpy())


def test_placeholders_of_tf1_without_a_shape(tmp_path):
    path = str(tmp_path / "model")
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, name="x")
        w = v1.get_variable("w", initializer=tf.constant([[1.0], [2.0]]), use_resource=False)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, path, {"x": x}, {"y": tf.matmul(x, w)})
    metadata = generate_metadata(path)
    assert list(metadata.inputs["x"].input_tensor_shape) == [2]
    cut = load_explainable(path, metadata, output_scale=SERVED).differentiable()
    inputs = cut.encode({"x": tf.constant([[1.0, 1.0]])})
    np.testing.assert_allclose(cut.outputs(inputs), [[3.0]])
    np.testing.assert_allclose(cut.gradients(inputs, [0])[1]["x:0"], [[1.0, 2.0]])
