"""Beam's job server, which takes pipelines over gRPC and gives them to Flink."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from flink import processes

_DRIVER = "org.apache.beam.runners.flink.FlinkJobServerDriver"


@contextlib.contextmanager
def job_server(jars: Path, folder: Path, flink_master: str = "[local]") -> Iterator[str]:
    """Runs a job server while the block lasts.

    Args:
      jars: Folder of the jars (`flink.jars.fetch`).
      folder: Takes its log and what pipelines stage; every machine of the cluster sees it at the same path.
      flink_master: `host:port` of a JobManager's REST interface, or `[local]` for a Flink inside the job server.

    Yields:
      The address for `--job_endpoint`.
    """
    log = folder / "job_server.log"
    arguments = [f"--flink-master={flink_master}", f"--artifacts-dir={folder / 'staged'}"]
    # Any free port: what else runs on the machine, perhaps another Flink, stays as it is.
    arguments += ["--job-port=0", "--artifact-port=0", "--expansion-port=0"]
    command = processes.java(jars, _DRIVER, *arguments, options=["-Xmx768m", f"-Djava.io.tmpdir={folder}"])
    with processes.running(command, log) as process:
        yield processes.wait_for_line(process, log, r"JobService started on (\S+)")
