"""`tfx-explain explain`: what it writes, what it says, and what it refuses."""

import io
import json
import shutil

import pytest
import tensorflow as tf
from click.testing import CliRunner
from rich.console import Console

from tfx_explain.beam.progress import Heartbeat
from tfx_explain.beam.reading.read import Format
from tfx_explain.cli.explain import command
from tfx_explain.cli.jobs import choose, examples_pattern
from tfx_explain.cli.progress import RunProgress, estimate_rows
from tfx_explain.proto import explanation_pb2


class Served(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, {name: tf.io.FixedLenFeature([], tf.float32) for name in ("x", "y")})
        return {"value": parsed["x"] * 2.0 + parsed["y"]}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    module = Served()
    tf.saved_model.save(module, str(folder / "model"), signatures={"serving_default": module.serve})
    for shard in range(2):
        with tf.io.TFRecordWriter(str(folder / f"rows-{shard}")) as writer:
            for i in range(50):
                features = {name: tf.train.Feature(float_list=tf.train.FloatList(value=[i + shard])) for name in "xy"}
                writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    return folder


def _run(inputs, output, *arguments):
    required = ["--model", inputs / "model", "--examples", inputs / "rows-*", "--output", output]
    return CliRunner().invoke(command, [*map(str, required), *map(str, arguments)], catch_exceptions=True)


def test_paths_are_not_patterns(inputs, tmp_path):
    """Everything lies in a folder whose name is a pattern for another one."""
    odd, other = tmp_path / "run[12] #%20 Grüße*?", tmp_path / "run1 #%20 GrüßeX!"
    for folder in (odd, other):
        shutil.copytree(inputs / "model", folder / "model")
    shutil.copy(inputs / "rows-0", odd / "rows-0")
    shutil.copy(inputs / "rows-1", other / "rows-1")
    result = _run(odd, odd / "output")
    assert result.exit_code == 0, result.output
    counts = json.loads((odd / "output" / "summary.json").read_text())["eval"]
    assert counts["rows_explained"] == 50
    assert counts["provenance"]["examples"] == [str(odd)]
    assert counts["provenance"]["models"]["candidate"]["uri"] == str(odd / "model")
    assert sorted(path.name for path in other.iterdir()) == ["model", "rows-1"]


def test_records_counts_and_a_table(inputs, tmp_path):
    parameters = tmp_path / "parameters.json"
    parameters.write_text('{"kept_features": {"names": ["x"]}}')
    output = tmp_path / "output"
    options = ["--sample", "30", "--method", "sampled_shapley", "--parameters", parameters, "--split", "test"]
    result = _run(inputs, output, *options, "--", "--direct_running_mode=in_memory")
    assert result.exit_code == 0, result.output
    (shard,) = (output / "Split-test").iterdir()
    records = list(tf.data.TFRecordDataset(str(shard), "GZIP").as_numpy_iterator())
    assert len(records) == 30
    features = tf.train.Example.FromString(records[0]).features.feature
    assert "y" not in features
    x = features["x"].float_list.value[0]
    assert features["tfx_explain/candidate/attributions/x"].float_list.value[0] == pytest.approx(2 * x)
    counts = json.loads((output / "summary.json").read_text())["test"]
    assert (counts["rows_explained"], counts["rows_not_sampled"]) == (30, 70)
    assert {path.name for path in output.iterdir()} == {
        "Split-test",
        "dead_letters",
        "explanation_metadata.json",
        "summary.json",
    }


def test_what_is_often_set_has_an_option_that_wins_over_the_file(inputs, tmp_path):
    file = tmp_path / "parameters.json"
    file.write_text('{"sampled_shapley_attribution": {"tolerance": 0.5}, "kept_features": {"names": ["y"]}, "seed": 7}')
    options = ["--tolerance", 0.002, "--keep", "x", "--output-name", "value", "--sample", 5, "--parameters", file]
    result = _run(inputs, tmp_path / "output", *options, "--json", "--quiet")

    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    summary = json.loads(result.stdout)
    assert summary["rows_explained"] == 5
    used = summary["provenance"]["parameters"]
    assert used["sampled_shapley_attribution"] == {"tolerance": 0.002}
    assert used["kept_features"] == {"names": ["x"]}
    assert (used["output_name"], used["seed"]) == ("value", "7")


