import json

import pytest

from tfx_explain.savedmodel import (
    check_overrides,
    generate_metadata,
    load_explainable,
    merge_metadata,
    metadata_from_json,
)


def part(**keys):
    return metadata_from_json(json.dumps(keys))


FOUND = part(
    inputs={
        "age": {
            "input_tensor_name": "age",
            "input_baselines": [1, 2],
            "baseline_source": "zero, median",
            "domain": {"min": 0, "max": 9},
            "encoded_tensor_names": ["a:0", "b:0"],
            "explainable_by": ["sampled_shapley"],
            "finding": "no path",
        },
        "sex": {"input_tensor_name": "sex", "modality": "categorical"},
    },
    outputs={"score": {"output_tensor_name": "score", "logits_tensor_name": "l:0"}},
    framework="tensorflow2",
)


def test_nothing_given_changes_nothing():
    assert merge_metadata(FOUND, part()) == FOUND


def test_entries_and_messages_are_merged_and_lists_replaced():
    given = part(inputs={"age": {"domain": {"max": 5}, "input_baselines": [7]}, "sex": {"modality": "text"}})
    merged = merge_metadata(FOUND, given)
    age, sex = merged.inputs["age"], merged.inputs["sex"]
    assert (age.domain.min, age.domain.max) == (0, 5)
    assert [value.number_value for value in age.input_baselines] == [7] and age.baseline_source == "given"
    assert (sex.input_tensor_name, sex.modality) == ("sex", "text")
    assert merged.outputs == FOUND.outputs and list(age.encoded_tensor_names) == ["a:0", "b:0"]


def test_two_spellings_of_one_thing_replace_each_other():
    given = part(inputs={"age": {"encoded_baselines": [0], "encoded_tensor_name": "c:0"}})
    age = merge_metadata(FOUND, given).inputs["age"]
    assert not age.input_baselines and not age.encoded_tensor_names
    assert not age.explainable_by and not age.finding  # they spoke of the old tensors


@pytest.mark.parametrize("tensor", ["age", "Parse:3"])
def test_a_new_name_for_a_found_tensor(tensor):
    found = merge_metadata(FOUND, part())
    found.inputs["age"].input_tensor_name = "Parse:3"
    merged = merge_metadata(found, part(inputs={"years": {"input_tensor_name": tensor}}))
    assert set(merged.inputs) == {"years", "sex"}
    assert merged.inputs["years"].domain.max == 9 and merged.inputs["years"].input_tensor_name == tensor


def test_another_tensor_is_another_feature():
    age = merge_metadata(FOUND, part(inputs={"age": {"input_tensor_name": "years"}})).inputs["age"]
    assert age == part(inputs={"age": {"input_tensor_name": "years"}}).inputs["age"]
    score = merge_metadata(FOUND, part(outputs={"score": {"output_tensor_name": "s:0"}})).outputs["score"]
    assert score.logits_tensor_name == ""


def test_overrides_are_held_against_the_model(zoo):
    path = zoo("Examples").path
    color = part(inputs={"color": {"input_baselines": ["green"], "modality": "text"}})
    metadata = generate_metadata(path, overrides=color)
    assert metadata.inputs["color"].input_baselines[0].string_value == "green"
    assert (metadata.inputs["color"].baseline_source, metadata.inputs["color"].modality) == ("given", "text")
    for wrong, message in (
        ({"colour": {"modality": "text"}}, "the model has no 'colour'; did you mean 'color'"),
        ({"age": {"input_baselines": ["old"]}}, "input_baselines of 'age': got a str"),
        ({"age": {"encoded_tensor_name": "Sub:0"}}, "the model has no 'Sub:0'; did you mean"),
    ):
        with pytest.raises(ValueError, match=message):
            generate_metadata(path, overrides=part(inputs=wrong))


