"""Runs the benchmarks, or those that are named: `python -m benchmarks [NAME...]`."""

from __future__ import annotations

import importlib
import logging
import pathlib
from collections.abc import Sequence

import click
import rich.console

from benchmarks import APART, MODULES, goals
from benchmarks.machine import in_words, machine
from benchmarks.results import Results
from tfx_explain.cli.main import quiet
from tfx_explain.cli.output import printing
from tfx_explain.pipelines.quiet import stderr_to

# What libraries say meanwhile.
_LOG = pathlib.Path("build", "benchmarks.log")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*MODULES, *APART]))
def main(names: Sequence[str]) -> None:
    """Runs the benchmarks of those NAMES, or all of them; prints tables, and keeps them in RESULTS.md and RESULTS.json.

    What is kept of other benchmarks stays.
    """
    results = Results(pathlib.Path(__file__).parent)
    names = names or MODULES
    _LOG.parent.mkdir(exist_ok=True)
    quiet()
    logging.basicConfig(filename=_LOG, force=True)
    with stderr_to(_LOG):
        on = machine()
        with printing() as console:
            console.print(in_words(on))
        for name in names:
            _measure(name, on, results)
    results.keep_goals()
    if asked := [goal for goal in goals.GOALS if goal.section in names]:
        with printing() as console:
            console.print(goals.summary(results.tables(), asked).for_terminal())


def _measure(name: str, on: dict[str, str], results: Results) -> None:
    """Runs a benchmark; its tables are printed as they come, and kept when all are there."""
    module = importlib.import_module(f"benchmarks.{name}")
    title = (module.__doc__ or name).split("\n", 1)[0].rstrip(".")
    tables = []
    with rich.console.Console().status(f"measuring: {title}"):
        for table in module.run():
            with printing() as console:
                console.print(table.for_terminal())
            tables.append(table)
    results.keep(name, title, tables, on)


if __name__ == "__main__":
    main()
