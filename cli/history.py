"""`tfx-explain history`: attributions and verdicts over runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import tensorflow as tf

from tfx_explain.cli import options
from tfx_explain.cli.output import emit
from tfx_explain.cli.runs import beam_args, given_runs, reading_runs, takes_runs
from tfx_explain.proto.printable import printable
from tfx_explain.report.history.write import history_lines, history_page
from tfx_explain.storage.directory import scratch_beside
from tfx_explain.storage.paths import absolute
from tfx_explain.storage.sink import write_text

_PAGE = "history.html"


@click.command(
    "history",
    epilog=options.examples(
        "history artifacts/Explainer/attributions/* artifacts/ThresholdValidator/validation/*",
        "history --metadata-store metadata.sqlite --pipeline census --last 30",
        "history --metadata-store metadata.sqlite --json | jq .drift.last_blessed.importance_ndcg",
    ),
)
@takes_runs
@click.option("--output", metavar="FILE", help=f"Where it goes; {_PAGE} by default, of --json standard output.")
@options.JSON
@options.QUIET
@options.CLASS
@click.option("--open", "opens", is_flag=True, help="Shows the page in a browser.")
def command(
    directories: Sequence[str],
    metadata_store: Path | None,
    pipeline: str,
    last: int | None,
    output: str | None,
    as_json: bool,
    quiet: bool,
    class_name: str,
    opens: bool,
) -> None:
    """Shows how shares of attributions, drift and verdicts went over runs.

    DIR is what an Explainer (attributions) or a ThresholdValidator (validation) wrote; give those of all runs. A
    verdict joins the attributions that it is on. What can't be read is named on the page and on standard error. With
    --json, a line is a run. What follows -- goes to Beam, which reads the attributions.
    """
    if opens and as_json:
        raise ValueError("--open shows a page, which --json doesn't make.")
    if output and tf.io.gfile.isdir(output):
        raise ValueError(f"{output!r} is a folder; name a file, such as {output.rstrip('/')}/{_PAGE}.")
    folders, make_pipeline = beam_args(directories)
    lefts = given_runs(folders, metadata_store, pipeline, last)
    with reading_runs(lefts, make_pipeline, class_name, quiet=quiet) as found:
        runs = list(found)
    text = "".join(history_lines(runs)) if as_json else history_page(runs)
    if as_json and not output:
        emit(text, sys.stdout)
        return
    path = absolute(output or _PAGE)
    with scratch_beside(path) as scratch:
        tf.io.gfile.rename(write_text(text, os.path.join(scratch, _PAGE)), path, overwrite=True)
    if not quiet:
        emit(f"{printable(path)}\n", sys.stdout)
    if opens:
        click.launch(path)
