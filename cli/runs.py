"""Which runs a command is about: directories, or what an ML Metadata store knows."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import click
import rich.console
import rich.progress
from apache_beam.options.pipeline_options import PipelineOptions
from ml_metadata.proto import metadata_store_pb2

from tfx_explain.cli import options
from tfx_explain.cli.configs import read_message
from tfx_explain.cli.output import emit
from tfx_explain.proto.printable import printable
from tfx_explain.report.history.left import Left, left_in
from tfx_explain.report.history.run import Reading, Run
from tfx_explain.report.history.store import left_by
from tfx_explain.report.history.write import read_history

_SQLITE = b"SQLite format 3\0"


def takes_runs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the arguments that `given_runs` takes: `directories`, `metadata_store`, `pipeline`, `last`.

    What follows `--` is among the directories; `beam_args` tells them apart.
    """
    store = (
        "Takes the runs that a TFX pipeline's ML Metadata knows: its SQLite file, or a ConnectionConfig, text or JSON."
    )
    for option in (
        click.option("--last", type=click.IntRange(min=1), metavar="RUNS", help="Only so many runs, the last ones."),
        click.option("--pipeline", default="", metavar="NAME", help="Which pipeline, if the store has several."),
        click.option("--metadata-store", type=options.EXISTING_FILE, help=store),
        click.argument("directories", nargs=-1, metavar="[DIR]... [-- BEAM_ARGS]..."),
    ):
        command = option(command)
    return command


def beam_args(directories: Sequence[str]) -> tuple[list[str], Callable[[], beam.Pipeline]]:
    """Returns the directories themselves, and what makes the Beam pipelines that the rest asks for."""
    pipeline_options = PipelineOptions([one for one in directories if one.startswith("--")])
    return [one for one in directories if not one.startswith("--")], lambda: beam.Pipeline(options=pipeline_options)


def given_runs(directories: Sequence[str], metadata_store: Path | None, pipeline: str, last: int | None) -> list[Left]:
    """Returns what the runs left that a command was given.

    Raises:
      ValueError: None were given, or the store can't be read.
    """
    if metadata_store is None and pipeline:
        raise ValueError("--pipeline names one of a --metadata-store; give that, too.")
    if metadata_store is not None and directories:
        raise ValueError("Give directories or --metadata-store, not both.")
    if metadata_store is None and not directories:
        raise ValueError("There are no runs; give what Explainers and ThresholdValidators wrote, or --metadata-store.")
    found = left_in(directories) if metadata_store is None else left_by(_connection(metadata_store), pipeline)
    return found[-last:] if last else found


@contextlib.contextmanager
def reading_runs(
    lefts: Sequence[Left],
    make_pipeline: Callable[[], beam.Pipeline],
    class_name: str,
    with_sample: bool = False,
    quiet: bool = False,
) -> Iterator[Iterator[Run]]:
    """Yields runs as they are read, how far that is on a terminal, and what is wrong with each on standard error."""
    console = rich.console.Console(stderr=True)
    with tempfile.TemporaryDirectory() as scratch:
        reading = Reading(scratch, make_pipeline, class_name=class_name, with_sample=with_sample)
        runs = rich.progress.track(
            read_history(lefts, reading),
            "reading runs",
            total=len(lefts),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        yield iter(runs) if quiet else map(_told, runs)


def _told(run: Run) -> Run:
    for problem in run.problems:
        emit(f"warning: run {run.number}: {printable(problem)}\n", sys.stderr)
    return run


def _connection(path: Path) -> metadata_store_pb2.ConnectionConfig:
    connection = metadata_store_pb2.ConnectionConfig()
    with path.open("rb") as file:
        is_sqlite = file.read(len(_SQLITE)) == _SQLITE
    if not is_sqlite:
        return read_message(path, connection)
    connection.sqlite.filename_uri = str(path)
    connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
    return connection
