"""`tfx-explain suggest`: what it prints and writes, and how it fails."""

import ml_metadata as mlmd
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format, text_format
from ml_metadata.proto import metadata_store_pb2 as mlmd_pb2
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.cli.main import run
from tfx_explain.gate.calibration.history import blessed_attributions, open_store
from tfx_explain.gate.calibration.words import in_words
from tfx_explain.storage import columns


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    """Four runs of models that differ a little."""
    folders = []
    for number in range(4):
        generator = np.random.default_rng(number)
        folder = tmp_path_factory.mktemp("run") / "Split-eval"
        folder.mkdir()
        scales = {"age": 1.0, "hours": 0.5} | {"fnlwgt": 0.2 * np.exp(generator.normal(0, 0.1))}
        options = tf.io.TFRecordOptions(compression_type="GZIP")
        with tf.io.TFRecordWriter(str(folder / "attributions-00000-of-00001.gz"), options) as writer:
            for _ in range(120):
                example = tf.train.Example()
                example.features.feature["sex"].bytes_list.value.append(b"Male")
                for feature, scale in scales.items():
                    column = columns.attribution_column(columns.CANDIDATE, feature)
                    example.features.feature[column].float_list.value.append(scale * generator.normal())
                writer.write(example.SerializeToString())
        folders.append(str(folder.parent))
    return folders


@pytest.fixture
def suggest(capsys):
    def call(*arguments):
        code = run(["suggest", *arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture(scope="module")
def store_of(tmp_path_factory, past):
    """A metadata store as launchers leave it: four runs, of which three are blessed, one of them by an override."""
    path = tmp_path_factory.mktemp("store") / "metadata.sqlite"
    config = mlmd_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = mlmd_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    store = mlmd.MetadataStore(config)
    types = {name: store.put_artifact_type(mlmd_pb2.ArtifactType(name=name)) for name in ("ModelBlessing", "Examples")}
    execution_type = store.put_execution_type(mlmd_pb2.ExecutionType(name="ThresholdValidator"))
    context_type = store.put_context_type(mlmd_pb2.ContextType(name="pipeline"))
    context = mlmd_pb2.Context(type_id=context_type, name="census")
    (context.id,) = store.put_contexts([context])
    for folder, properties in zip(
        past,
        ({"blessed": 1}, {"blessed": 0}, {"blessed": 1, "override_who": "Ada"}, {"blessed": 1}),
        strict=True,
    ):
        examples, blessing = mlmd_pb2.Artifact(type_id=types["Examples"], uri=folder), mlmd_pb2.Artifact()
        blessing.type_id = types["ModelBlessing"]
        for name, value in properties.items():
            kind = "int_value" if isinstance(value, int) else "string_value"
            setattr(blessing.custom_properties[name], kind, value)
        events = []
        for artifact, key, kind in ((examples, "attributions", "INPUT"), (blessing, "blessing", "OUTPUT")):
            event = mlmd_pb2.Event(type=mlmd_pb2.Event.Type.Value(kind))
            event.path.steps.add(key=key)
            event.path.steps.add(index=0)
            events.append((artifact, event))
        store.put_execution(mlmd_pb2.Execution(type_id=execution_type), events, [context])
    return str(path)


def test_the_config_is_on_stdout_and_the_table_on_stderr(suggest, past):
    code, out, err = suggest(*past, "--slice", "sex")
    assert code == 0
    config = text_format.Parse(out, config_pb2.EvalConfig())
    assert [list(spec.feature_keys) for spec in config.slicing_specs] == [[], ["sex"]]
    assert "attribution_share/age" in err
    assert "4 runs are a short history" in err
    assert "of each run, of 1 in 100" in err.splitlines()[-1]


def test_a_probability_that_is_too_small_for_a_number_is_said():
    """Of runs that are alike, it is 0."""
    assert in_words(0.0) == "less than 1 in 1,000,000,000"


def test_programs_get_json_and_nobody_a_table(suggest, past, tmp_path):
    code, out, err = suggest(*past, "--json", "--quiet")
    assert (code, err) == (0, "")
    (tmp_path / "gate.json").write_text(out)
    assert run(["lint", str(tmp_path / "gate.json")]) == 0
    text = suggest(*past)[1]
    assert json_format.Parse(out, config_pb2.EvalConfig()) == text_format.Parse(text, config_pb2.EvalConfig())


def test_a_file_is_written_that_the_linter_reads(suggest, past, tmp_path, capsys):
    code, out, _ = suggest(*past, "--rate", "0.05", "--horizon", "365", "--output", str(tmp_path / "gate.pbtxt"))
    assert (code, out) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["gate.pbtxt"]
    assert "over 365 runs together, of 1 in 20" in (tmp_path / "gate.pbtxt").read_text().splitlines()[0]
    assert run(["lint", str(tmp_path / "gate.pbtxt")]) == 0


def test_the_blessed_runs_in_a_metadata_store(store_of, past):
    assert blessed_attributions(open_store(store_of)) == [past[0], past[3]]
    assert blessed_attributions(open_store(store_of), "census") == [past[0], past[3]]


def test_a_metadata_store_is_history(suggest, store_of):
    code, out, _ = suggest("--metadata-store", store_of, "--pipeline", "census")
    assert code == 0
    assert "in 2 runs" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Give the directories that Explainers wrote, or --metadata-store"),
        (["--pipeline", "census", "run"], "--pipeline needs --metadata-store"),
        (["--metadata-store", "nowhere.sqlite"], "There is no metadata store at nowhere.sqlite"),
        (["nowhere"], "nowhere has no folder Split-*"),
        (["--metadata-store", "STORE", "--pipeline", "sensus"], "unknown pipeline 'sensus'"),
    ],
)
def test_mistakes_are_said_and_end_with_2(suggest, store_of, arguments, said):
    code, out, err = suggest(*(store_of if argument == "STORE" else argument for argument in arguments))
    assert (code, out) == (2, "")
    assert said in err
