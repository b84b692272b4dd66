"""The gate's commands: what they print, and their exit codes."""

import json

import pytest
import tensorflow_model_analysis as tfma
from click.testing import CliRunner

from tfx_explain.cli import lint, validate
from tfx_explain.storage.no_model import NoModel, write_no_model

CONFIG = """
model_specs {}
slicing_specs {}
metrics_specs { metrics { class_name: "AUC" threshold { value_threshold { lower_bound { value: 0.7 } } } } }
"""


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


@pytest.mark.parametrize(("auc", "code"), [(0.8, 0), (0.6, 1)])
def test_validate_speaks_to_programs_or_not_at_all(evaluation, file, auc, code):
    arguments = ("--eval-config", file(CONFIG), "--evaluation", evaluation(auc))
    told, silent = call(validate, *arguments, "--json"), call(validate, *arguments, "--quiet")
    assert (told.exit_code, silent.exit_code) == (code, code)
    assert json.loads(told.stdout)["blessed"] == (not code)
    assert silent.output == ""


def test_validate_leaves_the_page_that_the_component_leaves(tmp_path, evaluation, file):
    arguments = ("--eval-config", file(CONFIG), "--evaluation", evaluation(0.6), "--output", str(tmp_path / "verdict"))
    page = tmp_path / "verdict" / "report.html"
    call(validate, *arguments)
    assert "auc" in page.read_text()
    call(validate, *arguments, "--report", "none")
    assert not page.exists()


def test_validate_gives_beam_what_is_for_beam(tmp_path, evaluation, file):
    arguments = ("--eval-config", file(CONFIG), "--evaluation", evaluation(0.8), "--output", str(tmp_path / "verdict"))
    assert call(validate, *arguments, "--", "--direct_num_workers=2").exit_code == 0


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
    sentence = "auc: it allows at least 1.7, but the value is from 0 to 1, so it can never pass"
    assert sentence in odd.output
    assert sentence in json.loads(call(lint, file(CONFIG.replace("0.7", "1.7")), "--json").output)["warnings"][0]


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


@pytest.fixture
def model(tmp_path):
    def write(name):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").write_text(name)
        return str(tmp_path / name)

    return write


def test_validate_tells_whose_evidence_it_is(tmp_path, evaluation, file, model):
    path, arguments = evaluation(0.8), ["--eval-config", file(CONFIG), "--output", str(tmp_path / "output")]
    this, other = model("this"), model("other")
    (tmp_path / "evaluation" / "eval_config.json").write_text(json.dumps({"modelLocations": {"": this}}))
    right = call(validate, *arguments, "--evaluation", path, "--model", this)
    assert (right.exit_code, f"The evaluation {path} is of this candidate." in flat(right.output)) == (0, True)
    assert json.loads((tmp_path / "output" / "verdict.json").read_text())["models"]["candidate"]["uri"] == this
    wrong = call(validate, *arguments, "--evaluation", path, "--model", other)
    assert (wrong.exit_code, f"The evaluation {path} is of another candidate" in flat(wrong.output)) == (1, True)
    untold = call(validate, *arguments, "--evaluation", path)
    assert (untold.exit_code, "the gate was not given that model" in flat(untold.output)) == (0, True)


def flat(output):
    """Returns what was printed, without the breaks of lines that are too long for a terminal."""
    return " ".join(output.split())


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--model", "There is no model at {}/nowhere; give a SavedModel's folder, or a Model artifact's."),
        ("--baseline-model", "There is no model at {}/nowhere"),
    ],
)
def test_validate_refuses_a_model_that_is_not_there(tmp_path, evaluation, file, option, sentence):
    arguments = ("--eval-config", file(CONFIG), "--evaluation", evaluation(0.8), option, str(tmp_path / "nowhere"))
    assert sentence.replace("{}", str(tmp_path)) in str(call(validate, *arguments).exception)


def test_validate_takes_the_word_that_there_is_no_baseline_model(tmp_path, evaluation, file):
    config = CONFIG.replace(
        "} } } } }", "} } change_threshold { absolute { value: 0.1 } direction: LOWER_IS_BETTER } } } }"
    )
    write_no_model(str(tmp_path / "none"), NoModel("Nothing was pushed.", is_first=True))
    policy = file("missing_baseline: REJECT_ONCE_PUSHED", "policy")
    given = "--eval-config", file(config), "--evaluation", evaluation(0.8), "--policy", policy
    result = call(validate, *given, "--baseline-model", str(tmp_path / "none"))
    assert result.exit_code == 0
    assert "WARNING: There is no baseline model, so that 1 threshold was not asked. Nothing was" in flat(result.output)
    assert call(validate, *given).exit_code == 1


def test_validate_does_not_write_over_its_input(tmp_path, evaluation, file):
    path = evaluation(0.8)
    (tmp_path / "link").symlink_to(path)
    arguments = ("--eval-config", file(CONFIG), "--evaluation", path, "--output", str(tmp_path / "link"))
    assert f"The verdict would be written to {tmp_path}/link, but that is the input {path}" in str(
        call(validate, *arguments).exception
    )
    assert [file.name for file in (tmp_path / "evaluation").iterdir()] == ["metrics-00000-of-00001.tfrecord"]
