"""What is the same of every command: its examples, and the options for people's and programs' eyes."""

import importlib
import re
import shlex

import click
import pytest

from tfx_explain.cli.main import COMMANDS

# What they would print is what they are for; `compile` prints nothing.
PRINTS_NOTHING_ELSE = {"whatif", "compile"}
# Their answer is a file.
WITHOUT_JSON = PRINTS_NOTHING_ELSE | {"report", "overlay", "tensorboard", "flink"}


def command_of(name):
    return importlib.import_module(f"tfx_explain.cli.{name}").command


def options_of(name):
    return {option for parameter in command_of(name).params for option in parameter.opts}


def check_line(line):
    """Raises where a command line has an option that there isn't, or lacks an argument."""
    words = shlex.split(re.split(r" [|>] | >$", line)[0].replace("...", ""))
    assert words[0] == "tfx-explain"
    command = command_of(words[1])
    context = click.Context(command, info_name=words[1])
    command.make_parser(context).parse_args(args=words[2:])


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_examples_that_can_be_given(name):
    shown = re.findall(r"(?m)^  (tfx-explain .*)$", command_of(name).epilog or "")
    assert shown
    for line in shown:
        assert line.split()[1] == name
        check_line(line)


@pytest.mark.parametrize("name", COMMANDS)
def test_people_can_be_told_nothing_and_programs_json(name):
    assert ("--quiet" in options_of(name)) == (name not in PRINTS_NOTHING_ELSE)
    assert ("--json" in options_of(name)) == (name not in WITHOUT_JSON)
