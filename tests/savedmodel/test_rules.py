import json

import pytest

from tfx_explain.savedmodel import load_explainable, metadata_from_json
from tfx_explain.savedmodel.metadata.rules import contradictions, wrong_values


def of_input(**keys):
    return metadata_from_json(json.dumps({"inputs": {"x": keys}}))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"encoding": "bag_of_feature"}, "encoding: 'bag_of_feature' is not allowed; did you mean 'bag_of_features'?"),
        ({"modality": "sound"}, "modality: 'sound' is not allowed; there is 'categorical', 'image', 'numeric'"),
        ({"visualization": {"type": "pixel"}}, "visualization.type: 'pixel' is not allowed; did you mean 'pixels'?"),
        ({"visualization": {"color_map": "blue"}}, "visualization.color_map: 'blue' is not allowed"),
        ({"visualization": {"clip_above_percentile": 101}}, "clip_above_percentile: 101 is not between 0 and 100"),
        ({"visualization": {"overlay_multiplier": 1.5}}, "overlay_multiplier: 1.5 is not between 0 and 1"),
        ({"visualization": {"blur_sigma": -1, "type": "pixels"}}, "blur_sigma: -1 is negative"),
        ({"domain": {"original_stddev": -1}}, "original_stddev: -1 is negative"),
    ],
)
def test_values(keys, message):
    (problem,) = wrong_values(of_input(**keys))
    assert problem.startswith("inputs['x'].") and message in problem


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"indices_tensor_name": "i"}, "indices_tensor_name without dense_shape_tensor_name; give both or none"),
        ({"index_feature_mapping": ["a"], "encoding": "identity"}, "needs an encoding that has indices"),
        ({"encoded_tensor_name": "a", "encoded_tensor_names": ["b"]}, "are both given; leave one out"),
        ({"domain": {"min": 0}}, "domain has one of min and max; give both or neither"),
        ({"domain": {"min": 2, "max": 1}}, "domain.min 2 is above domain.max 1"),
        ({"domain": {"min": 0, "max": 1}, "encoding": "indicator"}, "domain is for encoding 'identity'"),
        ({"visualization": {"blur_sigma": 1, "type": "outlines"}}, "blur_sigma is for type 'pixels'"),
        ({"visualization": {"shade_within_outlines": True}}, "shade_within_outlines is for type 'outlines'"),
        ({"visualization": {"clip_below_percentile": 9, "clip_above_percentile": 9}}, "9 is not below"),
        ({"visualization": {"clip_above_percentile": 60}}, "clip_below_percentile 62 is not below"),
    ],
)
def test_keys_that_go_together(keys, message):
    (problem,) = contradictions(of_input(**keys))
    assert problem.startswith("inputs['x']") and message in problem


@pytest.mark.parametrize("mapping", ["no", [1, 2], {"0": "no"}])
def test_class_names_are_a_list_of_text(mapping):
    metadata = metadata_from_json(json.dumps({"outputs": {"y": {"index_name_mapping": mapping}}}))
    assert wrong_values(metadata) == ["outputs['y'].index_name_mapping: give a list of class names, one for each index"]


def test_what_keeps_to_the_rules_is_left_alone(found):
    for name in ("Linear", "Examples", "VarLen"):
        assert not wrong_values(found(name)) and not contradictions(found(name))
    assert not contradictions(of_input(domain={"min": 1, "max": 1, "original_mean": 1}, encoding="identity"))


def test_rules_and_names_make_one_error(zoo):
    metadata = of_input(encoding="identiti", input_tensor_name="z", input_tensor_dtype="float32")
    metadata.inputs["y"].input_tensor_dtype = "DT_STRING"
    metadata.outputs["score"].index_name_mapping_key = "classes"
    metadata.outputs["score"].index_name_mapping.list_value.values.add(string_value="only")
    with pytest.raises(ValueError, match="does not fit the model") as error:
        load_explainable(zoo("Linear").path, metadata)
    lines = str(error.value).splitlines()[1:]
    assert len(lines) == 4
    assert "  inputs['y'].input_tensor_dtype: 'DT_STRING' is wrong, the tensor is 'float32'" in lines


def test_dtypes_are_understood_as_tensorflows_tools_print_them(zoo):
    metadata = of_input(input_tensor_name="x", input_tensor_dtype="DT_FLOAT")
    metadata.outputs["score"].output_tensor_dtype = "float"
    assert load_explainable(zoo("Linear").path, metadata).features == ("x",)
