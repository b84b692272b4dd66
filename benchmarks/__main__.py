"""Runs the benchmarks, or those that are named: `python -m benchmarks [NAME...]`."""

from __future__ import annotations

import importlib
import pathlib
from collections.abc import Sequence

import click
import rich.console

from benchmarks import APART, MODULES, report

_RESULTS = pathlib.Path(__file__).with_name("RESULTS.md")
_HEAD = "# Benchmarks\n\nMade by `python -m benchmarks`, which measures again and replaces what is here.\n"


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*MODULES, *APART]))
def main(names: Sequence[str]) -> None:
    """Runs the benchmarks of those NAMES, or all of them; prints tables and keeps them in benchmarks/RESULTS.md."""
    console = rich.console.Console()
    console.print(report.machine())
    for name in names or MODULES:
        module = importlib.import_module(f"benchmarks.{name}")
        title = (module.__doc__ or name).split("\n", 1)[0].rstrip(".")
        tables = []
        with console.status(f"measuring: {title}"):
            for table in module.run():
                console.print(table.for_terminal())
                tables.append(table)
        results = _RESULTS.read_text() if _RESULTS.exists() else _HEAD
        _RESULTS.write_text(report.with_section(results, title, tables))


if __name__ == "__main__":
    main()
