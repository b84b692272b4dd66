import pytest

from tfx_explain.savedmodel import metadata_from_json, metadata_to_json


@pytest.mark.parametrize("name", ["Linear", "Examples", "VarLen", "Gate"])
def test_what_is_written_is_read_back(found, name):
    assert metadata_from_json(metadata_to_json(found(name))) == found(name)


def test_keys_are_sorted_and_in_the_documented_spelling(found):
    text = metadata_to_json(found("Linear"))
    assert text.index('"framework"') < text.index('"inputs"') < text.index('"outputs"')
    assert '"input_tensor_name"' in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"inputs": {"x": {"input_tensor": "x"}}}', "input_tensor"),
        ('{"inputs": {"x": {"input_tensor_name": 3}}}', "input_tensor_name"),
        ('{"inputs": {', "cannot be read"),
    ],
)
def test_what_is_wrong_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        metadata_from_json(text)
