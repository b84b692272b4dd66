"""The demonstration's three runs under Airflow, each with the data of its month, started by Airflow's own command."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.airflow.home import Home, kill_in_its_midst
from tfx_explain.pipelines.census import story
from tfx_explain.pipelines.demonstration import outcome

RUNS = ("month-1", "month-2", "month-3")[: int(os.environ.get("RUNS", "3"))]  # two are the short form
KILLED = ("CsvExampleGen", "Explainer")  # One of TFX's own components, and one of ours.


@dataclass(frozen=True)
class Told:
    """What the runs left behind, in the second of which the tasks `KILLED` were killed once each.

    Attributes:
      home: Airflow's home.
      states: How each run ended, in the scheduler's words.
      outcomes: What each run came to.
      killed: By task, the process that was killed.
    """

    home: Home
    states: dict[str, str] = field(default_factory=dict)
    outcomes: list[outcome.Outcome] = field(default_factory=list)
    killed: dict[str, list[int]] = field(default_factory=lambda: {task: [] for task in KILLED})


@pytest.fixture(scope="session")
def told(tmp_path_factory) -> Told:
    result = Told(Home(tmp_path_factory.mktemp("told")))
    home = result.home
    with home.scheduler() as run:
        for month, (run_id, chapter) in enumerate(zip(RUNS, story.STORY.chapters, strict=False)):
            shutil.rmtree(home.census / "data", ignore_errors=True)
            story.write_rows(month, chapter.is_spoilt, True, home.census / "data")
            if month == 1:
                _kill_each_once(home.census / "artifacts", result.killed)
            result.states[run_id] = run(run_id)
            store = outcome.open_store(str(home.census / "metadata.sqlite"))
            result.outcomes.append(outcome.read_latest(store))
    return result


def _kill_each_once(artifacts: Path, killed: Mapping[str, list[int]]) -> None:
    """Kills each task when it begins to write."""
    for task, folder in {"CsvExampleGen": "examples", "Explainer": "attributions"}.items():
        begins = _is_new(artifacts / task / folder)
        threading.Thread(target=kill_in_its_midst, args=(task, begins, killed[task]), daemon=True).start()


def _is_new(folder: Path) -> Callable[[], bool]:
    before = set(folder.iterdir())
    return lambda: any(path not in before and any(path.iterdir()) for path in folder.iterdir())
