"""An Airflow of its own: a fresh home on SQLite, a scheduler, and what its commands and logs say."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
DAG_FILE = ROOT / "pipelines" / "census" / "airflow_dag.py"
_MINUTES = 40  # at most, a run on a busy machine
_SETTINGS = {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    # Importing TFX takes a while.
    "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
    "AIRFLOW__CORE__DAG_FILE_PROCESSOR_TIMEOUT": "600",
    # The file doesn't change: no more than once.
    "AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "86400",
}


class Home:
    """A home with the census pipeline's DAG file as people copy it.

    Attributes:
      folder: Airflow's home.
      census: What the DAG calls CENSUS_HOME.
    """

    def __init__(self, folder: Path) -> None:
        """Makes the home and its database."""
        self.folder, self.census = folder / "airflow", folder / "census"
        self._environ = {
            **os.environ,
            **_SETTINGS,
            "AIRFLOW_HOME": str(self.folder),
            "CENSUS_HOME": str(self.census),
            "PYTHONPATH": str(ROOT),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        (self.folder / "dags").mkdir(parents=True)
        shutil.copy(DAG_FILE, self.folder / "dags")
        self.command("db", "migrate")
        self.command("dags", "reserialize")

    def command(self, *arguments: str) -> str:
        """Runs one of Airflow's commands; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=self._environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def scheduler(self) -> Iterator[Callable[[str], str]]:
        """Runs the scheduler; yields a function that triggers a run and reads the scheduler's log to its end."""
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "scheduler"],
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

        def run(run_id: str) -> str:
            self.command("dags", "trigger", "census", "--run-id", run_id)
            limit = threading.Timer(_MINUTES * 60, process.terminate)
            limit.start()
            try:
                return self._end_of(run_id, process)
            finally:
                limit.cancel()

        try:
            yield run
        finally:
            _end(process)

    @staticmethod
    def _end_of(run_id: str, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Marking run" in line and run_id in line:
                return line.rpartition("> ")[2].strip()
        raise AssertionError("The scheduler ended before the run did.\n" + "".join(lines[-50:]))

    def log(self, run_id: str, task: str, attempt: int = 1) -> str:
        """Returns what people read as a task's log."""
        place = f"dag_id=census/run_id={run_id}/task_id={task}/attempt={attempt}.log"
        return (self.folder / "logs" / place).read_text()


def kill_in_its_midst(task: str, is_amidst: Callable[[], bool], killed: list[int]) -> None:
    """Waits until a task's process is amidst its work, and kills it with -9; for a thread of its own.

    Args:
      task: The task's id.
      is_amidst: Tells it.
      killed: Gets the process's id.
    """
    while not is_amidst():
        time.sleep(0.05)  # There is nothing to wait on: it is another process's work, seen from its files.
    title = f"airflow task runner: census {task} "
    (runner,) = [
        one for one in psutil.process_iter(["cmdline"]) if " ".join(one.info["cmdline"] or ()).startswith(title)
    ]
    runner.send_signal(signal.SIGKILL)
    killed.append(runner.pid)


def _end(process: subprocess.Popen[str]) -> None:
    """Ends the scheduler, which ends what it started; some of that is in groups of its own."""
    process.terminate()
    process.communicate()
