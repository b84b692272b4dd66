import numpy as np
import pytest

from tfx_explain.savedmodel import generate_metadata, metadata_to_json
from tfx_explain.savedmodel.analysis.read import read_model
from tfx_explain.savedmodel.graph.flat import node_of

BOTH, SHAPLEY = ["integrated_gradients", "sampled_shapley"], ["sampled_shapley"]


def encoded_ops(path, entry):
    """Ops of a feature's encoded tensors, whatever their variant; of operands, their own name."""
    graph = read_model(path, None).graph
    names = list(entry.encoded_tensor_names) or [name for name in [entry.encoded_tensor_name] if name]
    ops = [graph.nodes[node_of(n)].op if node_of(n) in graph.nodes else n.rpartition("/")[2] for n in names]
    return sorted(op.removeprefix("Resource").removesuffix("V2") for op in ops)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Linear", {"x": [], "y": []}),
        ("Examples", {"age": ["OneHot", "Sub"], "color": ["Gather"]}),
        ("VarLen", {"tags": ["Select"], "x": []}),
        ("Padded", {"tags": ["Sum", "Sum"]}),
        ("Filled", {"amount": ["SparseToDense"], "color": ["Gather"]}),
        ("Columns", {"age": ["Gather", "operand_0:0"], "hours": []}),
        ("Legacy", {"s": ["SparseReduceSum"], "x": [], "y": []}),
    ],
)
def test_encoded_tensors(zoo, found, name, expected):
    inputs = found(name).inputs
    assert {feature: encoded_ops(zoo(name).path, inputs[feature]) for feature in inputs} == expected
    assert all(list(entry.explainable_by) == BOTH for entry in inputs.values())


def test_a_feature_that_no_output_depends_on_is_left_out(found):
    assert "label" not in found("Examples").inputs


def test_sparse_features_name_their_three_tensors(found):
    tags = found("VarLen").inputs["tags"]
    assert tags.input_tensor_name and tags.indices_tensor_name and tags.dense_shape_tensor_name
    assert (tags.encoding, tags.modality) == ("combined_embedding", "categorical")


def test_signature_inputs_go_by_their_own_name(found):
    assert found("Linear").inputs["x"].input_tensor_name == "x"


def test_what_has_no_differentiable_path_says_so(found):
    inputs = found("Gate").inputs
    assert list(inputs["x"].explainable_by) == SHAPLEY
    assert "integrated gradients cannot explain it" in inputs["x"].finding
    assert list(inputs["y"].explainable_by) == BOTH and not inputs["y"].finding


def test_a_feature_that_also_decides_is_attributed_where_it_is_differentiable(found):
    entry = found("Gate").inputs["z"]
    assert entry.encoded_tensor_name.endswith("/operand_1:0")
    assert "is held at the row's value" in entry.finding


def test_custom_gradients_are_mentioned_where_they_matter(found):
    inputs = found("CustomGradient").inputs
    assert "custom gradients" in inputs["x"].finding
    assert not inputs["y"].finding


def test_saturated_probabilities_are_not_flat_logits(found):
    assert list(found("Saturated").inputs["x"].explainable_by) == BOTH


def test_flat_gradients_are_noticed(found):
    entry = found("Steps").inputs["x"]
    assert list(entry.explainable_by) == SHAPLEY
    assert "gradient is zero although its value moves the output" in entry.finding


@pytest.mark.parametrize(
    ("name", "output"), [("Linear", "score"), ("VarLen", "probabilities"), ("TwoOutputs", "click")]
)
def test_logits_are_found(zoo, found, name, output):
    tensor = found(name).outputs[output].logits_tensor_name
    graph = read_model(zoo(name).path, None).graph
    (link,) = [node for node in graph.nodes.values() if node.op in ("Sigmoid", "Softmax")]
    assert tensor == link.input[0]


def test_float_outputs_are_listed(found):
    outputs = found("TwoOutputs").outputs
    assert set(outputs) == {"buy", "click"}
    assert outputs["buy"].logits_tensor_name == ""


def test_the_same_model_gives_the_same_bytes(zoo, found):
    assert metadata_to_json(generate_metadata(zoo("Examples").path)) == metadata_to_json(found("Examples"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("BatchNormalized", "Output 'score' of a row depends on the other rows of its batch"),
        ("Noisy", "Output 'score' differs from call to call"),
        ("Constant", r"No feature of signature 'serving_default' reaches its outputs \(it takes 'x'\)"),
        ("Labels", r"has no output to explain, only 'label' \(int64 \(None,\)\)"),
        ("Sequences", r"has no output to explain, only 'scores' \(float32 \(None, 3, 1\)\)"),
        ("OneBatch", r"Input 'x' of the signature has shape \(4,\), which leaves no axis open for rows"),
        ("Logarithm", "fails on the baseline of 'x' .zero., .* its output is not a finite number. Give `statistics`"),
        ("Riddle", "fails on every synthetic row tried, .* give `examples` that it serves, or `statistics`"),
        ("Strict", "fails on the baseline of 'color' .* is not in .* Give `statistics`"),
    ],
)
def test_refusals(zoo, name, message):
    with pytest.raises(ValueError, match=message):
        generate_metadata(zoo(name).path)


def test_any_number_of_values_may_be_none(found):
    (baseline,) = found("StrictTags").inputs["color"].input_baselines
    assert list(baseline.list_value.values) == []


def test_every_baseline_is_zero_without_statistics(found):
    inputs = found("Examples").inputs
    assert {name: entry.baseline_source for name, entry in inputs.items()} == {"age": "zero", "color": "zero"}
    assert inputs["color"].input_baselines[0].string_value == ""
    assert np.isclose(inputs["age"].input_baselines[0].number_value, 0.0)
