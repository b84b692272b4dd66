"""The demonstration's three runs: two on sound data, and between them one that a label leaked into."""

from __future__ import annotations

import logging
import pathlib
import time
from dataclasses import dataclass

from rich.console import Console
from tfx import v1 as tfx

from tfx_explain.pipelines.census import console as display
from tfx_explain.pipelines.census import data, outcome, pipeline

METADATA_FILE = "metadata.sqlite"


_FAST_ROWS = 6000


@dataclass(frozen=True)
class Chapter:
    """One run: its title, what people should know about it, and whether the join of `data` spoils its rows."""

    title: str
    about: str
    is_spoilt: bool = False


CHAPTERS = (
    Chapter("Run 1: sound data", "The first model: there is none to compare it with yet."),
    Chapter(
        "Run 2: a join leaks the label into fnlwgt",
        "fnlwgt, a survey weight, says nothing about income. This month a join took it from the wrong table, for most "
        "people above 50,000 dollars, in train and eval alike.",
        is_spoilt=True,
    ),
    Chapter("Run 3: sound data", "The join is mended. The model to beat is still that of run 1."),
)


@dataclass(frozen=True)
class Ending:
    """What the three runs came to.

    Attributes:
      deviations: What came out other than told, in sentences.
      report: The page that shows why the spoilt run's model was blocked.
    """

    deviations: list[str]
    report: str


class NodeError(RuntimeError):
    """A node of the pipeline failed; the message names it and its cause."""


def tell(console: Console, output: pathlib.Path, *, fast: bool) -> Ending:
    """Runs the pipeline three times, shows what happens, and returns what it came to.

    Args:
      console: Where it is shown.
      output: An empty folder for data, artifacts, metadata and pushed models.
      fast: Run on fewer rows.

    Raises:
      NodeError: A node failed.
    """
    metadata_path = str(output / METADATA_FILE)
    outcomes = []
    for month, chapter in enumerate(CHAPTERS):
        rows = data.monthly_extract(month, limit=_FAST_ROWS if fast else None)
        if chapter.is_spoilt:
            rows = data.join_wrong_weights(rows)
        data.write_extract(rows, output / "data" / f"month-{month + 1}")
        console.print(f"\n[bold]{chapter.title}[/] ({len(rows):,} rows)\n{chapter.about}")
        _run(console, output, month + 1)
        outcomes.append(outcome.read_latest(outcome.open_store(metadata_path)))
    for chapter, came_out in zip(CHAPTERS, outcomes, strict=True):
        display.show_outcome(console, chapter.title, came_out)
    spoilt = next(came_out for chapter, came_out in zip(CHAPTERS, outcomes, strict=True) if chapter.is_spoilt)
    return Ending(outcome.deviations(*outcomes), spoilt.report)


def _run(console: Console, output: pathlib.Path, number: int) -> None:
    census = pipeline.create_pipeline(
        root=str(output / "artifacts"),
        data_dir=str(output / "data" / f"month-{number}"),
        serving_dir=str(output / "serving"),
        metadata_path=str(output / METADATA_FILE),
    )
    started = time.monotonic()
    times = display.NodeTimes(console)
    logging.root.addHandler(times)
    try:
        tfx.orchestration.LocalDagRunner().run(census)
    except Exception as error:
        raise NodeError(f"{times.node} failed. {type(error).__name__}: {error}") from error
    finally:
        logging.root.removeHandler(times)
        times.close_line()
    display.show_time(console, "in all", time.monotonic() - started)
