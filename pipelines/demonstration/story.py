"""A demonstration's runs, one of them on spoilt data: what is told of them, and what they come to."""

from __future__ import annotations

import logging
import pathlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from tfx import v1 as tfx

from tfx_explain.pipelines.demonstration import console as display
from tfx_explain.pipelines.demonstration import outcome

METADATA_FILE = "metadata.sqlite"


@dataclass(frozen=True)
class Chapter:
    """One run: its title, what people should know about it, and whether its rows are spoilt."""

    title: str
    about: str
    is_spoilt: bool = False


@dataclass(frozen=True)
class Story:
    """What a demonstration runs, and what should come of it.

    Attributes:
      chapters: The runs.
      quality: The metric that people would look at, such as "AUC"; the gate's config has it in lower case.
      write_rows: Writes a run's rows into a new folder and returns how many there are, given the run's place from 0,
        whether they are spoilt, and whether few of them do.
      make_pipeline: Makes the pipeline, as `census.pipeline.create_pipeline` does.
      deviations: Holds what each run came to against what was told; a sentence for each difference.
    """

    chapters: Sequence[Chapter]
    quality: str
    write_rows: Callable[[int, bool, bool, pathlib.Path], int]
    make_pipeline: Callable[..., tfx.dsl.Pipeline]
    deviations: Callable[..., list[str]]


@dataclass(frozen=True)
class Ending:
    """What the runs came to.

    Attributes:
      deviations: What came out other than told, in sentences.
      spoilt: The number of the run on spoilt rows.
      report: The page that shows why its model was blocked.
    """

    deviations: list[str]
    spoilt: int
    report: str


class NodeError(RuntimeError):
    """A node of the pipeline failed; the message names it and its cause."""


def tell(story: Story, console: Console, output: pathlib.Path, *, fast: bool) -> Ending:
    """Runs the pipeline once a chapter, shows what happens, and returns what it came to.

    Args:
      story: What is told.
      console: Where it is shown.
      output: An empty folder for data, artifacts, metadata and pushed models.
      fast: Run on fewer rows.

    Raises:
      NodeError: A node failed.
    """
    outcomes = []
    for number, chapter in enumerate(story.chapters, start=1):
        folder = output / "data" / f"run-{number}"
        rows = story.write_rows(number - 1, chapter.is_spoilt, fast, folder)
        console.print(f"\n[bold]{chapter.title}[/] ({rows:,} rows)\n{chapter.about}")
        _run(story, console, output, folder)
        outcomes.append(outcome.read_latest(outcome.open_store(str(output / METADATA_FILE))))
    for chapter, came_out in zip(story.chapters, outcomes, strict=True):
        display.show_outcome(console, chapter.title, came_out, story.quality)
    spoilt = next(number for number, chapter in enumerate(story.chapters) if chapter.is_spoilt)
    return Ending(story.deviations(*outcomes), spoilt + 1, outcomes[spoilt].report)


def _run(story: Story, console: Console, output: pathlib.Path, data: pathlib.Path) -> None:
    made = story.make_pipeline(
        root=str(output / "artifacts"),
        data_dir=str(data),
        serving_dir=str(output / "serving"),
        metadata_path=str(output / METADATA_FILE),
    )
    started = time.monotonic()
    times = display.NodeTimes(console)
    logging.root.addHandler(times)
    try:
        tfx.orchestration.LocalDagRunner().run(made)
    except Exception as error:
        raise NodeError(f"{times.node} failed. {type(error).__name__}: {error}") from error
    finally:
        logging.root.removeHandler(times)
        times.close_line()
    display.show_time(console, "in all", time.monotonic() - started)
