"""The gate's commands: what they print, and their exit codes."""

import json

import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from click.testing import CliRunner

from tfx_explain.cli import lint, validate

CONFIG = """
model_specs {}
slicing_specs {}
metrics_specs { metrics { class_name: "AUC" threshold { value_threshold { lower_bound { value: 0.7 } } } } }
"""


@pytest.fixture
def evaluation(tmp_path):
    def write(auc):
        (tmp_path / "evaluation").mkdir()
        key = tfma.metrics.MetricKey("auc", example_weighted=False)
        metrics = tfma.writers.convert_slice_metrics_to_proto(((), {key: auc}), add_metrics_callbacks=[])
        with tf.io.TFRecordWriter(str(tmp_path / "evaluation" / "metrics-00000-of-00001.tfrecord")) as writer:
            writer.write(metrics.SerializeToString())
        return str(tmp_path / "evaluation")

    return write


@pytest.fixture
def file(tmp_path):
    def write(text, name="config"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


def call(command, *arguments):
    return CliRunner().invoke(command.command, arguments, catch_exceptions=True)


@pytest.mark.parametrize(("auc", "code", "verdict"), [(0.8, 0, "BLESSED: 1 of 1"), (0.6, 1, "NOT BLESSED: 0 of 1")])
def test_validate_exits_with_the_verdict(tmp_path, evaluation, file, auc, code, verdict):
    output = str(tmp_path / "output" / "verdict")
    result = call(validate, "--eval-config", file(CONFIG), "--evaluation", evaluation(auc), "--output", output)
    assert result.exit_code == code
    assert verdict in result.output
    assert json.loads((tmp_path / "output" / "verdict" / "verdict.json").read_text())["blessed"] == (not code)
    assert tfma.load_validation_result(output).validation_ok == (not code)


def test_validate_can_not_tell(tmp_path, file):
    result = call(validate, "--eval-config", file(CONFIG), "--evaluation", str(tmp_path / "nothing"))
    assert result.exit_code == 2
    assert "There are no metrics in the evaluation" in result.output


def test_validate_reads_a_policy_as_json(evaluation, file):
    policy = file('{"override": {"who": "Ada", "why": "a fix", "until": "9999-12-31"}}', "policy")
    result = call(validate, "--eval-config", file(CONFIG), "--evaluation", evaluation(0.6), "--policy", policy)
    assert result.exit_code == 0
    assert "BLESSED BY OVERRIDE, NOT BY THE THRESHOLDS." in result.output


def test_validate_refuses_a_directory_without_splits(tmp_path, evaluation, file):
    arguments = ("--eval-config", file(CONFIG), "--evaluation", evaluation(0.6), "--attributions", str(tmp_path))
    assert f"{tmp_path} has no folder Split-*" in str(call(validate, *arguments).exception)


def test_lint_exits_with_what_it_finds(file):
    sound = call(lint, file(CONFIG))
    assert (sound.exit_code, sound.output) == (0, "")
    odd = call(lint, file(CONFIG.replace("0.7", "1.7")))
    assert odd.exit_code == 1
    assert "auc: it allows at least 1.7, but the value is from 0 to 1, so it can never pass" in odd.output


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("neither", "is no EvalConfig, neither as JSON nor in"),
        ('{"modelSpecs": 3}', "is no EvalConfig"),
        (CONFIG.replace("AUC", "AUCC"), "unknown metric class 'AUCC'; did you mean 'AUC'"),
    ],
)
def test_what_can_not_be_read_is_one_sentence(file, text, sentence):
    error = call(lint, file(text)).exception
    assert isinstance(error, ValueError)
    assert sentence in str(error)
