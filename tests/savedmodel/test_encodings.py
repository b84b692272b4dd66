"""Features that are encoded together, and what they then are attributed."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.attribution import IntegratedGradients, SampledShapley
from tfx_explain.savedmodel import load_explainable

BOTH, SHAPLEY = ["integrated_gradients", "sampled_shapley"], ["sampled_shapley"]
NO_TARGETS = np.zeros(2, np.int32)


def groups(metadata):
    return {name: (entry.group_name, list(entry.explainable_by)) for name, entry in metadata.inputs.items()}


def test_crossed_features_are_one_group(found):
    metadata = found("Crossed")
    assert groups(metadata) == {"a": ("a+b", BOTH), "b": ("a+b", BOTH), "c": ("", BOTH)}
    assert metadata.inputs["a"].encoded_tensor_name == metadata.inputs["b"].encoded_tensor_name != ""
    assert "The model merges it with 'b' before any float tensor" in metadata.inputs["a"].finding


def test_crosses_that_share_a_feature_are_one_group(found):
    metadata = found("WideAndDeep")
    merged = ("age+city+job", BOTH)
    assert groups(metadata) == {"age": merged, "city": merged, "hours": ("", BOTH), "job": merged}
    counts = {name: len(entry.encoded_tensor_names) for name, entry in metadata.inputs.items()}
    assert counts == {"age": 2, "city": 3, "hours": 0, "job": 2}  # its own tensor, and each cross it is in


def test_strings_that_are_compared_are_a_group_and_numbers_are_not(found):
    assert groups(found("Same")) == {"a": ("a+b", BOTH), "b": ("a+b", BOTH), "x": ("", BOTH), "y": ("", BOTH)}


def test_weights_go_with_what_they_weigh(found):
    metadata = found("Weighted")
    assert groups(metadata) == {"tags": ("", BOTH), "x": ("", BOTH)}
    tags = metadata.inputs["tags"]
    assert tags.weight_values_name and tags.weight_indices_name and tags.weight_dense_shape_name
    assert "Its values are weighted by 'amounts'" in tags.finding


def rows_of(name, examples):
    some, tags = [0.5, -1.0], [["a", "c"], ["d"]]
    if name == "WideAndDeep":
        return examples(job=["x", "y"], city=["u", "v"], age=[0.5, 2.0], hours=some)
    if name == "RaggedTags":
        return examples(tags=tags, amounts=[[1.0, 2.0], []], x=some)
    return examples(tags=tags, amounts=[[1.0, 2.0], [0.5]], x=some)


def encoded_by_hand(module, name, rows):
    parsed = tf.io.parse_example(rows, module.SPEC)
    if name == "WideAndDeep":
        return module.encode(*(parsed[key] for key in ("job", "city", "age", "hours")))
    if name == "RaggedTags":
        return module.encode(parsed)
    return [module.pooled(parsed["tags"], parsed["amounts"]), parsed["x"]]


@pytest.mark.parametrize("name", ["WideAndDeep", "RaggedTags", "Weighted"])
def test_gradients_are_those_of_a_tape_on_the_original(zoo, found, examples, name):
    rows, module = rows_of(name, examples), zoo(name).module
    encoded = encoded_by_hand(module, name, rows)
    with tf.GradientTape() as tape:
        tape.watch(encoded)
        expected = module.head(*encoded)
    cut = load_explainable(zoo(name).path, found(name)).differentiable()
    inputs = cut.encode(rows)
    outputs, gradients = cut.gradients(inputs, NO_TARGETS)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5)
    np.testing.assert_allclose(outputs, module.serve(rows)["score"], rtol=1e-5)
    for tensor, gradient in zip(encoded, tape.gradient(expected, encoded), strict=True):
        assert any(
            inputs[key].shape == tensor.shape
            and np.allclose(inputs[key], tensor)
            and np.allclose(gradients[key], gradient, rtol=1e-5, atol=1e-6)
            for key in cut.baselines
        )


def test_attributions_of_a_group_and_of_a_weighted_feature(zoo, found, examples):
    """Two players of whom one multiplies the other: (f(1,1) - f(0,1) + f(1,0) - f(0,0)) / 2, x's baseline being 0."""
    rows, module = rows_of("Weighted", examples), zoo("Weighted").module
    cut = load_explainable(zoo("Weighted").path, found("Weighted")).coalitional()
    inputs = cut.encode(rows)
    (key,) = cut.players["tags"]
    served = [module.head(pooled, [0.5, -1.0]).numpy() for pooled in (inputs[key], tf.repeat(cut.baselines[key], 2, 0))]
    result = SampledShapley().attribute(cut, inputs, cut.baselines, cut.players, row_keys=np.arange(2, dtype=np.uint64))
    np.testing.assert_allclose(np.asarray(result.values)[:, 0], (served[0] - served[1]) / 2, atol=1e-6)


def test_integrated_gradients_of_crosses_add_up(zoo, found, examples):
    rows, module = rows_of("WideAndDeep", examples), zoo("WideAndDeep").module
    cut = load_explainable(zoo("WideAndDeep").path, found("WideAndDeep")).differentiable()
    result = IntegratedGradients(tolerance=1e-4).attribute(cut, cut.encode(rows), cut.baselines, cut.players)
    assert result.features == ("age+city+job", "hours")
    absent = module.serve(examples(job=[""] * 2, city=[""] * 2, age=[0.0] * 2, hours=[0.0] * 2))["score"]
    np.testing.assert_allclose(np.asarray(result.values).sum(1), module.serve(rows)["score"] - absent, atol=1e-3)
