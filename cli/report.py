"""`tfx-explain report`: one HTML file of what an Explainer and a gate found."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import apache_beam as beam
import click
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

from tfx_explain.cli import options
from tfx_explain.cli.output import emit
from tfx_explain.gate.reading.shards import split_folders
from tfx_explain.gate.saying.verdict import REPORT_FILE
from tfx_explain.proto.printable import printable
from tfx_explain.report.beside import EVERYTHING, SUMS
from tfx_explain.report.write import write_report
from tfx_explain.storage.paths import absolute


@click.command(
    "report",
    epilog=options.examples(
        "report --attributions explained --validation verdict --open",
        "report --attributions explained --report sums -- --runner=FlinkRunner",
    ),
)
@click.option("--attributions", multiple=True, metavar="DIR", help="What an Explainer wrote; may be repeated.")
@click.option("--validation", default="", metavar="DIR", help="What a ThresholdValidator, or `validate`, wrote.")
@click.option("--output", default=REPORT_FILE, show_default=True, metavar="FILE", help="Where the page goes.")
@options.CLASS
@click.option(
    "--report", type=click.Choice((EVERYTHING, SUMS)), default=EVERYTHING, show_default=True, help=options.REPORT_HELP
)
@click.option("--open", "opens", is_flag=True, help="Shows the page in a browser.")
@options.QUIET
@options.BEAM_ARGS
def command(
    attributions: Sequence[str],
    validation: str,
    output: str,
    class_name: str,
    report: str,
    opens: bool,
    quiet: bool,
    beam_args: Sequence[str],
) -> None:
    """Writes a page that shows why a model was blocked, or what it stands on.

    One HTML file that needs nothing else: no script, no network. Prints its path. A file of that name is replaced.
    What follows -- goes to Beam, which reads the attributions, such as --direct_running_mode=multi_processing
    --direct_num_workers=4.
    """
    if tf.io.gfile.isdir(output):
        raise ValueError(f"{output!r} is a folder; name a file, such as {output.rstrip('/')}/{REPORT_FILE}.")
    folders = [split for directory in attributions for split in split_folders(directory)]
    beam_options = PipelineOptions(list(beam_args))
    path = write_report(
        absolute(output), folders, validation, class_name, report != SUMS, lambda: beam.Pipeline(options=beam_options)
    )
    if not quiet:
        emit(f"{printable(path)}\n", sys.stdout)
    if opens:
        click.launch(path)
