"""What runs of the benchmarks leave: RESULTS.md for people, RESULTS.json with the same for programs."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any

from benchmarks import goals
from benchmarks.machine import in_words
from benchmarks.report import Table

_HEAD = "# Benchmarks\n\nMade by `python -m benchmarks`, which measures again and replaces what is here.\n"


class Results:
    """The two files, of which a run replaces the sections that it has measured."""

    def __init__(self, folder: pathlib.Path) -> None:
        """Takes the folder that they are in; they need not be there."""
        self._markdown, self._json = folder / "RESULTS.md", folder / "RESULTS.json"

    def keep(self, name: str, title: str, tables: Sequence[Table], on: dict[str, str]) -> None:
        """Replaces a section.

        Args:
          name: The benchmark's.
          title: The section's heading.
          tables: What was measured.
          on: The machine that it was measured on.
        """
        self._replace(title, [in_words(on), *(table.markdown() for table in tables)])
        found = self._read() | {name: {"title": title, "machine": on, "tables": list(map(dataclasses.asdict, tables))}}
        self._json.write_text(json.dumps(found, indent=1) + "\n")

    def keep_goals(self) -> None:
        """Says of all sections, at the end, which goals were met when they were measured."""
        self._replace(goals.TITLE, [goals.summary(self.tables()).markdown()], last=True)

    def tables(self) -> dict[str, list[Table]]:
        """Returns the tables of each benchmark that was measured, by its name."""
        return {
            name: [Table(one["title"], tuple(one["heads"]), list(map(tuple, one["rows"]))) for one in section["tables"]]
            for name, section in self._read().items()
        }

    def _replace(self, title: str, paragraphs: Sequence[str], last: bool = False) -> None:
        """Puts a section of RESULTS.md in the place of the one of that title, or at the end."""
        head, *sections = (self._markdown.read_text() if self._markdown.exists() else _HEAD).split("\n## ")
        kept = {section.split("\n", 1)[0]: section for section in sections}
        if last:
            kept.pop(title, None)
        kept[title] = "\n\n".join([title, *paragraphs])
        self._markdown.write_text("\n\n## ".join(map(str.rstrip, [head, *kept.values()])) + "\n")

    def _read(self) -> dict[str, Any]:
        return json.loads(self._json.read_text()) if self._json.exists() else {}
