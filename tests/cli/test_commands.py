"""What all subcommands have in common, and the page that says so."""

import gc
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tfx_explain.cli.importing import importing
from tfx_explain.cli.main import COMMANDS, run

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()


def complete(words):
    environ = {
        **os.environ,
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
        "_TFX_EXPLAIN_COMPLETE": "bash_complete",
    }
    return subprocess.run(
        [sys.executable, "-m", "tfx_explain.cli.main"], env=environ, capture_output=True, text=True, check=False
    )


def test_the_page_has_every_command():
    assert re.findall(r"(?m)^\| `([a-z]+)` \|", PAGE) == list(COMMANDS)


def test_every_option_of_the_page_is_one():
    options = {
        name
        for command in COMMANDS
        for parameter in importlib.import_module(f"tfx_explain.cli.{command}").command.params
        for name in parameter.opts
    }
    assert set(re.findall(r"`(--?[a-z-]+)`", PAGE)) <= options


def test_without_a_command_there_is_help_and_no_answer(capsys):
    assert run([]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("Usage: tfx-explain") and "\n  inspect  " in printed.err


def test_a_command_that_there_is_not_is_held_against_those_that_there_are(capsys):
    assert (run(["inspct"]), run(["xyz"])) == (2, 2)
    said = capsys.readouterr().err
    assert "There is no command 'inspct'; did you mean 'inspect'?" in said
    assert "There is no command 'xyz'; there are inspect, explain, " in said


def test_a_shell_completes_commands():
    done = complete("tfx-explain va")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["plain,validate"]


@pytest.mark.parametrize("enabled", [True, False])
def test_imports_leave_the_garbage_collector_as_it_was(enabled):
    was_enabled = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(ImportError), importing():
            assert not gc.isenabled()
            raise ImportError
        assert gc.isenabled() is enabled
    finally:
        gc.unfreeze()
        (gc.enable if was_enabled else gc.disable)()


def test_tensorflow_is_imported_without_what_it_does_without_and_the_rest_can_be_later():
    code = """if True:
        import sys
        from tfx_explain.cli.importing import import_tensorflow
        import_tensorflow()
        optional = {"IPython", "h5py", "keras", "matplotlib", "pandas", "scipy", "sklearn", "tf_keras"}
        assert "tensorflow" in sys.modules and not optional & set(sys.modules)
        import pandas, tensorflow
        assert tensorflow.keras.layers.Dense(1)(tensorflow.ones([2, 3])).shape == (2, 1)"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