def test_a_choice_of_classes_takes_the_place_of_the_files():
    parameters = explanation_pb2.ExplanationParameters(output_indices=[-1])
    choose(parameters, ["clerk"], None, "", None)
    assert parameters == explanation_pb2.ExplanationParameters(class_names=["clerk"])
    choose(parameters, [], 2, "", "1,0")
    assert parameters == explanation_pb2.ExplanationParameters(top_k=2, output_element=[1, 0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--examples", "nowhere-*"], "No file matches nowhere"),
        (["--parameters", "p.json"], "no ExplanationParameters"),
        (["--parameters", "nowhere.json"], "nowhere.json can't be read (nowhere.json; No such file or directory)"),
        (["--metadata", "nowhere.json"], "There is no file 'nowhere.json'; check the path"),
    ],
)
def test_refusals_leave_nothing(options, message, inputs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.json").write_text('{"steps": 3}')
    result = _run(inputs, tmp_path / "output", *options)
    assert message in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["p.json"]


def test_examples_may_be_a_folder_or_an_artifacts(tmp_path):
    folder = str(tmp_path)
    assert examples_pattern(f"{folder}/rows-*") == f"{folder}/rows-*"
    assert examples_pattern(folder) == f"{folder}/*"
    for split in ("eval", "train"):
        (tmp_path / f"Split-{split}").mkdir()
    assert examples_pattern(folder) == f"{folder}/Split-eval/*"
    assert examples_pattern(folder, "train") == f"{folder}/Split-train/*"
    with pytest.raises(ValueError, match="has no Split-test, but Split-eval, Split-train; name the folder of one"):
        examples_pattern(folder, "test")


def test_an_output_that_is_there_is_left_alone(inputs, tmp_path):
    (tmp_path / "mine").write_text("precious")
    assert "is there already" in str(_run(inputs, tmp_path).exception)
    assert (tmp_path / "mine").read_text() == "precious"


def test_progress_on_a_terminal_and_in_a_log(tmp_path):
    heartbeat = Heartbeat(str(tmp_path))
    for terminal in (True, False):
        console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
        progress = RunProgress(console, heartbeat, 2000)
        assert progress.line(500, 100.0) == "500 of about 2,000 rows, 100 rows/s, 15 s left"
        assert progress.line(500, 0.0) == "500 of about 2,000 rows"
    assert RunProgress(console, heartbeat, None).line(500, 100.0) == "500 rows, 100 rows/s"


def test_heartbeats_of_all_workers_are_added(tmp_path):
    for rows in (5, 7):
        Heartbeat(str(tmp_path)).beat(rows)
    assert Heartbeat(str(tmp_path)).total() == 12


def test_rows_are_estimated_from_the_smallest_file(inputs):
    files = [str(inputs / f"rows-{shard}") for shard in range(2)]
    assert estimate_rows(files, Format()) == pytest.approx(100, abs=2)


class Labels(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, {name: tf.io.FixedLenFeature([1], tf.float32) for name in ("x", "y")})
        scores = tf.sigmoid(tf.concat([parsed["x"], parsed["y"]], 1))
        return {"scores": scores, "classes": tf.tile([["<=50K", ">50K"]], [tf.shape(scores)[0], 1])}


@pytest.mark.parametrize(
    ("chosen", "classes"), [([">50K"], [b">50K"]), (["all"], [b"<=50K", b">50K"]), (["-1"], [b"<=50K", b">50K"])]
)
def test_classes_by_name(chosen, classes, inputs, tmp_path):
    module = Labels()
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={"serving_default": module.serve})
    options = [option for name in chosen for option in ("--class", name)]
    result = _run(inputs, tmp_path / "output", *options, "--model", tmp_path / "model", "--sample", "3")
    assert result.exit_code == 0, result.output
    (shard,) = (tmp_path / "output" / "Split-eval").iterdir()
    (record, *_) = tf.data.TFRecordDataset(str(shard), "GZIP").as_numpy_iterator()
    features = tf.train.Example.FromString(record).features.feature
    assert list(features["tfx_explain/candidate/output_display_name"].bytes_list.value) == classes
    assert "log_odds" in result.output
