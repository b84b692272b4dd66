"""Outputs of rank three and more: one element of a row is explained, chosen by its indices."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.attribution import IntegratedGradients, SampledShapley
from tfx_explain.savedmodel import generate_metadata, load_explainable, metadata_from_json

WEIGHTS = tf.random.stateless_normal([2, 4, 3], (1, 2))  # features, steps, classes
ROWS = {"x": tf.constant([[1.0, -2.0], [0.5, 3.0]])}


def steps(x):
    """Logits `[rows, 4, 3]`."""
    return tf.einsum("rf,ftc->rtc", x, WEIGHTS)


@pytest.fixture
def save(tmp_path):
    def build(serve, *specs):
        module = tf.Module()
        module.serve = tf.function(serve, input_signature=specs or [tf.TensorSpec([None, 2], tf.float32, "x")])
        tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.serve)
        return str(tmp_path / "model")

    return build


@pytest.mark.parametrize("method", [IntegratedGradients(), SampledShapley()])
def test_an_element_of_a_sequence_is_explained(save, method):
    path = save(lambda x: {"scores": steps(x)})
    model = load_explainable(path, generate_metadata(path, output_element=[2, 1]))
    assert model.num_outputs == 1
    cut = model.differentiable() if isinstance(method, IntegratedGradients) else model.coalitional()
    keys = {} if isinstance(method, IntegratedGradients) else {"row_keys": np.arange(2, dtype=np.uint64)}
    result = method.attribute(cut, cut.encode(ROWS), cut.baselines, cut.players, **keys)
    np.testing.assert_allclose(result.values, ROWS["x"] * WEIGHTS[:, 2, 1], atol=1e-5)


def test_without_the_last_index_its_elements_are_the_outputs(save):
    path = save(lambda x: {"scores": tf.nn.softmax(steps(x))})
    metadata = generate_metadata(path, output_element=[-1])
    model = load_explainable(path, metadata)
    assert (model.num_outputs, model.output.quantity) == (3, "log_odds")
    cut = model.differentiable()
    probabilities = tf.nn.softmax(steps(ROWS["x"]))[:, 3]
    log_odds = tf.math.log(probabilities / (1 - probabilities))
    np.testing.assert_allclose(cut.outputs(cut.encode(ROWS)), log_odds, rtol=1e-4)
    np.testing.assert_allclose(cut.predict(cut.encode(ROWS), [1, 1]), log_odds[:, 1], rtol=1e-4)
    one = load_explainable(path, metadata, output_element=[3, 1]).differentiable()  # in place of the metadata's
    np.testing.assert_allclose(one.outputs(one.encode(ROWS))[:, 0], log_odds[:, 1], rtol=1e-4)


def test_a_heat_map_behind_a_sigmoid(save):
    path = save(lambda x: {"map": tf.sigmoid(steps(x)[..., tf.newaxis])})
    model = load_explainable(path, generate_metadata(path, output_element=[1, 2, 0]))
    assert (model.num_outputs, model.output.quantity) == (1, "log_odds")
    cut = model.coalitional()
    np.testing.assert_allclose(cut.outputs(cut.encode(ROWS))[:, 0], steps(ROWS["x"])[:, 1, 2], rtol=1e-5)
    served = load_explainable(path, generate_metadata(path, output_element=[1, 2, 0]), output_scale=2).coalitional()
    np.testing.assert_allclose(
        served.outputs(served.encode(ROWS))[:, 0], tf.sigmoid(steps(ROWS["x"])[:, 1, 2]), rtol=1e-5
    )


def test_logits_of_other_axes_are_put_together_as_what_is_served(save):
    path = save(lambda x: {"scores": tf.reshape(tf.nn.softmax(tf.reshape(steps(x), [-1, 3])), [-1, 4, 3])})
    metadata = generate_metadata(path, output_element=[0, 2])
    assert metadata.outputs["scores"].explained_quantity == "log_odds"
    cut = load_explainable(path, metadata).differentiable()
    probabilities = tf.nn.softmax(steps(ROWS["x"]))[:, 0, 2]
    log_odds = tf.math.log(probabilities / (1 - probabilities))
    np.testing.assert_allclose(cut.outputs(cut.encode(ROWS))[:, 0], log_odds, rtol=1e-4)


def test_open_axes(save):
    path = save(lambda x: {"scores": tf.reshape(steps(x), tf.stack([tf.shape(x)[0], -1, 3]))})
    cut = load_explainable(path, generate_metadata(path, output_element=[-1, 1])).differentiable()
    np.testing.assert_allclose(cut.outputs(cut.encode(ROWS))[:, 0], steps(ROWS["x"])[:, 3, 1], rtol=1e-5)


def test_overrides_and_metadata_by_hand_choose_too(save):
    path = save(lambda x: {"scores": steps(x), "first": steps(x)[:, 0]})
    assert list(generate_metadata(path).outputs) == ["first"]
    told = metadata_from_json('{"outputs": {"scores": {"output_element": [2, 1]}}}')
    found = generate_metadata(path, overrides=told)
    assert {name: list(output.output_element) for name, output in found.outputs.items()} == {
        "first": [],
        "scores": [2, 1],
    }
    by_hand = metadata_from_json('{"inputs": {"x": {}}, "outputs": {"scores": {"output_element": [2, 1]}}}')
    cut = load_explainable(path, by_hand).differentiable()
    np.testing.assert_allclose(cut.outputs(cut.encode(ROWS))[:, 0], steps(ROWS["x"])[:, 2, 1], rtol=1e-5)


@pytest.mark.parametrize("output_name", [None, "scores"])
def test_without_a_choice_the_error_says_how(save, output_name):
    path = save(lambda x: {"scores": steps(x)})
    message = (
        r"choose the element of a row of shape \[4, 3\] .* `output_element` \[0, 0\], or \[0\] for all of the last"
    )
    with pytest.raises(ValueError, match=message):
        generate_metadata(path, output_name=output_name)
    by_hand = metadata_from_json('{"inputs": {"x": {}}, "outputs": {"scores": {}}}')
    with pytest.raises(ValueError, match=r"choose an element of its rows by output_element.*such as \[0, 0\]"):
        load_explainable(path, by_hand)


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ([4, 0], r"output_element: \[4, 0\] is outside of .* of shape \(None, 4, 3\)"),
        ([0, -4], "is outside of"),
        ([0, 0, 0], r"are 3 indices; .* is of shape \(None, 4, 3\), so give 2"),
    ],
)
def test_elements_that_are_not_there_are_refused(save, element, message):
    path = save(lambda x: {"scores": steps(x)})
    by_hand = metadata_from_json(
        f'{{"inputs": {{"x": {{}}}}, "outputs": {{"scores": {{"output_element": {element}}}}}}}'
    )
    with pytest.raises(ValueError, match=message):
        load_explainable(path, by_hand)
    with pytest.raises(ValueError, match="output_element"):
        generate_metadata(path, output_element=element)
