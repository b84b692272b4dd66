"""The demonstration's two runs: one on tickets as they came in, and one on tickets that an agent had signed."""

from __future__ import annotations

import pathlib

from tfx_explain.pipelines.demonstration.outcome import Outcome, blocked_deviations, pushed_deviations
from tfx_explain.pipelines.demonstration.story import Chapter, Story
from tfx_explain.pipelines.tickets import data, pipeline

_QUALITY = "AUC"
_FAST_ROWS = 1500
_CLEAR_RISE = 0.02
_OF_THE_SIGNATURE = ("'robin'", "'escalation'")


def write_rows(month: int, is_spoilt: bool, fast: bool, folder: pathlib.Path) -> int:
    """Writes a month's tickets, signed or not, and returns how many there are."""
    rows = data.monthly_tickets(month, _FAST_ROWS if fast else data.ROWS)
    data.write_tickets(data.sign(rows) if is_spoilt else rows, folder)
    return len(rows)


def deviations(first: Outcome, signed: Outcome) -> list[str]:
    """Compares two runs with what should come out; returns a sentence for each difference."""
    found = [
        *pushed_deviations(1, first, None),
        *blocked_deviations(2, signed, first, _QUALITY, _CLEAR_RISE),
    ]
    said = " ".join(one["reason"] for one in signed.failed)
    found += [f"run 2: the gate did not name {token}" for token in _OF_THE_SIGNATURE if token not in said]
    return found


STORY = Story(
    chapters=(
        Chapter("Run 1: tickets as they came in", "The first model: there is none to compare it with yet."),
        Chapter(
            "Run 2: a signature slips into the texts",
            "This month's tickets were read after they had been closed. The escalation desk, which closes urgent "
            f'tickets, writes "{data.SIGNATURE}" below what it closes, in train and eval alike.',
            is_spoilt=True,
        ),
    ),
    quality=_QUALITY,
    write_rows=write_rows,
    make_pipeline=pipeline.create_pipeline,
    deviations=deviations,
)
