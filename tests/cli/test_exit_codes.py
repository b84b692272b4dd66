"""Whatever happens, the gate's commands end with 0, 1 or 2, and nothing but their answer is 0 or 1."""

import io
import json
import os
import struct
import sys

import pytest
from apache_beam.io.tfrecordio import _TFRecordUtil

from tfx_explain.cli.main import run

METRIC = """
metrics_specs {{ metrics {{ class_name: "{name}" module: "{module}"
                            threshold {{ value_threshold {{ lower_bound {{ value: 0.7 }} }} }} }} }}
"""
AUC = METRIC.format(name="AUC", module="")
SHARE = METRIC.format(name="AttributionShare", module="tfx_explain.metrics").replace(
    "threshold", """config: '{"feature": "age"}' threshold""", 1
)


@pytest.fixture
def validate(capsys, file):
    def call(text, *arguments):
        code = run(["validate", "--eval-config", file(text), *arguments])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return call


@pytest.mark.parametrize(("auc", "code"), [(0.8, 0), (0.6, 1)])
def test_the_answer_is_the_exit_code(validate, evaluation, auc, code):
    found, said = validate(AUC, "--evaluation", evaluation(auc))
    assert found == code
    assert said.splitlines()[-1] == ("NOT BLESSED: 0 of 1", "BLESSED: 1 of 1")[not code] + " thresholds passed"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise SystemExit(0)", "can't be imported (SystemExit: 0)"),
        ("import sys; sys.exit()", "can't be imported (SystemExit: SystemExit)"),
        ("import click; raise click.exceptions.Exit(0)", "can't be imported (Exit: "),
        ("assert False, 'broken'", "can't be imported (AssertionError: broken)"),
        ("2.0 ** 10000", "can't be imported (OverflowError: "),
        ("def f(): f()\nf()", "can't be imported (RecursionError: maximum recursion depth exceeded"),
        ("raise MemoryError", "can't be imported (MemoryError: MemoryError)"),
        ("import no_such_module", "can't be imported (ModuleNotFoundError: No module named 'no_such_module')"),
        ("raise GeneratorExit('x\\x1b[2J')", r"can't be imported (GeneratorExit: x\x1b[2J)"),
        ("class Mine:\n  def __init__(self): raise SystemExit(0)", "Mine can't be made from the config"),
        ("other = 1", "unknown metric class 'Mine'"),
        ("raise KeyboardInterrupt", "interrupted"),
    ],
)
@pytest.mark.parametrize("command", ["validate", "lint"])
def test_a_module_that_the_config_names_answers_nothing(
    tmp_path, monkeypatch, capsys, validate, file, evaluation, source, said, command
):
    module = f"module_of_a_config_{abs(hash((source, command)))}"
    (tmp_path / f"{module}.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    text = METRIC.format(name="Mine", module=module)
    if command == "validate":
        code, printed = validate(text, "--evaluation", evaluation(0.8))
    else:
        code, printed = run(["lint", file(text)]), capsys.readouterr().err
    assert code == 2
    assert said in printed
    assert "Traceback" not in printed
    assert "\x1b" not in printed


def _record(length, content=b""):
    head = struct.pack("<Q", length)
    return head + struct.pack("<I", _TFRecordUtil._masked_crc32c(head)) + content


DAMAGES = {
    "a folder": lambda path: path.mkdir(),
    "a pipe": lambda path: os.mkfifo(path),
    "a record of 2^40 bytes": lambda path: path.write_bytes(_record(1 << 40)),
    "a record of 2^63 bytes": lambda path: path.write_bytes(_record(1 << 63, b"content")),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path),
    "nothing": lambda path: path.write_bytes(b""),
}
SAID = dict.fromkeys(("a folder", "a pipe", "a device"), "is a folder, a pipe or a device, not a file")
SAID |= {f"a record of 2^{power} bytes": f"says that it has {1 << power} bytes" for power in (40, 63)}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["metrics-00000-of-00001.tfrecord", "validations.tfrecord", "summary.json"])
def test_something_else_in_the_place_of_a_file_of_an_evaluation(tmp_path, validate, evaluation, name, damage):
    path = evaluation(0.8)
    file = tmp_path / "evaluation" / name
    file.unlink(missing_ok=True)
    DAMAGES[damage](file)
    code, said = validate(AUC, "--evaluation", path)
    # A file without records, and a link to nowhere, are nothing to a validation that may be missing.
    harmless = name != "metrics-00000-of-00001.tfrecord" and damage in ("nothing", "a link to itself")
    assert code == 2 or (harmless and code == 0)
    assert "Traceback" not in said
    assert "{{" not in said
    if name != "summary.json":
        assert SAID.get(damage, "") in said


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["Split-eval/attributions-00000-of-00001.gz", "Split-eval/more", "summary.json"])
def test_something_else_in_the_place_of_a_file_of_attributions(tmp_path, validate, damage, name):
    file = tmp_path / "attributions" / name
    file.parent.mkdir(parents=True)
    (tmp_path / "attributions" / "Split-eval").mkdir(exist_ok=True)
    DAMAGES[damage](file)
    code, said = validate(SHARE, "--attributions", str(tmp_path / "attributions"))
    assert code == 2
    assert "Traceback" not in said


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("option", ["--eval-config", "--policy"])
def test_something_else_in_the_place_of_a_config(tmp_path, capsys, file, evaluation, damage, option):
    DAMAGES[damage](tmp_path / "something")
    arguments = {"--eval-config": file(AUC), "--policy": file("", "policy"), option: str(tmp_path / "something")}
    code = run(["validate", "--evaluation", evaluation(0.6), *[part for pair in arguments.items() for part in pair]])
    # An empty policy is one; the model is not blessed.
    assert code == (1 if (damage, option) == ("nothing", "--policy") else 2)
    assert "Traceback" not in capsys.readouterr().err
    assert run(["lint", arguments["--eval-config"], "--policy", arguments["--policy"]]) in (0, 2)


