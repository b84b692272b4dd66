"""The command `tfx-explain`: its subcommands, each loaded when it is asked for, and how it fails.

Loading lazily is what makes `tfx-explain inspect` answer in seconds: it needs TensorFlow alone, where the others need
Beam, TFMA or TFX, which take tens of seconds to import.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys

import click

# Name: what `tfx-explain --help` says of it. The command is `command` in the module `tfx_explain.cli.NAME`.
COMMANDS = {
    "inspect": "Shows how a SavedModel can be explained, and prints its explanation metadata.",
    "explain": "Attributes a model's predictions over TFRecords to its features.",
    "validate": "Decides thresholds over metrics and attributions: 0 blessed, 1 not blessed, 2 can't tell.",
    "lint": "Looks for thresholds that can never pass, or never fail.",
}
CANNOT_TELL = 2


class LazyGroup(click.Group):
    """A group whose commands are imported when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names all commands without importing one."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command's module."""
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(f"tfx_explain.cli.{cmd_name}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands from the table above, so that `--help` imports none."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tfx-explain")
def tfx_explain() -> None:
    """Explains served TensorFlow models, and gates their release on the explanations."""


def quiet() -> None:
    """Keeps TensorFlow's start-up messages off a terminal; what the environment says already wins."""
    for name, value in {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "TF_USE_LEGACY_KERAS": "0"}.items():
        os.environ.setdefault(name, value)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def main() -> None:
    """Runs the command line: a mistake in what was given is one message on stderr and exit code 2."""
    quiet()
    try:
        tfx_explain(prog_name="tfx-explain")
    except (ValueError, OSError) as error:
        click.echo(f"tfx-explain: {error}", err=True)
        sys.exit(CANNOT_TELL)


if __name__ == "__main__":
    main()
