"""The MetadataGenerator on real artifacts."""

import os

import pytest
import tensorflow as tf
from google.cloud.aiplatform_v1.types import ExplanationMetadata as VertexMetadata
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx import types
from tfx import v1 as tfx
from tfx.dsl.compiler import compiler
from tfx.orchestration import data_types
from tfx.orchestration.portable import runtime_parameter_utils
from tfx.types import artifact_utils, standard_artifacts

from tfx_explain.components import artifacts
from tfx_explain.components.metadata_generator import MetadataGenerator, executor
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import metadata_from_json

STATISTICS = """
datasets {{
  features {{
    path {{ step: "age" }}
    num_stats {{ common_stats {{ num_non_missing: 1 }} median: {median} }}
  }}
  features {{
    path {{ step: "user" }}
    type: INT
    string_stats {{ common_stats {{ num_non_missing: 3 }} top_values {{ value: "7" frequency: 3 }} }}
  }}
}}
"""


class Served(tf.Module):
    SPEC = {"age": tf.io.FixedLenFeature([], tf.float32), "user": tf.io.FixedLenFeature([], tf.int64)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, self.SPEC)
        return {"score": tf.sigmoid(parsed["age"] + tf.gather(tf.range(10.0), parsed["user"] % 10))}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "age")])
    def other(self, age):
        return {"double": age * 2.0}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    artifact = standard_artifacts.Model()
    artifact.uri = str(tmp_path_factory.mktemp("model"))
    module = Served()
    signatures = {"serving_default": module.serve, "other": module.other}
    tf.saved_model.save(module, os.path.join(artifact.uri, "Format-Serving"), signatures=signatures)
    return artifact


@pytest.fixture
def output(tmp_path):
    artifact = artifacts.ExplanationMetadata()
    artifact.uri = str(tmp_path / "output")
    os.makedirs(artifact.uri)
    return artifact


def statistics(folder, **medians):
    artifact = standard_artifacts.ExampleStatistics()
    artifact.uri = str(folder)
    artifact.split_names = artifact_utils.encode_split_names(list(medians))
    for split, median in medians.items():
        os.makedirs(folder / f"Split-{split}")
        text = text_format.Parse(STATISTICS.format(median=median), statistics_pb2.DatasetFeatureStatisticsList())
        (folder / f"Split-{split}" / "FeatureStats.pb").write_bytes(text.SerializeToString())
    return artifact


def examples(folder, **ages):
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    artifact.split_names = artifact_utils.encode_split_names(list(ages))
    for split, values in ages.items():
        os.makedirs(folder / f"Split-{split}")
        path = str(folder / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz")
        with tf.io.TFRecordWriter(path, "GZIP") as writer:
            for value in values:
                message = tf.train.Example()
                message.features.feature["age"].float_list.value.append(value)
                message.features.feature["user"].int64_list.value.append(7)
                writer.write(message.SerializeToString())
    return artifact


def run(model, output, properties=None, **inputs):
    channels = {name: [artifact] for name, artifact in {"model": model, **inputs}.items()}
    executor.Executor().Do(channels, {"explanation_metadata": [output]}, properties or {})
    return artifacts.read_explanation_metadata(output.uri)


def test_component_wires_its_channels():
    channel = lambda kind: types.Channel(type=kind)  # noqa: E731
    generator = MetadataGenerator(
        model=channel(standard_artifacts.Model),
        schema=channel(standard_artifacts.Schema),
        statistics=channel(standard_artifacts.ExampleStatistics),
        signature_name=data_types.RuntimeParameter(name="signature", ptype=str),
    )
    assert generator.outputs["explanation_metadata"].type_name == "tfx_explain.ExplanationMetadata"
    assert set(generator.inputs) == {"model", "schema", "statistics"}


def test_runtime_parameters_compile_and_are_resolved():
    names = ("signature_name", "output_name", "output_element", "tags", "baselines", "columns", "overrides")
    parameters = {name: data_types.RuntimeParameter(name=f"my_{name}", ptype=str) for name in names}
    importer = tfx.dsl.Importer(source_uri="/model", artifact_type=standard_artifacts.Model).with_id("Importer")
    generator = MetadataGenerator(model=importer.outputs["result"], **parameters)
    pipeline = tfx.dsl.Pipeline("p", "/root", components=[importer, generator])
    compiled = compiler.Compiler().compile(pipeline)
    values = {f"my_{name}": f"value of {name}" for name in names}
    runtime_parameter_utils.substitute_runtime_parameter(compiled, values | {"pipeline-root": "/root"})
    (node,) = (n.pipeline_node for n in compiled.nodes if n.pipeline_node.node_info.id == "MetadataGenerator")
    given = {name: value.field_value.string_value for name, value in node.parameters.parameters.items()}
    assert given == {name: f"value of {name}" for name in names}


def test_what_a_pipeline_gives_is_what_the_executor_reads(model, output, tmp_path):
    channel = lambda kind: types.Channel(type=kind)  # noqa: E731
    generator = MetadataGenerator(
        model=channel(standard_artifacts.Model),
        examples=channel(standard_artifacts.Examples),
        output_name="score",
        tags=["serve"],
        baselines=["zero", "examples:1"],
        overrides=explanation_pb2.ExplanationMetadata(
            inputs={"user": explanation_pb2.InputMetadata(group_name="who", modality="categorical")}
        ),
    )
    rows = examples(tmp_path / "examples", eval=[1.0], train=[50.0, 50.0, 60.0])
    metadata = run(model, output, dict(generator.exec_properties), examples=rows)
    age, user = metadata.inputs["age"], metadata.inputs["user"]
    assert [value.number_value for value in age.input_baselines] == [0.0, 50.0]
    assert (age.baseline_source, user.group_name, user.modality) == ("zero, examples", "who", "categorical")
    with open(os.path.join(output.uri, artifacts.VERTEX_METADATA_FILE)) as file:
        assert VertexMetadata.from_json(file.read()).inputs["user"].group_name == "who"


@pytest.mark.parametrize("columns", [["a", "b"], {"x": ("a", "b")}])
def test_columns_and_an_element_are_what_the_executor_reads(output, tmp_path, columns):
    module = tf.Module()
    serve = tf.function(
        lambda x: {"steps": tf.stack([x, -x], 1)}, input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")]
    )
    tf.saved_model.save(module, str(tmp_path / "matrix" / "Format-Serving"), signatures=serve)
    generator = MetadataGenerator(
        model=types.Channel(type=standard_artifacts.Model), output_element=[1, 0], columns=columns
    )
    matrix = standard_artifacts.Model()
    matrix.uri = str(tmp_path / "matrix")
    metadata = run(matrix, output, dict(generator.exec_properties))
    assert list(metadata.inputs["x"].index_feature_mapping) == ["a", "b"]
    assert list(metadata.outputs["steps"].output_element) == [1, 0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"baselines": ["modes"]}, "There is no kind of baseline 'modes'; did you mean 'mode'"),
        ({"baselines": "zero"}, "give a list of kinds"),
        ({"baselines": ["examples:3"]}, "no examples are given"),
        ({"baselines": ["mean"]}, "neither statistics nor examples are given"),
        ({"overrides": {"encoding": "sparse"}}, r"inputs\['x'\].encoding: 'sparse' is not allowed"),
        ({"overrides": {}, "signature_name": "a"}, "signature_name: 'b', but 'a' is asked for"),
    ],
)
def test_mistakes_are_refused_where_the_pipeline_is_written(settings, message):
    if "overrides" in settings:
        inputs = {"x": explanation_pb2.InputMetadata(**settings["overrides"])}
        settings = {**settings, "overrides": explanation_pb2.ExplanationMetadata(inputs=inputs, signature_name="b")}
    with pytest.raises(ValueError, match=message):
        MetadataGenerator(model=types.Channel(type=standard_artifacts.Model), **settings)


