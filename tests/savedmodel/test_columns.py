"""What metadata can say beyond one tensor a feature: columns, weights, baselines of encoded tensors."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.attribution import IntegratedGradients, SampledShapley
from tfx_explain.savedmodel import load_explainable, metadata_from_json
from tfx_explain.savedmodel.analysis.read import read_model

METHODS = [IntegratedGradients(), SampledShapley()]
BAG = """{
  "inputs": {
    "x": {"input_tensor_name": "x", "encoding": "bag_of_features", "index_feature_mapping": ["one", "two", "three"],
          "input_baselines": [[0, 0, 1]]},
    "y": {"input_tensor_name": "y"}
  },
  "outputs": {"score": {}}
}"""
ROWS = {"x": tf.constant([[1.0, 2.0, 3.0], [-1.0, 0.5, 1.0]]), "y": tf.constant([0.25, -4.0])}


def attribute(method, model, rows):
    cut = model.differentiable() if isinstance(method, IntegratedGradients) else model.coalitional()
    keys = {} if isinstance(method, IntegratedGradients) else {"row_keys": np.arange(2, dtype=np.uint64)}
    return method.attribute(cut, cut.encode(rows), cut.baselines, cut.players, **keys)


@pytest.mark.parametrize("method", METHODS)
def test_columns_of_a_vector_are_features(zoo, method):
    model = load_explainable(zoo("Bag").path, metadata_from_json(BAG))
    assert model.features == ("one", "three", "two", "y")
    result = attribute(method, model, ROWS)
    assert result.features == model.features
    product = [1.0, -0.25]  # x0 x1, from a baseline of zeros: half each
    np.testing.assert_allclose(
        np.asarray(result.values), np.transpose([product, [4.0, 0.0], product, [0.25, -4.0]]), atol=1e-4
    )


def test_a_group_of_columns_is_explained_together(zoo):
    metadata = metadata_from_json(BAG)
    metadata.inputs["x"].group_name = "all of x"
    assert load_explainable(zoo("Bag").path, metadata).differentiable().players == {"all of x": ("x:0",), "y": ("y:0",)}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["one", "two"], r"index_feature_mapping: it has 2 names, for the last axis of 'x:0' \(None, 3\)"),
        (["one", "two", "two"], "'two' names two features"),
        (["one", "two", "y"], "'y' names two features"),
        ([], "encoding 'bag_of_features' needs a name for each column"),
    ],
)
def test_mistakes_in_columns(zoo, names, message):
    metadata = metadata_from_json(BAG)
    metadata.inputs["x"].ClearField("index_feature_mapping")
    metadata.inputs["x"].index_feature_mapping.extend(names)
    with pytest.raises(ValueError, match=message):
        load_explainable(zoo("Bag").path, metadata)


@pytest.mark.parametrize("method", METHODS)
def test_columns_of_an_encoded_tensor(zoo, found, examples, method):
    metadata = found("Indicator")
    metadata.inputs["tags"].index_feature_mapping[:] = ["a", "b", "c", "d", "unknown"]
    metadata.inputs["tags"].group_name = ""
    rows = examples(tags=[["a", "c", "a"], []])
    result = attribute(method, load_explainable(zoo("Indicator").path, metadata), rows)
    w = zoo("Indicator").module.w.numpy()[:, 0]
    expected = np.array([[1, 0, 1, 0, -1], [0, 0, 0, 0, -1]]) * w  # the baseline is one tag, '': unknown
    np.testing.assert_allclose(np.asarray(result.values), expected, atol=1e-5)


def test_columns_of_zeros_and_ones_are_named_by_the_vocabulary(found):
    tags = found("Indicator").inputs["tags"]
    assert (tags.encoding, tags.group_name) == ("indicator", "tags")
    assert list(tags.index_feature_mapping) == ["tags=a", "tags=b", "tags=c", "tags=d", "tags=?"]
    assert not found("RaggedTags").inputs["tags"].index_feature_mapping


def test_encoded_baselines_are_fed_as_given(zoo, found):
    metadata = found("Indicator")
    entry = metadata.inputs["tags"]
    del entry.input_baselines[:]
    entry.encoded_baselines.add(number_value=0.5)
    model = load_explainable(zoo("Indicator").path, metadata)
    for cut in (model.differentiable(), model.coalitional()):
        (baseline,) = cut.baselines.values()
        np.testing.assert_array_equal(baseline, np.full([1, 5], 0.5))
    entry.input_baselines.add(string_value="a")
    with pytest.raises(ValueError, match="has input_baselines and encoded_baselines; give one of the two"):
        load_explainable(zoo("Indicator").path, metadata)


def test_a_tensor_of_the_graph_can_stand_for_the_input(zoo, found, examples):
    metadata = found("Indicator")
    entry = metadata.inputs["tags"]
    encoded = entry.encoded_tensor_name
    entry.Clear()
    entry.input_tensor_name = encoded
    cut = load_explainable(zoo("Indicator").path, metadata).coalitional()
    assert cut.players == {"tags": (encoded,)}
    np.testing.assert_array_equal(cut.encode(examples(tags=[["b"], []]))[encoded], [[0, 1, 0, 0, 0], [0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(cut.baselines[encoded], np.zeros([1, 5]))


def weighted(zoo):
    """Metadata by hand, with the names that the parser gives."""
    features = read_model(zoo("Weighted").path, None).features.by_name
    amounts = features["amounts"]
    metadata = metadata_from_json(
        '{"inputs": {"tags": {"input_baselines": [["b", "d"]]}, "x": {}}, "outputs": {"score": {}}}'
    )
    entry = metadata.inputs["tags"]
    entry.weight_values_name, entry.weight_indices_name, entry.weight_dense_shape_name = amounts.tensors
    return metadata


def test_weights_come_and_go_with_what_they_weigh(zoo, examples):
    metadata = weighted(zoo)
    cut = load_explainable(zoo("Weighted").path, metadata).coalitional()
    rows = examples(tags=[["a", "b", "c"], ["d"]], amounts=[[0.5, 2.0, -1.0], [3.0]], x=[1.0, 2.0])
    inputs = cut.encode(rows)
    assert len(cut.players["tags"]) == 2
    absent = cut.outputs({**inputs, **{key: tf.gather(cut.baselines[key], [0, 0]) for key in cut.players["tags"]}})
    expected = zoo("Weighted").module.serve(examples(tags=[["b", "d"]] * 2, amounts=[[1.0, 1.0]] * 2, x=[1.0, 2.0]))
    np.testing.assert_allclose(absent[:, 0], expected["score"], rtol=1e-5)


def test_weights_named_wrongly(zoo):
    metadata = weighted(zoo)
    metadata.inputs["tags"].weight_indices_name = "amounts"
    with pytest.raises(ValueError, match=r"weight_indices_name: 'amounts' should be '.*'"):
        load_explainable(zoo("Weighted").path, metadata)
    metadata.inputs["tags"].weight_values_name = ""
    with pytest.raises(ValueError, match="weight_values_name: it is missing; give all three"):
        load_explainable(zoo("Weighted").path, metadata)
