"""Options that several commands have, each under one name and with one meaning."""

from __future__ import annotations

from pathlib import Path

import click

FILE = click.Path(dir_okay=False, path_type=Path)
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
OUTPUT_NAME = click.option("--output-name", default="", metavar="NAME", help="The model's output; default: any.")
OUTPUT_ELEMENT = click.option(
    "--output-element",
    metavar="I,J,...",
    help="Of an output of rank three and more, the element to explain, by indices.",
)
CLASS = click.option(
    "--class", "class_name", default="", metavar="NAME", help="Which class, where several are explained."
)
QUIET = click.option("-q", "--quiet", is_flag=True, help="Says nothing to people: errors alone, and JSON if asked for.")
JSON = click.option("--json", "as_json", is_flag=True, help="Prints JSON, for programs, on standard output.")
REPORT_HELP = "What report.html shows; sums: no single rows."
BEAM_ARGS = click.argument("beam_args", nargs=-1, type=click.UNPROCESSED, metavar="[-- BEAM_ARGS]...")


def examples(*lines: str) -> str:
    """Returns the end of a command's help: command lines that work as they stand, but for the names of files."""
    return "\b\n" + "\n".join(["Examples:", *(f"  tfx-explain {line}" for line in lines)])
