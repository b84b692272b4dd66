"""`tfx-explain tensorboard`: attributions and verdicts over runs, for TensorBoard."""

from __future__ import annotations

import dataclasses
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import tensorflow as tf

from tfx_explain.cli import options
from tfx_explain.cli.output import emit
from tfx_explain.cli.runs import beam_args, given_runs, reading_runs, takes_runs
from tfx_explain.report.history.events import write_events
from tfx_explain.report.history.run import Run
from tfx_explain.report.history.write import verify_readable
from tfx_explain.storage.event_files import SHARES, link, share_tag
from tfx_explain.storage.paths import absolute

_SHOWN = 5


@click.command(
    "tensorboard",
    epilog=options.examples(
        "tensorboard --metadata-store metadata.sqlite --log-dir logs",
        "tensorboard artifacts/*/attributions/* artifacts/*/validation/* --log-dir logs",
    ),
)
@takes_runs
@click.option("--log-dir", required=True, metavar="DIR", help="Where the event files go, TensorBoard's --logdir.")
@options.CLASS
@options.QUIET
def command(
    directories: Sequence[str],
    metadata_store: Path | None,
    pipeline: str,
    last: int | None,
    log_dir: str,
    class_name: str,
    quiet: bool,
) -> None:
    """Writes shares of attributions, drift and verdicts over runs for TensorBoard, and prints how to look at them.

    DIR is what an Explainer (attributions) or a ThresholdValidator (validation) wrote, as for `tfx-explain history`. A
    step is a run of the pipeline; TensorBoard's runs are the slices that thresholds are about. What this command, or
    the component, wrote into the folder before is replaced; other files stay. What follows -- goes to
    Beam, which reads the attributions.
    """
    if tf.io.gfile.exists(log_dir) and not tf.io.gfile.isdir(log_dir):
        raise ValueError(f"{log_dir!r} is a file; name a folder.")
    folders, make_pipeline = beam_args(directories)
    lefts = given_runs(folders, metadata_store, pipeline, last)
    seen: list[Run] = []
    with reading_runs(lefts, make_pipeline, class_name, with_sample=True, quiet=quiet) as runs:
        write_events(log_dir, _seen(runs, seen), len(lefts))
    if quiet:
        return
    emit(f"tensorboard --logdir {shlex.quote(absolute(log_dir))}\n{link(_tags(seen))}\n", sys.stdout)
    # Its address can't say so.
    emit('Untick "Ignore outliers in chart scaling" there, which cuts off the runs that matter.\n', sys.stderr)


def _seen(runs: Iterator[Run], seen: list[Run]) -> Iterator[Run]:
    """Yields runs, and keeps them without their rows.

    Raises:
      ValueError: Nothing of any run can be read.
    """
    for run in runs:
        seen.append(dataclasses.replace(run, sample=None))
        yield run
    verify_readable(seen)


def _tags(runs: Sequence[Run]) -> str:
    """Returns a regular expression for the shares of the features that failed last; for all if none ever failed."""
    failed = [[one.feature for one in run.decision.failed if one.feature] for run in runs if run.decision]
    last = next(filter(None, reversed(failed)), [])
    tags = [re.escape(share_tag(feature)) for feature in dict.fromkeys(last)][:_SHOWN]
    return f"^({'|'.join(tags)})$" if tags else f"^{SHARES}"
