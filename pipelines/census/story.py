"""The demonstration's three runs: two on sound data, and between them one that a label leaked into."""

from __future__ import annotations

import pathlib

from tfx_explain.pipelines.census import data, pipeline
from tfx_explain.pipelines.demonstration.outcome import Outcome, blocked_deviations, pushed_deviations
from tfx_explain.pipelines.demonstration.story import Chapter, Story

QUALITY = "AUC"
FAST_ROWS = 6000
_LEAKED_FEATURE = "fnlwgt"
_CLEAR_RISE = 0.02


def write_rows(month: int, is_spoilt: bool, fast: bool, folder: pathlib.Path) -> int:
    """Writes a month's extract, spoilt by the join or not, and returns how many rows it has."""
    rows = data.monthly_extract(month, limit=FAST_ROWS if fast else None)
    data.write_extract(data.join_wrong_weights(rows) if is_spoilt else rows, folder)
    return len(rows)


def deviations(first: Outcome, leaking: Outcome, *later: Outcome) -> list[str]:
    """Compares runs, two or more, with what should come out; returns a sentence for each difference."""
    found = [
        *pushed_deviations(1, first, None),
        *blocked_deviations(2, leaking, first, QUALITY, _CLEAR_RISE),
    ]
    for run, sound in enumerate(later, start=3):
        found += pushed_deviations(run, sound, first)
    if not any((one["feature"], one["kind"]) == (_LEAKED_FEATURE, "change") for one in leaking.failed):
        found.append(f"run 2: the gate found no rise of {_LEAKED_FEATURE}")
    return found


STORY = Story(
    chapters=(
        Chapter("Run 1: sound data", "The first model: there is none to compare it with yet."),
        Chapter(
            "Run 2: a join leaks the label into fnlwgt",
            "fnlwgt, a survey weight, says nothing about income. This month a join took it from the wrong table, for "
            "most people above 50,000 dollars, in train and eval alike.",
            is_spoilt=True,
        ),
        Chapter("Run 3: sound data", "The join is mended. The model to beat is still that of run 1."),
    ),
    quality=QUALITY,
    write_rows=write_rows,
    make_pipeline=pipeline.create_pipeline,
    deviations=deviations,
)
