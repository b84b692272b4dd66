"""Runs the attribution benchmark, prints its tables, keeps them in RESULTS.md: `python -m benchmarks.attribution`."""

from __future__ import annotations

import os
import pathlib
import platform
from collections.abc import Sequence

import numpy as np
import rich.console
import rich.table
import tensorflow as tf

from benchmarks import tables

_RESULTS = pathlib.Path(__file__).with_name("RESULTS.md")


def main() -> None:
    """Runs everything, in some minutes."""
    console = rich.console.Console()
    console.print(_machine())
    found: list[tables.Table] = []
    for measure in (tables.memory, tables.path_accuracy, tables.rates, tables.shapley_accuracy):
        with console.status(f"measuring: {measure.__name__.replace('_', ' ')}"):
            measured = measure()
        found += measured
        for table in measured:
            console.print(_for_terminal(table))
    _RESULTS.write_text(_markdown(found))


def _machine() -> str:
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, TensorFlow {tf.__version__}, "
        f"NumPy {np.__version__}. Rates depend on what else the machine does; compare within a table."
    )


def _for_terminal(table: tables.Table) -> rich.table.Table:
    shown = rich.table.Table(title=table.title, title_justify="left")
    for number, head in enumerate(table.heads):
        shown.add_column(head, justify="right" if number else "left")
    for row in table.rows:
        shown.add_row(*row)
    return shown


def _markdown(found: Sequence[tables.Table]) -> str:
    lines = ["# Attribution benchmark", "", "Made by `python -m benchmarks.attribution`. " + _machine(), ""]
    for table in found:
        lines += [f"## {table.title}", ""]
        lines += [_markdown_row(table.heads), _markdown_row(["---"] + ["---:"] * (len(table.heads) - 1))]
        lines += [*map(_markdown_row, table.rows), ""]
    return "\n".join(lines)


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
