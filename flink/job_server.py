"""Beam's job server, which takes pipelines over gRPC and gives them to Flink, or to another runner."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tfx_explain.flink import processes

_DRIVER = "org.apache.beam.runners.flink.FlinkJobServerDriver"


def job_server(jars: Path, folder: Path, flink_master: str = "[local]") -> contextlib.AbstractContextManager[str]:
    """Runs a job server while the block lasts.

    Args:
      jars: Folder of the jars (`tfx_explain.flink.jars.fetch`).
      folder: Takes its log and what pipelines stage; every machine of the cluster sees it at the same path.
      flink_master: `host:port` of a JobManager's REST interface, or `[local]` for a Flink inside the job server.

    Returns:
      A context whose value is the address for `--job_endpoint`.
    """
    return beam_job_server(jars, folder, _DRIVER, f"--flink-master={flink_master}")


@contextlib.contextmanager
def beam_job_server(jars: Path, folder: Path, driver: str, *arguments: str) -> Iterator[str]:
    """Runs the job server of any of Beam's runners while the block lasts.

    Args:
      jars: Folder of the jars.
      folder: Takes its log and what pipelines stage.
      driver: The job server's main class.
      *arguments: Of the runner.

    Yields:
      The address for `--job_endpoint`.
    """
    log = folder / "job_server.log"
    # Any free port: what else runs on the machine, perhaps another Flink, stays as it is.
    ports = ["--job-port=0", "--artifact-port=0", "--expansion-port=0"]
    common = [f"--artifacts-dir={folder / 'staged'}", *ports]
    command = processes.java(jars, driver, *arguments, *common, options=["-Xmx768m", f"-Djava.io.tmpdir={folder}"])
    with processes.running(command, log) as process:
        yield processes.wait_for_line(process, log, r"JobService started on (\S+)")
