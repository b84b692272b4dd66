"""`tfx-explain explain`: attributions of a model's predictions over files of examples, on any Beam runner."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
import click
import rich.console
import rich.table
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

from tfx_explain.beam.progress import Heartbeat
from tfx_explain.beam.reading.read import list_files
from tfx_explain.beam.run import explain_splits
from tfx_explain.cli import options
from tfx_explain.cli.jobs import examples_pattern, format_of, job_options, read_job
from tfx_explain.cli.output import emit
from tfx_explain.cli.progress import RunProgress, estimate_rows
from tfx_explain.proto.printable import printable
from tfx_explain.storage.directory import check_unused, complete_directory
from tfx_explain.storage.influence import uninfluenced
from tfx_explain.storage.summary import Summary

_PROGRESS_DIR = "progress"


@click.command(
    "explain",
    epilog=options.examples(
        "explain --model serving/1 --examples 'data/eval-*.gz' --output explained",
        "explain --model serving/1 --examples eval.parquet --output explained --class '>50K' --sample 10000",
        "explain --model Trainer/model/7 --examples CsvExampleGen/examples/1 --output explained",
        "explain ... --method sampled_shapley --tolerance 0.005 --keep id --keep 'country-*'",
        "explain ... -- --direct_running_mode=multi_processing --direct_num_workers=4",
    ),
)
@job_options
@click.option("--output", required=True, metavar="DIR", help="Where the records go; must not exist, or be empty.")
@click.option("--sample", type=click.IntRange(min=1), metavar="ROWS", help="Explains at most that many rows.")
@click.option(
    "--keep", multiple=True, metavar="NAME", help="Feature, or glob, that the records keep; repeatable. Default: all."
)
@click.option("--maps", "keep_maps", is_flag=True, help="Keeps the attribution of each pixel of images.")
@click.option(
    "--tokens",
    multiple=True,
    metavar="FEATURE",
    help="Text or list, or glob, of which each token gets an attribution; repeatable.",
)
@click.option(
    "--split",
    default="eval",
    show_default=True,
    metavar="NAME",
    help="The name of the rows' split in the output, and in an artifact's folder that they come from.",
)
@options.JSON
@options.QUIET
@options.BEAM_ARGS
def command(
    examples: str,
    output: str,
    sample: int | None,
    keep: Sequence[str],
    split: str,
    as_json: bool,
    quiet: bool,
    beam_args: Sequence[str],
    **asked: Any,
) -> None:
    """Attributes a model's predictions over files of examples to its features.

    Writes gzipped TFRecords of the examples with their attributions to OUTPUT/Split-eval, rows that could not be
    explained to OUTPUT/dead_letters, and the counts to OUTPUT/summary.json, which --json prints. What follows -- goes
    to Beam, such as --runner=FlinkRunner. Options win over the same in --parameters.
    """
    console = rich.console.Console(stderr=True, quiet=quiet)
    check_unused(output)
    pattern = examples_pattern(examples, split)
    files = list_files([pattern])
    form = format_of(files)
    job = read_job(**asked)
    if keep:  # to touch the field would be to keep none
        job.parameters.kept_features.names[:] = keep
    if sample is not None:
        job.parameters.sample.rows = sample
    with complete_directory(output) as folder:
        progress_dir = os.path.join(folder, _PROGRESS_DIR)
        tf.io.gfile.makedirs(progress_dir)
        heartbeat = Heartbeat(progress_dir)
        with RunProgress(console, heartbeat, estimate_rows(files, form)):
            summaries = explain_splits(
                lambda: beam.Pipeline(options=PipelineOptions(list(beam_args))),
                {split: [pattern]},
                job,
                folder,
                form,
                heartbeat,
            )
        tf.io.gfile.rmtree(progress_dir)
    _show(console, summaries[split], output)
    if as_json:
        emit(f"{summaries[split].to_json()}\n", sys.stdout)


def _show(console: rich.console.Console, summary: Summary, output: str) -> None:
    table = rich.table.Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    quantities = ", ".join(dict.fromkeys(summary.explained_quantity.values()))
    rows = {
        f"explained ({quantities})": summary.rows_explained,
        "failed": summary.rows_failed,
        "not in the sample": summary.rows_not_sampled,
        "tolerance not met": summary.tolerance_not_met,
        "model evaluations": summary.evaluations,
    }
    for name, count in rows.items():
        table.add_row(f"  {name}", f"{count:,}")
    console.print(table)
    for model, features in summary.features_of_one_model.items():
        if features:
            said = printable(f"  Only the {model} model has {', '.join(features)}; 0 in the other.")
            console.print(said, soft_wrap=True, highlight=False, markup=False)
    for sentence in uninfluenced(summary.rows_by_class, summary.rows_without_influence_by_class):
        console.print(printable(f"  {sentence}"), soft_wrap=True, highlight=False, markup=False)
    console.print(printable(f"  {output}"), soft_wrap=True, highlight=False, markup=False)
