"""The Explainer on a Flink cluster of two machines gives what it gives on the DirectRunner, whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tfx_explain.flink.cluster import Cluster, Machine, cluster, worker_environment
from tfx_explain.proto import explanation_pb2

pytestmark = [pytest.mark.flink_cluster, pytest.mark.slow]

SETUP_PY = Path(__file__).parents[2] / "setup.py"
# Random, and long enough at work for somebody to be killed meanwhile.
PARAMETERS = explanation_pb2.ExplanationParameters(
    sampled_shapley_attribution=explanation_pb2.SampledShapleyAttribution(path_count=60), seed=7
)
AWAY_SECONDS = 5


@pytest.fixture(scope="module")
def flink(flink_jars, tmp_path_factory):
    with cluster(flink_jars, tmp_path_factory.mktemp("flink")) as running:
        yield running


@pytest.fixture(scope="module")
def flink_args(flink):
    return [*flink.beam_args(), f"--setup_file={SETUP_PY}"]


@pytest.fixture(scope="module")
def expected(explain, direct_args):
    return explain(direct_args, PARAMETERS)


def test_the_workers_environment_has_tfx_and_lacks_tfx_explain(tmp_path):
    environ = worker_environment(tmp_path / "environment")
    found = "from importlib.util import find_spec as f; print(bool(f('tfx')), bool(f('tfx_explain')))"

    done = subprocess.run(["python", "-c", found], env=environ, cwd=tmp_path, capture_output=True, text=True)

    assert done.stdout.split() == ["True", "False"], done.stderr


def test_the_cluster_gives_the_same_bytes(explain, expected, flink, flink_args):
    found = explain(flink_args, PARAMETERS)

    assert found == expected
    # Both machines worked, with what the pipeline staged and nothing else.
    for machine in flink.machines:
        (packages,) = {tuple(sorted(path.name for path in folder.glob("tfx*"))) for folder in machine.staged()}
        assert [name.partition("-")[0] for name in packages] == ["tfx_explain", "tfx_explain"]


def test_a_worker_that_is_killed_loses_no_row(explain, expected, flink, flink_args):
    def strike(machine: Machine, worker: int) -> None:
        os.kill(worker, signal.SIGKILL)

    failed = failed_jobs(flink)
    with_fault(flink, strike)
    found = explain(flink_args, PARAMETERS)

    assert found == expected
    assert failed_jobs(flink) > failed


def test_a_machine_that_dies_and_comes_back_loses_no_row(explain, expected, flink, flink_args):
    def strike(machine: Machine, worker: int) -> None:
        machine.kill()
        time.sleep(AWAY_SECONDS)
        machine.start()

    failed = failed_jobs(flink)
    with_fault(flink, strike)
    found = explain(flink_args, PARAMETERS)

    assert found == expected
    assert failed_jobs(flink) > failed


def with_fault(flink: Cluster, strike: Callable[[Machine, int], None]) -> None:
    """Strikes once, while a worker has written some of its records and not all."""

    def watch() -> None:
        while True:
            for machine in flink.machines:
                for worker in machine.workers():
                    if is_writing(worker):
                        strike(machine, worker)
                        return
            time.sleep(0.05)

    threading.Thread(target=watch, daemon=True).start()


def is_writing(worker: int) -> bool:
    """Whether the process has a shard open, which Beam writes under a temporary name."""
    try:
        return any("/beam-temp-" in os.readlink(file) for file in Path(f"/proc/{worker}/fd").iterdir())
    except FileNotFoundError:  # The file was closed, or the process ended, while we looked.
        return False


def failed_jobs(flink: Cluster) -> set[str]:
    """The jobs of which something had to be run again."""
    jobs = [job["jid"] for job in flink.get("/jobs/overview")["jobs"]]
    return {job for job in jobs if flink.get(f"/jobs/{job}/exceptions")["exceptionHistory"]["entries"]}
