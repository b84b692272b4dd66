"""Beam's job server with a Spark in it."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tfx_explain.flink.job_server import beam_job_server

POM = Path(__file__).parent / "pom.xml"
_DRIVER = "org.apache.beam.runners.spark.SparkJobServerDriver"


def job_server(jars: Path, folder: Path, spark_master: str) -> contextlib.AbstractContextManager[str]:
    """Runs a job server while the block lasts.

    Args:
      jars: Folder of the jars (`tfx_explain.flink.jars.fetch(POM)`).
      folder: Takes its log and what pipelines stage.
      spark_master: Spark's master; `local[2]` is a Spark with two threads inside the job server.

    Returns:
      A context whose value is the address for `--job_endpoint`.
    """
    return beam_job_server(jars, folder, _DRIVER, f"--spark-master-url={spark_master}")
