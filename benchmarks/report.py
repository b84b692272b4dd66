"""Tables of measurements, for a terminal and for RESULTS.md."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence

import rich.table


@dataclasses.dataclass(frozen=True)
class Table:
    """A table for people: what it shows, the heads of its columns, and its rows."""

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def for_terminal(self) -> rich.table.Table:
        """Returns the table as rich prints it; numbers, all columns but the first, end at the right."""
        shown = rich.table.Table(title=self.title, title_justify="left", expand=sys.stdout.isatty())
        for number, head in enumerate(self.heads):
            shown.add_column(head, justify="right" if number else "left")
        for row in self.rows:
            shown.add_row(*row)
        return shown

    def markdown(self) -> str:
        """Returns the table in GitHub's Markdown, under a heading of the third order."""
        rule = ["---"] + ["---:"] * (len(self.heads) - 1)
        return "\n".join([f"### {self.title}", "", *map(_markdown_row, [self.heads, rule, *self.rows]), ""])


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