def test_channels_are_checked():
    with pytest.raises(TypeError, match="model"):
        MetadataGenerator(model=types.Channel(type=standard_artifacts.Examples))


def test_without_statistics_baselines_are_zero(model, output):
    metadata = run(model, output)
    assert {name: entry.baseline_source for name, entry in metadata.inputs.items()} == {"age": "zero", "user": "zero"}
    assert sorted(os.listdir(output.uri)) == [artifacts.METADATA_FILE, artifacts.VERTEX_METADATA_FILE]


def test_the_training_split_gives_the_baselines(model, output, tmp_path):
    metadata = run(model, output, statistics=statistics(tmp_path / "statistics", eval=10.0, train=20.0))
    age, user = metadata.inputs["age"], metadata.inputs["user"]
    assert (age.baseline_source, age.input_baselines[0].number_value) == ("median", 20.0)
    assert (user.baseline_source, user.input_baselines[0].number_value, user.modality) == ("mode", 7.0, "categorical")


def test_else_the_first_split(model, output, tmp_path):
    metadata = run(model, output, statistics=statistics(tmp_path / "statistics", eval=10.0, test=20.0))
    assert metadata.inputs["age"].input_baselines[0].number_value == 10.0


def test_schema(model, output, tmp_path):
    artifact = standard_artifacts.Schema()
    artifact.uri = str(tmp_path)
    schema = text_format.Parse('feature { name: "age" int_domain { is_categorical: true } }', schema_pb2.Schema())
    (tmp_path / "schema.pbtxt").write_text(text_format.MessageToString(schema))
    assert run(model, output, schema=artifact).inputs["age"].modality == "categorical"


def test_signature_name(model, output):
    assert run(model, output, {"signature_name": "other"}).signature_name == "other"


def test_an_error_leaves_the_artifact_empty(model, output):
    with pytest.raises(ValueError, match="has no signature 'third'; it has 'other', 'serving_default'"):
        run(model, output, {"signature_name": "third"})
    assert os.listdir(output.uri) == []


def test_a_missing_file_is_named(output):
    with pytest.raises(ValueError, match=r"holds no explanation_metadata\.json"):
        artifacts.read_explanation_metadata(output.uri)


def test_the_file_is_the_documented_json(model, output):
    metadata = run(model, output)
    with open(os.path.join(output.uri, "explanation_metadata.json")) as file:
        assert metadata_from_json(file.read()) == metadata
