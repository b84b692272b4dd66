"""The command `tfx-explain`: its subcommands, each loaded when it is asked for, and how it fails.

Loading lazily is what makes `tfx-explain inspect` answer in seconds: it needs TensorFlow alone, where the others need
Beam, TFMA or TFX, which take tens of seconds to import.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem, shell_complete

from tfx_explain import __version__
from tfx_explain.cli.importing import importing
from tfx_explain.proto.printable import first_line, printable

# Name: what `tfx-explain --help` says of it. The command is `command` in the module `tfx_explain.cli.NAME`.
COMMANDS = {
    "inspect": "Shows how a SavedModel can be explained, and prints its explanation metadata.",
    "explain": "Attributes a model's predictions over TFRecords to its features.",
    "validate": "Decides thresholds over metrics and attributions: 0 blessed, 1 not blessed, 2 can't tell.",
    "report": "Makes a page of attributions and verdict: why a model was blocked.",
    "overlay": "Draws maps of pictures that an Explainer kept over the pictures.",
    "whatif": "Serves a page on which a row is changed, and predictions and attributions move.",
    "history": "Shows attributions and verdicts over runs, as a page or as JSON lines.",
    "tensorboard": "Writes attributions and verdicts over runs for TensorBoard.",
    "suggest": "Suggests bounds for a gate, from the attributions of models that were sound.",
    "lint": "Looks for thresholds that can never pass, or never fail.",
    "compile": "Writes a pipeline as the file that Kubeflow Pipelines or Vertex AI takes.",
    "flink": "Writes what a Flink cluster for Beam is set up with.",
}
CANNOT_TELL = 2
_COMPLETION = "_TFX_EXPLAIN_COMPLETE"


class LazyGroup(click.Group):
    """A group whose commands are imported when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names all commands without importing one."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command's module; None of a name that is none, while a shell completes it."""
        if cmd_name in COMMANDS:
            with importing():
                return importlib.import_module(f"tfx_explain.cli.{cmd_name}").command
        if not ctx.resilient_parsing:
            near = difflib.get_close_matches(cmd_name, COMMANDS, 1)
            known = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(COMMANDS)}."
            ctx.fail(f"There is no command {cmd_name!r}; {known}")
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands from the table above, so that `--help` imports none."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Completes the commands' names from the table above, so that a shell doesn't wait for an import."""
        names = [CompletionItem(name, help=told) for name, told in COMMANDS.items() if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="tfx-explain")
@click.pass_context
def tfx_explain(ctx: click.Context) -> None:
    """Explains served TensorFlow models, and gates their release on the explanations."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(CANNOT_TELL)


def quiet() -> None:
    """Keeps what libraries say at their start off a terminal; what the environment says already wins."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        os.environ["PYTHONWARNINGS"] = "ignore"  # for Beam's workers
    for name, value in {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "TF_USE_LEGACY_KERAS": "0"}.items():
        os.environ.setdefault(name, value)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line, or completes it for a shell, and returns its exit code.

    Whatever happens is one message on stderr and exit code 2 unless the command itself says otherwise: an exit code of
    0 or 1 is an answer, of `validate` above all, and nothing but the command may give it. A module that an EvalConfig
    names can raise anything.

    Args:
      arguments: Those of the process by default.
    """
    quiet()
    try:
        if asked := os.environ.get(_COMPLETION):
            return shell_complete(tfx_explain, {}, "tfx-explain", _COMPLETION, asked)
        # A command ends with `ctx.exit(code)`, which gives the code here; a `SystemExit` is somebody else's.
        code = tfx_explain.main(arguments, prog_name="tfx-explain", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.Abort as error:
        # Click makes one of an EOFError, too, of a file that has been cut off.
        _say("interrupted" if isinstance(error.__cause__, KeyboardInterrupt) else "an input ended too early")
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        _say(f"{error.format_message()}\n{context.get_usage() if context else ''}")
    except (ValueError, OSError) as error:
        _say(str(error) or type(error).__name__)
    except BaseException as error:
        _say(f"{type(error).__name__}{_place(error)}: {first_line(error)}")
    return CANNOT_TELL


def main() -> None:
    """Runs the command line, and ends the process with its exit code."""
    code = run()
    for stream in (stream for stream in (sys.stdout, sys.stderr) if stream is not None):
        try:
            stream.flush()
        except (OSError, ValueError):
            # Whoever reads has gone, or a disk is full. Python would try again at the end, and exit with 120.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


def _say(message: str) -> None:
    """Prints a message on stderr; lines after its first are indented, so that none stands there for something else."""
    lines = [printable(line) for line in message.strip().split("\n")]
    rest = [line if line.startswith("  ") else f"  {line}" for line in lines[1:]]
    with contextlib.suppress(OSError, ValueError):
        click.echo("\n".join([f"tfx-explain: {lines[0]}", *rest]), err=True)


def _place(error: BaseException) -> str:
    """Returns where an error that nobody foresaw came from."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return "".join(f" in {frame.filename}, line {frame.lineno}" for frame in last)


if __name__ == "__main__":
    main()
