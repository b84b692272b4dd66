import numpy as np
import pytest

from tfx_explain.savedmodel import generate_metadata, load_explainable, metadata_from_json
from tfx_explain.savedmodel.analysis.read import read_model

BY_HAND = """{
  "framework": "tensorflow2",
  "inputs": {
    "width": {"input_tensor_name": "x", "input_baselines": [[1, 2, 3]], "modality": "numeric"},
    "factor": {"input_tensor_name": "y", "input_baselines": [0.5]}
  },
  "outputs": {"score": {"output_tensor_name": "score"}}
}"""


def load(zoo, name, metadata, **settings):
    return load_explainable(zoo(name).path, metadata, **settings)


def test_metadata_written_by_hand(zoo, rows):
    model = load(zoo, "Linear", metadata_from_json(BY_HAND))
    assert model.features == ("factor", "width")
    assert set(model.row_features) == {"x", "y"}
    cut = model.differentiable()
    np.testing.assert_array_equal(cut.baselines[cut.players["width"][0]], [[1.0, 2.0, 3.0]])
    assert cut.outputs(cut.encode(rows["Linear"])).shape == (5, 1)


def test_features_that_are_left_out_are_held(zoo, rows):
    metadata = metadata_from_json(BY_HAND)
    del metadata.inputs["factor"]
    cut = load(zoo, "Linear", metadata).differentiable()
    assert set(cut.encode(rows["Linear"])) == {"x:0", "y:0"}
    assert list(cut.players) == ["width"]


def test_what_a_row_must_bring(zoo, found):
    assert set(load(zoo, "Examples", found("Examples")).row_features) == {"age", "color"}
    metadata = found("VarLen")
    del metadata.inputs["tags"]
    assert set(load(zoo, "VarLen", metadata).row_features) == {"x"}


def test_groups_are_explained_together(zoo):
    metadata = metadata_from_json(BY_HAND)
    for entry in metadata.inputs.values():
        entry.group_name = "both"
    model = load(zoo, "Linear", metadata)
    assert model.features == ("both",)
    assert set(model.differentiable().players["both"]) == {"x:0", "y:0"}


def test_names_of_more_classes_than_there_are(zoo):
    metadata = metadata_from_json(BY_HAND)
    metadata.outputs["score"].index_name_mapping.list_value.extend(["no", "yes", "perhaps"])
    with pytest.raises(ValueError, match=r"outputs\['score'\]\.index_name_mapping: names 3 classes; .* has 1"):
        load(zoo, "Linear", metadata)


def test_every_mistake_is_a_line_with_the_nearest_name(zoo):
    metadata = metadata_from_json(BY_HAND)
    metadata.inputs["width"].input_tensor_name = "xx"
    metadata.inputs["factor"].input_tensor_dtype = "string"
    metadata.outputs["score"].output_tensor_name = "scores"
    with pytest.raises(ValueError, match="does not fit the model") as error:
        load(zoo, "Linear", metadata)
    assert str(error.value).splitlines()[1:] == [
        "  outputs['score'].output_tensor_name: the model has no 'scores'; did you mean 'score'?",
        "  inputs['factor'].input_tensor_dtype: 'string' is wrong, the tensor is 'float32'",
        "  inputs['width'].input_tensor_name: the model has no 'xx'; did you mean 'x'?",
    ]


def edit_mapping(metadata, value):
    metadata.inputs["age"].encoding = "bag_of_features"
    metadata.inputs["age"].index_feature_mapping.extend(value)


def edit_encoded(metadata, value):
    metadata.inputs["color"].encoded_tensor_name = value


def edit_baseline(metadata, value):
    del metadata.inputs["age"].input_baselines[:]
    for item in value:
        metadata.inputs["age"].input_baselines.add(**item)


