"""What is explained of what a signature serves."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, load_explainable

Parameters = explanation_pb2.ExplanationParameters
ROWS = np.random.default_rng(1).normal(size=(6, 2)).astype(np.float32)


def log_odds(logits):
    """log(p / (1 - p)) of a softmax, in float64."""
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    others = probabilities.sum(axis=1, keepdims=True) - probabilities
    return np.log(probabilities / others)


@pytest.fixture(scope="module")
def saved(load_builders, tmp_path_factory):
    builders = load_builders("output_models")

    def build(name):
        module = getattr(builders, name)()
        path = str(tmp_path_factory.mktemp(name))
        tf.saved_model.save(module, path, signatures=module.serve)
        return module, path

    return build


@pytest.mark.parametrize(
    ("name", "output", "has_logits", "names"),
    [
        ("ClassIds", "class_id", True, []),
        ("LookedUp", "label", True, ["cat", "dog", "bird"]),
        ("Gathered", "scores", True, ["cat", "dog", "bird"]),
        ("Best", "names", False, ["cat", "dog", "bird"]),
        ("Written", "digit", False, ["0", "1", "2"]),
        ("Classified", "scores", True, ["cat", "dog", "bird"]),
    ],
)
def test_labels_lead_to_the_scores_of_all_classes(saved, name, output, has_logits, names):
    module, path = saved(name)
    metadata = generate_metadata(path)
    (entry,) = metadata.outputs.values()
    assert list(metadata.outputs) == [output]
    assert [value.string_value for value in entry.index_name_mapping.list_value.values] == names
    assert bool(entry.logits_tensor_name) == has_logits
    assert entry.served_tensor_name == (output if output not in ("scores",) else "")
    assert (entry.classes, entry.explained_quantity) == (("exclusive", "log_odds") if has_logits else ("", "served"))
    scale = Parameters.LOGITS if has_logits else Parameters.SERVED
    cut = load_explainable(path, metadata, output_scale=scale).differentiable()
    outputs = cut.outputs(cut.encode({"x": ROWS})).numpy()
    np.testing.assert_allclose(outputs, ROWS @ module.w.numpy(), rtol=1e-5, atol=1e-6)


def test_a_threshold_leads_to_the_score_and_the_class_above_it(saved):
    module, path = saved("Threshold")
    metadata = generate_metadata(path)
    assert [v.string_value for v in metadata.outputs["spam"].index_name_mapping.list_value.values] == ["spam"]
    cut = load_explainable(path, metadata, output_scale=Parameters.SERVED).coalitional()
    outputs = cut.outputs(cut.encode({"x": ROWS})).numpy()
    np.testing.assert_allclose(outputs[:, 0], module.scores(ROWS)[:, 0], rtol=1e-5)
    cut = load_explainable(path, metadata).coalitional()
    logits = ROWS @ module.w.numpy().astype(np.float64)
    np.testing.assert_allclose(cut.outputs(cut.encode({"x": ROWS}))[:, 0], log_odds(logits)[:, 0], rtol=1e-5)


def test_a_rounded_probability_is_explained_before_it_is_rounded(saved):
    _, path = saved("Rounded")
    metadata = generate_metadata(path)
    assert metadata.outputs["prediction"].served_tensor_name == "prediction"
    cut = load_explainable(path, metadata, output_scale=Parameters.SERVED).differentiable()
    outputs = cut.outputs(cut.encode({"x": ROWS})).numpy()
    np.testing.assert_allclose(outputs[:, 0], tf.sigmoid(ROWS[:, 0] * ROWS[:, 1]), rtol=1e-5)


def test_several_outputs_need_a_choice(zoo, found):
    with pytest.raises(ValueError, match="there are 'buy', 'click'; choose one as output_name"):
        load_explainable(zoo("TwoOutputs").path, found("TwoOutputs"))