DEEP = ["{" * 100_000, '{"metricsSpecs": ' + "[" * 100_000, "metrics_specs {" * 5_000]


@pytest.mark.parametrize("text", [*DEEP, '{"modelSpecs": [{"name": "\\ud800"}]}'])
def test_a_config_that_is_too_deep_or_no_text(validate, evaluation, text):
    code, said = validate(text, "--evaluation", evaluation(0.8))
    assert code == 2
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(("auc", "code"), [(0.8, 0), (0.6, 1)])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_reader_that_has_gone_does_not_change_the_answer(monkeypatch, file, evaluation, auc, code, encoding):
    for name in ("stdout", "stderr"):
        reading, writing = os.pipe()
        os.close(reading)
        monkeypatch.setattr(sys, name, io.TextIOWrapper(io.FileIO(writing, "w"), encoding=encoding))
    assert run(["validate", "--eval-config", file(AUC), "--evaluation", evaluation(auc)]) == code
    assert run(["lint", file(AUC.replace("0.7", "1.7"))]) == 1
    monkeypatch.undo()


def test_a_disk_that_is_full_is_no_answer(monkeypatch, file, evaluation):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.FileIO("/dev/full", "w"), encoding="utf-8"))
    assert run(["validate", "--eval-config", file(AUC), "--evaluation", evaluation(0.8)]) == 2
    monkeypatch.undo()


def test_an_output_that_is_a_file_is_no_answer(validate, file, evaluation):
    code, said = validate(AUC, "--evaluation", evaluation(0.8), "--output", file("", "output"))
    assert code == 2
    assert "Traceback" not in said


def test_outside_of_a_terminal_no_name_is_cut(monkeypatch, validate, evaluation):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    name = "a_metric_with_a_name_" * 12
    text = AUC.replace("threshold", f"config: '{json.dumps({'name': name})}' threshold", 1)
    _, said = validate(text, "--evaluation", evaluation(0.8))
    assert f"{name} on Overall was not found: unknown metric '{name}'" in said
    assert sum(name in line for line in said.splitlines()) == 2


def test_names_reach_no_terminal_as_control_characters(validate, evaluation):
    text = AUC.replace("threshold", r"""config: '{"name": "a\\n\\u001b[2J\\u202eBLESSED: 9 of 9"}' threshold""", 1)
    code, said = validate(text, "--evaluation", evaluation(0.8))
    assert code == 1
    assert r"a\n\x1b[2J\u202eBLESSED: 9 of 9" in said
    assert all(line.isprintable() for line in said.splitlines())
    assert not any(line.startswith("BLESSED: 9") for line in said.splitlines())