@pytest.mark.parametrize(
    ("edit", "value", "message"),
    [
        (edit_encoded, "Gather:0", r"inputs\['color'\].encoded_tensor_name: the model has no 'Gather:0'; did you mean"),
        (edit_encoded, "examples", r"'examples:0' is string; name a float tensor"),
        (edit_mapping, ["years", "months"], "index_feature_mapping: it has 2 names"),
        (edit_baseline, [{"string_value": "old"}], "input_baselines of 'age': got a str of shape"),
        (edit_baseline, [{"number_value": 1}, {"number_value": 2}, {"bool_value": True}], "got a bool"),
    ],
)
def test_mistakes(zoo, found, edit, value, message):
    metadata = found("Examples")
    edit(metadata, value)
    with pytest.raises(ValueError, match=message):
        load(zoo, "Examples", metadata)


def test_unequal_numbers_of_baselines(zoo, found):
    metadata = found("Examples")
    edit_baseline(metadata, [{"number_value": 1}, {"number_value": 2}, {"number_value": 3}])
    metadata.inputs["color"].input_baselines.add(string_value="red")
    with pytest.raises(ValueError, match="input_baselines of 'color': got 2; give 1, or 3 as others have"):
        load(zoo, "Examples", metadata)


def test_an_encoded_tensor_of_several_features(zoo, found):
    metadata = found("Examples")
    metadata.inputs["color"].encoded_tensor_name = metadata.outputs["score"].logits_tensor_name
    with pytest.raises(ValueError, match="depends on 'age' too; name a tensor of this feature alone"):
        load(zoo, "Examples", metadata)


def test_a_tensor_named_twice(zoo):
    metadata = metadata_from_json(BY_HAND)
    metadata.inputs["factor"].input_tensor_name = "x"
    with pytest.raises(ValueError, match=r"inputs\['width'\] and inputs\['factor'\] name the same tensor"):
        load(zoo, "Linear", metadata)


def test_a_crossed_encoding_belongs_to_the_group(zoo, found):
    metadata = found("Crossed")
    graph = read_model(zoo("Crossed").path, None).graph
    (gather,) = [name for name, node in graph.nodes.items() if node.op in ("ResourceGather", "GatherV2")]
    for name in "ab":
        entry = metadata.inputs[name]
        entry.group_name, entry.encoded_tensor_name = "a x b", f"{gather}:0"
        del entry.explainable_by[:]
    cut = load(zoo, "Crossed", metadata).differentiable()
    assert cut.players["a x b"] == (f"{gather}:0",)


def test_a_feature_that_nothing_depends_on(zoo, found):
    metadata = found("Examples")
    metadata.inputs["label"].input_tensor_name = "label"
    with pytest.raises(ValueError, match=r"no output of the model depends on 'label'; leave it out"):
        load(zoo, "Examples", metadata)


def test_several_outputs_need_a_choice(zoo, found):
    with pytest.raises(ValueError, match="there are 'buy', 'click'; choose one as output_name"):
        load(zoo, "TwoOutputs", found("TwoOutputs"))
    assert load(zoo, "TwoOutputs", found("TwoOutputs"), output_name="buy").num_outputs == 1
    with pytest.raises(ValueError, match="output_name: the model has no 'clicks'; did you mean 'click'"):
        load(zoo, "TwoOutputs", found("TwoOutputs"), output_name="clicks")


def test_metadata_of_another_signature(zoo, found):
    metadata = found("Linear")
    metadata.signature_name = "predict"
    with pytest.raises(ValueError, match="has no signature 'predict'; it has 'serving_default'"):
        load(zoo, "Linear", metadata)


def test_no_inputs(zoo):
    with pytest.raises(ValueError, match="inputs: there are none; name at least one feature"):
        load(zoo, "Linear", metadata_from_json('{"outputs": {"score": {}}}'))


def test_what_was_generated_is_accepted(zoo):
    assert load(zoo, "Filled", generate_metadata(zoo("Filled").path)).features == ("amount", "color")
