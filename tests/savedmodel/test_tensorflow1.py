"""SavedModels that TF 1's API wrote."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, load_explainable
from tfx_explain.savedmodel.graph.load import load_signature

SERVED = explanation_pb2.ExplanationParameters.SERVED
ROWS = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
LOOPS = ["counted_loop", "nested_loops", "mapped", "recurrent"]


@pytest.fixture(scope="module")
def builders(load_builders):
    return load_builders("tensorflow1_models")


@pytest.fixture(scope="module")
def people(examples):
    return examples(
        age=[25.0, 30.0, 50.0, 70.0, 10.0],
        hours=[40.0, 10.0, 0.0, 60.0, 20.0],
        color=["red", "blue", "mauve", "green", "red"],
        job=["a", "b", "a", "c", "d"],
    )


@pytest.fixture(scope="module")
def census(builders, people, tmp_path_factory):
    """Where the wide and deep model is saved, and what it serves for `people`."""
    folder = tmp_path_factory.mktemp("census")
    return str(folder / "model"), builders.wide_and_deep(str(folder / "model"), folder, people)


@pytest.mark.parametrize("name", LOOPS)
def test_loops_and_their_gradients(builders, tmp_path, name):
    path = str(tmp_path / "model")
    expected, gradient = builders.loop(name, path, ROWS)
    metadata = generate_metadata(path)
    cut = load_explainable(path, metadata).differentiable()
    inputs = cut.encode({"x": ROWS})
    outputs, gradients = cut.gradients(inputs, np.zeros(5, np.int32))
    assert list(gradients) == ["x:0"]
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gradients["x:0"], gradient, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(load_signature(path).function(x=tf.constant(ROWS))["score"], expected, rtol=1e-5)


def test_wide_and_deep_is_explained_by_graph_tensors(census, people):
    path, expected = census
    metadata = generate_metadata(path)
    assert metadata.framework == "tensorflow"
    assert metadata.outputs["scores"].output_tensor_name == "probabilities:0"
    assert metadata.outputs["scores"].logits_tensor_name == "concat:0"
    assert [value.string_value for value in metadata.outputs["scores"].index_name_mapping.list_value.values] == [
        "no",
        "yes",
    ]
    several = {name for name, entry in metadata.inputs.items() if len(entry.encoded_tensor_names) > 1}
    assert set(metadata.inputs) == {"age", "color", "hours", "job"}
    assert {"age", "color"} <= several
    cut = load_explainable(path, metadata, output_scale=SERVED).coalitional()
    np.testing.assert_allclose(cut.outputs(cut.encode(people)), expected, rtol=1e-5)


@pytest.mark.parametrize("signature", ["regression", "predict"])
def test_every_method_of_serving_can_be_explained(census, people, signature):
    path, expected = census
    metadata = generate_metadata(path, signature_name=signature)
    outputs = metadata.outputs
    assert set(outputs) == ({"outputs"} if signature == "regression" else {"logits", "probabilities"})
    name = "outputs" if signature == "regression" else "probabilities"
    cut = load_explainable(path, metadata, output_name=name, output_scale=SERVED).coalitional()
    np.testing.assert_allclose(cut.outputs(cut.encode(people))[:, -1], expected[:, 1], rtol=1e-5)
    if signature == "predict":  # the labels are no outputs of their own, they name those of the scores
        assert [value.string_value for value in outputs[name].index_name_mapping.list_value.values] == ["no", "yes"]


def test_metadata_of_graph_tensors_written_by_hand(census, people):
    path, expected = census
    metadata = explanation_pb2.ExplanationMetadata(framework="tensorflow")
    metadata.inputs["hours worked"].input_tensor_name = "ParseExample/ParseExampleV2:7"
    metadata.inputs["hours worked"].encoded_tensor_name = "input_layer/hours/Reshape:0"
    metadata.outputs["probability"].output_tensor_name = "probabilities:0"
    cut = load_explainable(path, metadata).differentiable()
    assert list(cut.players) == ["hours worked"]
    np.testing.assert_allclose(cut.outputs(cut.encode(people)), expected, rtol=1e-5)


def test_meta_graphs_are_chosen_by_tags(builders, tmp_path):
    path = str(tmp_path / "model")
    builders.two_meta_graphs(path)
    x = tf.constant([1.0, 2.0])
    for tags, factor in ((["cpu"], 2.0), (["fast", "gpu"], 3.0)):
        signature = load_signature(path, tags=tags)
        np.testing.assert_array_equal(signature.function(x=x)["y"], x * factor)
    with pytest.raises(ValueError, match="has no meta graph tagged 'serve'; there is: 'cpu'; 'fast', 'gpu'"):
        load_signature(path)


def test_a_placeholder_that_is_no_input_is_named(builders, tmp_path):
    builders.unfed(str(tmp_path / "model"))
    with pytest.raises(ValueError, match="depend on the placeholder 'keep_probability', which is none of its inputs"):
        load_signature(str(tmp_path / "model"))
