"""Runs the benchmarks, or those that are named: `python -m benchmarks [NAME...]`."""

from __future__ import annotations

import dataclasses
import importlib
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import click
import rich.console

from benchmarks import APART, MODULES, goals, report
from benchmarks.machine import in_words, machine
from tfx_explain.cli.output import printing
from tfx_explain.pipelines import quiet

_RESULTS = pathlib.Path(__file__).with_name("RESULTS.md")
_JSON = _RESULTS.with_suffix(".json")
_HEAD = "# Benchmarks\n\nMade by `python -m benchmarks`, which measures again and replaces what is here.\n"
# What libraries say meanwhile.
_LOG = pathlib.Path("build", "benchmarks.log")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*MODULES, *APART]))
def main(names: Sequence[str]) -> None:
    """Runs the benchmarks of those NAMES, or all of them; prints tables, and keeps them in RESULTS.md and RESULTS.json.

    What is kept of other benchmarks stays.
    """
    _LOG.parent.mkdir(exist_ok=True)
    quiet.before_import(_LOG)
    with quiet.stderr_to(_LOG):
        on = machine()
        with printing() as console:
            console.print(in_words(on))
        for name in names or MODULES:
            _measure(name, on)
    _say_goals(names or MODULES)


def _measure(name: str, on: dict[str, str]) -> None:
    """Runs a benchmark; its tables are printed as they come, and kept when all are there."""
    module = importlib.import_module(f"benchmarks.{name}")
    title = (module.__doc__ or name).split("\n", 1)[0].rstrip(".")
    tables = []
    with rich.console.Console().status(f"measuring: {title}"):
        for table in module.run():
            with printing() as console:
                console.print(table.for_terminal())
            tables.append(table)
    _keep(title, tables, in_words(on))
    found = _read() | {name: {"title": title, "machine": on, "tables": [dataclasses.asdict(one) for one in tables]}}
    _JSON.write_text(json.dumps(found, indent=1) + "\n")


def _say_goals(names: Sequence[str]) -> None:
    """Prints which goals of these benchmarks were met, and keeps which of all are."""
    kept = {
        name: [report.Table(**{**table, "rows": list(map(tuple, table["rows"]))}) for table in section["tables"]]
        for name, section in _read().items()
    }
    asked = [goal for goal in goals.GOALS if goal.section in names]
    if asked:
        with printing() as console:
            console.print(goals.summary(kept, asked).for_terminal())
    _keep(goals.TITLE, [goals.summary(kept)])


def _keep(title: str, tables: Sequence[report.Table], note: str = "") -> None:
    results = _RESULTS.read_text() if _RESULTS.exists() else _HEAD
    _RESULTS.write_text(report.with_section(results, title, tables, note))


def _read() -> dict[str, Any]:
    return json.loads(_JSON.read_text()) if _JSON.exists() else {}


if __name__ == "__main__":
    main()
