"""The demonstration's two runs: one on sound pictures, and one on pictures with a mark that gives a digit away."""

from __future__ import annotations

import pathlib

from tfx_explain.pipelines.demonstration.outcome import Outcome, blocked_deviations, pushed_deviations
from tfx_explain.pipelines.demonstration.story import Chapter, Story
from tfx_explain.pipelines.digits import data, features, gate, pipeline

QUALITY = "accuracy"
_FAST_PICTURES = 120
_MARKED = f"{features.LABEL}:{data.MARKED}"


def write_rows(batch: int, is_spoilt: bool, fast: bool, folder: pathlib.Path) -> int:
    """Writes a batch of pictures, with the scanner's mark or without, and returns how many there are."""
    pictures, digits = data.scanned_batch(batch, limit=_FAST_PICTURES if fast else None)
    data.write_batch(data.mark(pictures, digits) if is_spoilt else pictures, digits, folder)
    return len(digits)


def deviations(first: Outcome, marked: Outcome) -> list[str]:
    """Compares two runs with what should come out; returns a sentence for each difference."""
    found = [*pushed_deviations(1, first, None), *blocked_deviations(2, marked, first, QUALITY, 0.0)]
    if not any(one["metric"] == gate.CORNER_METRIC and one["slice"] == _MARKED for one in marked.failed):
        found.append("run 2: the gate found nothing in the corner")
    return found


STORY = Story(
    chapters=(
        Chapter("Run 1: sound pictures", "The first model: there is none to compare it with yet."),
        Chapter(
            "Run 2: a scanner writes a mark beside every 9",
            "The forms were sorted by digit, and the nines went through another scanner, which writes a white square "
            "into the upper left corner: in train and eval alike.",
            is_spoilt=True,
        ),
    ),
    quality=QUALITY,
    write_rows=write_rows,
    make_pipeline=pipeline.create_pipeline,
    deviations=deviations,
)
