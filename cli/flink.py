"""`tfx-explain flink`: what a Flink cluster for Beam is set up with, from the package into a folder."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from tfx_explain.cli import options
from tfx_explain.cli.output import emit
from tfx_explain.flink.cluster import BOOT, CONFIGURATION
from tfx_explain.flink.jars import POM
from tfx_explain.proto.printable import printable
from tfx_explain.storage.directory import check_unused, complete_directory
from tfx_explain.storage.paths import absolute


@click.command("flink", epilog=options.examples("flink --output flink"))
@click.option("--output", required=True, metavar="DIR", help="Where the files go; must not exist, or be empty.")
@options.QUIET
def command(output: str, quiet: bool) -> None:
    """Writes what a Flink cluster for Beam is set up with.

    Beam's Flink runner as a pom.xml for Maven, a configuration in conf/ that workers of TensorFlow's size fit in, and
    boot.py, with which Beam's worker pools install what a pipeline stages. The guide on running at scale uses them.
    """
    check_unused(output)
    with complete_directory(absolute(output)) as folder:
        shutil.copy(POM, folder)
        # The pool runs it as a program, which a file out of a wheel need not be.
        Path(shutil.copy(BOOT, folder)).chmod(0o755)
        shutil.copytree(CONFIGURATION, Path(folder) / CONFIGURATION.name)
    if not quiet:
        emit(f"{printable(output)}\n", sys.stdout)