def test_baselines_that_are_given_make_a_strict_model_explainable(zoo):
    given = part(inputs={"color": {"input_baselines": ["red"]}})
    for name in ("Strict", "StrictTags"):
        assert generate_metadata(zoo(name).path, overrides=given).inputs["color"].baseline_source == "given"
    wrong = part(inputs={"color": {"input_baselines": ["mauve"]}})
    with pytest.raises(ValueError, match=r"fails on the baseline of 'color' \(given\)"):
        generate_metadata(zoo("StrictTags").path, overrides=wrong)


def test_an_output_that_only_a_person_knows(zoo, found):
    logits = found("Linear").outputs["score"].logits_tensor_name
    metadata = generate_metadata(zoo("Linear").path, overrides=part(outputs={"raw": {"output_tensor_name": logits}}))
    assert set(metadata.outputs) == {"raw", "score"}
    assert metadata.outputs["raw"].output_tensor_name == logits
    chosen = part(outputs={"raw": {"output_tensor_name": "score"}})
    metadata = generate_metadata(zoo("Linear").path, output_name="raw", overrides=chosen)
    assert (set(metadata.outputs), metadata.outputs["raw"].logits_tensor_name) == ({"raw"}, logits)
    with pytest.raises(
        ValueError, match=r"outputs\['raw'\].output_tensor_name: the model has no 'scores'; did you mean"
    ):
        generate_metadata(zoo("Linear").path, overrides=part(outputs={"raw": {"output_tensor_name": "scores"}}))


def test_an_encoded_tensor_that_is_given_is_tried(zoo, found):
    name = found("Examples").inputs["color"].encoded_tensor_name
    given = part(inputs={"color": {"encoded_tensor_name": name, "encoded_baselines": [0]}})
    color = generate_metadata(zoo("Examples").path, overrides=given).inputs["color"]
    assert (color.encoded_tensor_name, color.baseline_source) == (name, "given")
    assert not color.input_baselines and "integrated_gradients" in color.explainable_by


def test_overrides_choose_the_signature(zoo):
    with pytest.raises(ValueError, match="has no signature 'other'; it has 'serving_default'"):
        generate_metadata(zoo("Linear").path, overrides=part(signature_name="other"))


def test_what_is_wrong_without_a_model():
    with pytest.raises(ValueError, match=r"(?s)cannot be used:.*modality: 'sound'.*but 'b' is asked for"):
        check_overrides(part(inputs={"x": {"modality": "sound"}}, signature_name="a"), "b")
    check_overrides(part(inputs={"x": {"domain": {"min": 1}}}), None)  # the found one has the other


def test_names_as_saved_model_cli_prints_them(zoo):
    given = part(
        inputs={"years": {"input_tensor_name": "serving_default_x:0"}, "serving_default_y:0": {"input_baselines": [2]}},
        outputs={"chance": {"output_tensor_name": "StatefulPartitionedCall:0"}},
    )
    metadata = generate_metadata(zoo("Linear").path, output_name="chance", overrides=given)
    assert set(metadata.inputs) == {"years", "serving_default_y:0"} and set(metadata.outputs) == {"chance"}
    assert metadata.inputs["years"].input_tensor_name == "x"
    by_hand = part(
        inputs={"a": {"input_tensor_name": "serving_default_x:0"}, "b": {"input_tensor_name": "serving_default_y:0"}},
        outputs={"chance": {"output_tensor_name": "StatefulPartitionedCall:0"}},
    )
    assert load_explainable(zoo("Linear").path, by_hand).features == ("a", "b")


def test_a_group_that_is_taken_apart_is_explained_by_shapley_values(zoo, found):
    assert {found("Crossed").inputs[name].group_name for name in "ab"} == {"a+b"}
    metadata = generate_metadata(zoo("Crossed").path, overrides=part(inputs={"a": {"group_name": "a"}}))
    entries = metadata.inputs
    assert [entries[name].group_name for name in "abc"] == ["a", "", ""]
    for name in "ab":
        assert (
            list(entries[name].explainable_by) == ["sampled_shapley"] and "taken out of 'a+b'" in entries[name].finding
        )
        assert not entries[name].encoded_tensor_name and not entries[name].encoded_tensor_names
    assert list(load_explainable(zoo("Crossed").path, metadata).coalitional().players) == ["a", "b", "c"]
