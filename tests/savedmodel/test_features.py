import pytest
import tensorflow as tf

from tfx_explain.savedmodel.analysis.read import read_model


def features_of(zoo, name):
    return read_model(zoo(name).path, None).features


def test_behind_the_parser_are_the_examples_keys(zoo):
    features = features_of(zoo, "Examples")
    assert features.examples_input == "examples"
    assert set(features.by_name) == {"age", "color", "label"}
    age = features.by_name["age"]
    assert (age.dtype, age.shape.as_list(), age.required, age.is_sparse) == (tf.float32, [None, 1], True, False)
    assert not features.by_name["label"].required


def test_sparse_features_have_three_tensors(zoo):
    tags = features_of(zoo, "VarLen").by_name["tags"]
    assert tags.is_sparse
    assert len(set(tags.tensors)) == 3


def test_ragged_features_have_two_tensors(zoo):
    features = features_of(zoo, "RaggedTags").by_name
    assert {name: (feature.is_sparse, len(feature.tensors)) for name, feature in features.items()} == {
        "amounts": (True, 2),
        "tags": (True, 2),
        "x": (False, 1),
    }


def test_json_is_decoded_before_it_is_parsed(zoo):
    features = features_of(zoo, "Json")
    assert features.examples_input == "" and features.serialized
    assert set(features.by_name) == {"tags", "x"}


def test_the_older_parser(zoo):
    features = features_of(zoo, "Legacy").by_name
    assert {name: feature.required for name, feature in features.items()} == {"s": False, "x": True, "y": False}
    assert features["x"].shape.as_list() == [None, 2]


def test_without_a_parser_they_are_the_inputs(zoo):
    features = features_of(zoo, "Linear")
    assert features.examples_input == ""
    assert features.by_name["x"].values == "x:0"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ParsedOneByOne", "parses its rows with ParseExampleV2 .* outside of loops and conditions"),
        ("ParsedTwice", "Feature 'x' is parsed by several of the signature's parsers"),
        ("LengthOfRow", "reads its input 'examples' otherwise than by one tf.Example parser"),
    ],
)
def test_refusals(zoo, name, message):
    with pytest.raises(ValueError, match=message):
        features_of(zoo, name)
