"""A folder with nothing but a file that a person wrote, in place of the MetadataGenerator's artifact."""

import json
import os

import pytest
import tensorflow as tf
from tfx import types
from tfx import v1 as tfx
from tfx.components.util import examples_utils
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import json_utils, path_utils, proto_utils

from tfx_explain.components import Explainer, artifacts
from tfx_explain.components.explainer.executor import Executor
from tfx_explain.proto import explanation_pb2

AI_EXPLANATIONS = {
    "framework": "Tensorflow 2.x",
    "inputs": {"width": {"input_tensor_name": "x", "input_baselines": [1]}, "height": {"input_tensor_name": "y"}},
    "outputs": {"area": {"output_tensor_name": "value"}},
}
VERTEX = {
    "inputs": {"width": {"inputTensorName": "x", "inputBaselines": [1]}, "height": {"inputTensorName": "y"}},
    "outputs": {"area": {"outputTensorName": "value"}},
}


class Product(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, {name: tf.io.FixedLenFeature([], tf.float32) for name in "xy"})
        return {"value": parsed["x"] * parsed["y"]}


def in_folder(artifact, folder):
    artifact.uri = str(folder)
    os.makedirs(artifact.uri)
    return artifact


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    model = in_folder(standard_artifacts.Model(), folder / "model")
    product = Product()
    tf.saved_model.save(product, path_utils.serving_model_dir(model.uri), signatures=product.serve)
    examples = in_folder(standard_artifacts.Examples(), folder / "examples")
    examples.split_names = artifact_utils.encode_split_names(["eval"])
    os.makedirs(folder / "examples" / "Split-eval")
    with tf.io.TFRecordWriter(str(folder / "examples" / "Split-eval" / "data.gz"), "GZIP") as writer:
        example = tf.train.Example()
        for name, value in (("x", 3.0), ("y", 4.0)):
            example.features.feature[name].float_list.value.append(value)
        writer.write(example.SerializeToString())
    return {"model": [model], "examples": [examples]}


@pytest.fixture
def explain(inputs, tmp_path):
    """Runs the Explainer with a metadata file; returns the first record."""

    def run(written):
        metadata = in_folder(artifacts.ExplanationMetadata(), tmp_path / "metadata")
        (tmp_path / "metadata" / "explanation_metadata.json").write_text(json.dumps(written))
        outputs = {
            name: [in_folder(kind(), tmp_path / name)]
            for name, kind in (
                ("attributions", standard_artifacts.Examples),
                ("evaluation", standard_artifacts.ModelEvaluation),
            )
        }
        parameters = proto_utils.proto_to_json(explanation_pb2.ExplanationParameters())
        properties = {"parameters": parameters, "splits": json_utils.dumps(["eval"])}
        Executor().Do({**inputs, "explanation_metadata": [metadata]}, outputs, properties)
        (pattern,) = examples_utils.get_split_file_patterns(outputs["attributions"], "eval")
        (record,) = tf.data.TFRecordDataset(tf.io.gfile.glob(pattern), "GZIP").as_numpy_iterator()
        return tf.train.Example.FromString(record).features.feature

    return run


@pytest.mark.parametrize("written", [AI_EXPLANATIONS, VERTEX])
def test_the_explainer_reads_either_dialect(explain, written):
    record = explain(written)
    found = {
        name: record[f"tfx_explain/candidate/attributions/{name}"].float_list.value[0] for name in ("width", "height")
    }
    # x y from the baseline (1, 0), which is 0: half of the 2 * 4 that both make goes to each, and y alone makes 1 * 4.
    assert found == pytest.approx({"width": 4.0, "height": 8.0}, rel=1e-3)


def test_every_mistake_is_a_line_and_nothing_is_written(explain, tmp_path):
    wrong = {"inputs": {"width": {"input_tensor_name": "xs"}, "height": {"input_tensor_dtype": "string"}}}
    with pytest.raises(ValueError, match="does not fit the model") as error:
        explain({**AI_EXPLANATIONS, **wrong})
    assert "no 'xs'; did you mean 'x'?" in str(error.value) and len(str(error.value).splitlines()) == 3
    assert not os.listdir(tmp_path / "attributions")


def test_an_importer_stands_in_for_the_component():
    importer = tfx.dsl.Importer(source_uri="/folder", artifact_type=artifacts.ExplanationMetadata)
    explainer = Explainer(
        model=types.Channel(type=standard_artifacts.Model),
        examples=types.Channel(type=standard_artifacts.Examples),
        explanation_metadata=importer.outputs["result"],
    )
    assert explainer.inputs["explanation_metadata"] is importer.outputs["result"]
