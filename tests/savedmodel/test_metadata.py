import pytest
from google.cloud.aiplatform_v1.types import ExplanationMetadata as VertexMetadata

from tfx_explain.savedmodel import metadata_from_json, metadata_to_json

# As in the documents of AI Explanations, without their trailing commas.
ZIP_CODES = """{
    "inputs": {
      "zip_codes": {
        "input_tensor_name": "zip_codes:0",
        "encoded_tensor_name": "zip_codes_embedding:0",
        "encoding": "combined_embedding"
      }
    },
    "outputs": {
      "probabilities": {
        "output_tensor_name": "dense/Softmax:0"
      }
    },
  "framework": "tensorflow"
}"""
TRAILING = """{
    "inputs": {
      "degrees_celsius": {
        "input_tensor_name": "x:0",
      }
    }
}"""
VERTEX = """{
  "inputs": {
    "image": {
      "inputTensorName": "bytes", "encodedTensorName": "cast", "encoding": "IDENTITY", "modality": "image",
      "encodedBaselines": [[[0.0]]], "groupName": "g",
      "featureValueDomain": {"minValue": 0, "maxValue": 1, "originalMean": 0.5, "originalStddev": 0.25},
      "visualization": {"type": "PIXELS", "polarity": "BOTH", "colorMap": "PINK_WHITE_GREEN",
                        "overlayType": "GRAYSCALE", "clipPercentUpperbound": 99.5, "clipPercentLowerbound": 50}
    },
    "words": {
      "inputTensorName": "values:0", "indicesTensorName": "indices:0", "denseShapeTensorName": "shape:0",
      "encoding": "BAG_OF_FEATURES_SPARSE", "indexFeatureMapping": ["a", "b"], "inputBaselines": ["x", ["y", "z"]]
    }
  },
  "outputs": {"scores": {"outputTensorName": "scores", "indexDisplayNameMapping": ["no", "yes"]},
              "other": {"outputTensorName": "other", "displayNameMappingKey": "classes"}}
}"""


@pytest.mark.parametrize("name", ["Linear", "Examples", "VarLen", "Gate"])
def test_what_is_written_is_read_back(found, name):
    assert metadata_from_json(metadata_to_json(found(name))) == found(name)


def test_keys_are_sorted_and_in_the_documented_spelling(found):
    text = metadata_to_json(found("Linear"))
    assert text.index('"framework"') < text.index('"inputs"') < text.index('"outputs"')
    assert '"input_tensor_name"' in text


def test_the_documents_example():
    metadata = metadata_from_json(ZIP_CODES)
    entry = metadata.inputs["zip_codes"]
    assert (entry.input_tensor_name, entry.encoded_tensor_name) == ("zip_codes:0", "zip_codes_embedding:0")
    assert (entry.encoding, metadata.framework) == ("combined_embedding", "tensorflow")
    assert metadata.outputs["probabilities"].output_tensor_name == "dense/Softmax:0"


@pytest.mark.parametrize("name", ["Linear", "Examples", "VarLen", "TwoOutputs"])
def test_vertex_reads_what_is_written_for_it(found, name):
    metadata = found(name)
    read = VertexMetadata.from_json(metadata_to_json(metadata, "vertex"))
    assert set(read.inputs) == set(metadata.inputs) and set(read.outputs) == set(metadata.outputs)
    for key, entry in metadata.inputs.items():
        assert read.inputs[key].input_tensor_name == entry.input_tensor_name
        assert read.inputs[key].encoded_tensor_name == entry.encoded_tensor_name
        assert read.inputs[key].encoding.name == entry.encoding.upper()


def test_vertex_is_written_as_vertex_writes_it():
    ours = VertexMetadata.from_json(metadata_to_json(metadata_from_json(VERTEX), "vertex"))
    assert ours == VertexMetadata.from_json(VERTEX)


def test_vertex_is_read_with_its_meaning():
    image = metadata_from_json(VERTEX).inputs["image"]
    assert (image.encoding, image.domain.max, image.domain.original_stddev) == ("identity", 1.0, 0.25)
    view = image.visualization
    assert (view.type, view.color_map, view.overlay_type) == ("pixels", "pink_white_green", "grayscale")
    assert (view.clip_above_percentile, view.clip_below_percentile) == (99.5, 50.0)


def test_what_vertex_wrote_itself_is_read():
    """proto-plus writes every field, set or not."""
    written = VertexMetadata.to_json(VertexMetadata.from_json(VERTEX), use_integers_for_enums=False)
    assert metadata_from_json(written) == metadata_from_json(VERTEX)
    snake = VertexMetadata.to_json(
        VertexMetadata.from_json(VERTEX), use_integers_for_enums=False, preserving_proto_field_name=True
    )
    assert metadata_from_json(snake).inputs["words"].index_feature_mapping == ["a", "b"]


def test_there_are_two_dialects(found):
    with pytest.raises(ValueError, match="no dialect 'sagemaker'; choose one of 'ai_explanations', 'vertex'"):
        metadata_to_json(found("Linear"), "sagemaker")


@pytest.mark.parametrize(
    ("given", "expected"),
    [("TensorFlow", "tensorflow"), ("Tensorflow 2.x", "tensorflow2"), ("TENSORFLOW2", "tensorflow2"), ("", "")],
)
def test_framework_is_read_however_it_is_written(given, expected):
    assert metadata_from_json(f'{{"framework": "{given}"}}').framework == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"inputs": {"x": {"input_tensor": "x"}}}', r"inputs\['x'\].input_tensor .* did you mean 'input_tensor_name'"),
        ('{"inputs": {"x": {"domain": {"minimum": 1}}}}', r"inputs\['x'\].domain.minimum .* did you mean 'min'"),
        ('{"input": {}}', "input is not a key of the format; did you mean 'inputs'"),
        ('{"inputs": {"x": {"inputTensorNam": "x", "featureValueDomain": {}}}}', "did you mean 'inputTensorName'"),
        ('{"inputs": {"x": {"input_tensor_name": 3}}}', "input_tensor_name must be text, not a number"),
        ('{"inputs": {"x": {"input_baselines": 3}}}', "input_baselines must be a list, not a number"),
        ('{"inputs": {"x": {"domain": {"min": true}}}}', "domain.min must be a number, not true or false"),
        ('{"inputs": ["x"]}', "inputs must be an object, not a list"),
        ('{"inputs": {"x": "x"}}', r"inputs\['x'\] must be an object, not text"),
        ('{"inputs": {"x": {}, "x": {}}}', "has the key 'x' twice in one object"),
        ('{"inputs": {\n', "it is not JSON: .* line 2, column 1"),
        (TRAILING, "a comma before the closing bracket at line 4, column 35; take it out"),
        ('{"inputs": {"x": {"domain": {"min": NaN}}}}', "NaN is no JSON number"),
        ("[]", "it is a JSON list, not an object"),
        ('{"framework": "torch"}', "framework: 'torch' is unknown"),
        ('{"latentSpaceSource": "x"}', "latentSpaceSource is not supported"),
    ],
)
def test_what_is_wrong_is_named(text, message):
    with pytest.raises(ValueError, match=f"(?s)cannot be read.*{message}"):
        metadata_from_json(text)


def test_every_wrong_key_is_a_line():
    with pytest.raises(ValueError, match="cannot be read") as error:
        metadata_from_json('{"inputs": {"x": {"a": 1, "domain": {"b": 2}}}, "c": 3}')
    assert len(str(error.value).splitlines()) == 4
