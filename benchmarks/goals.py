"""What the benchmarks should find, in one place; which goals a run met is said at its end and in RESULTS.md."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.report import Table

TITLE = "Goals"


@dataclasses.dataclass(frozen=True)
class Goal:
    """What the numbers of some rows should be, at least or at most.

    Attributes:
      section: The benchmark that measures it.
      table: A glob of the table's title.
      row: A glob of what is in the row's first cell.
      column: The head of the column.
      least: What a number is at least; None: anything.
      most: What a number is below; None: anything.
    """

    section: str
    table: str
    row: str
    column: str
    least: float | None = None
    most: float | None = None

    def is_met(self, number: float) -> bool:
        """Tells whether a number is as it should be."""
        return (self.least is None or number >= self.least) and (self.most is None or number < self.most)

    def asked(self) -> str:
        """Says what is asked for."""
        return f"at least {self.least:g}" if self.least is not None else f"below {self.most:g}"


_RAW, _PROCESSOR, _CLOCK = "of raw calls", "processor s", "s by the clock"
_METHODS = "[!r]*"  # all rows but that of raw calls
GOALS = (
    Goal("attribution", "dense 12-128-64-1, 2048 rows; medians*", "adaptive*", _RAW, least=0.95),
    Goal("attribution", "dense 12-128-64-1, 512 rows; medians*", _METHODS, _RAW, least=1.0),
    Goal("attribution", "census (path), encoded*", _METHODS, _RAW, least=0.85),
    Goal("attribution", "census (coalitions), encoded*", _METHODS, _RAW, least=0.85),
    Goal("attribution", "embeddings *", _METHODS, _RAW, least=0.9),
    Goal("explainer", "End to end*", "TFRecords to TFRecords", "of the engine's", least=0.85),
    Goal("growth", "*", "*", "grows as n^", most=1.1),
    Goal("growth", "*", "*", "MB but the model", most=2048),
    Goal("start_up", "*", "tfx-explain --help", _CLOCK, most=0.5),
    Goal("start_up", "*", "tfx-explain inspect", _CLOCK, most=5),
    Goal("start_up", "*", "tfx-explain validate", _CLOCK, most=8),
    Goal("start_up", "*", "tfx-explain lint", _CLOCK, most=8),
    Goal("fixed_cost", "*", "MetadataGenerator: in all", _PROCESSOR, most=3),
    Goal("fixed_cost", "*", "Explainer: in all", _PROCESSOR, most=3),
    Goal("fixed_cost", "*", "ThresholdValidator: in all", _PROCESSOR, most=3),
)


def summary(sections: Mapping[str, Sequence[Table]], goals: Sequence[Goal] = GOALS) -> Table:
    """Returns which goals were met; those of sections that were not measured are not passed over.

    Args:
      sections: The tables of each benchmark, by its name.
      goals: What they are held against.
    """
    heads = ("goal", "asked", "measured", "")
    rows = [row for goal in goals for row in _rows(goal, sections.get(goal.section, ()))]
    missed = sum(row[-1] != "met" for row in rows)
    return Table(f"{len(rows) - missed} of {len(rows)} goals met", heads, rows)


def _rows(goal: Goal, tables: Sequence[Table]) -> Iterator[tuple[str, ...]]:
    found = list(_numbers(goal, tables))
    if not found:
        what = {"*": "every row", _METHODS: "every method"}.get(goal.row, goal.row.strip("*"))
        yield f"{goal.table.strip('*; ') or goal.section}: {what}, {goal.column}", goal.asked(), "", "not measured"
    for name, cell, number in found:
        yield f"{name}, {goal.column}", goal.asked(), cell, "met" if goal.is_met(number) else "missed"


def _numbers(goal: Goal, tables: Sequence[Table]) -> Iterator[tuple[str, str, float]]:
    """Yields the numbers that a goal is about, with the names and texts of their cells."""
    for table in tables:
        if fnmatch.fnmatchcase(table.title, goal.table) and goal.column in table.heads:
            place = table.heads.index(goal.column)
            for row in table.rows:
                number = re.match(r"-?[\d,]*\.?\d+", row[place])
                if number and fnmatch.fnmatchcase(row[0], goal.row):
                    title = table.title.split(";")[0]
                    yield f"{title}: {row[0]}", row[place], float(number[0].replace(",", ""))
