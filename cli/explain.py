"""`tfx-explain explain`: attributions of a model's predictions over files of examples, on any Beam runner."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import apache_beam as beam
import click
import rich.console
import rich.table
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions
from google.protobuf import json_format

from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.explaining.outputs import ALL
from tfx_explain.beam.progress import Heartbeat
from tfx_explain.beam.reading.read import PARQUET, TF_EXAMPLE, Format, list_files
from tfx_explain.beam.run import explain_splits
from tfx_explain.cli import options
from tfx_explain.cli.assignments import parse_element
from tfx_explain.cli.output import emit
from tfx_explain.cli.progress import RunProgress, estimate_rows
from tfx_explain.cli.wording import BY_INSPECT, options_for
from tfx_explain.proto import explanation_pb2
from tfx_explain.proto.printable import printable
from tfx_explain.savedmodel import generate_metadata, metadata_from_json
from tfx_explain.storage.directory import check_unused, complete_directory
from tfx_explain.storage.influence import uninfluenced
from tfx_explain.storage.summary import Summary

_METHODS = ("integrated_gradients", "sampled_shapley", "kernel_shap")
_ALL = "all"
_PROGRESS_DIR = "progress"


@click.command(
    "explain",
    epilog=options.examples(
        "explain --model serving/1 --examples 'data/eval-*.gz' --output explained",
        "explain --model serving/1 --examples eval.parquet --output explained --class '>50K' --sample 10000",
        "explain ... --method sampled_shapley --tolerance 0.005 --keep id --keep 'country-*'",
        "explain ... -- --direct_running_mode=multi_processing --direct_num_workers=4",
    ),
)
@click.option("--model", required=True, metavar="DIR", help="The SavedModel to explain.")
@click.option("--examples", required=True, metavar="GLOB", help="TFRecords of tf.Examples, or *.parquet files.")
@click.option("--output", required=True, metavar="DIR", help="Where the records go; must not exist, or be empty.")
@click.option("--metadata", metavar="FILE", help="explanation_metadata.json; found out from the model by default.")
@click.option("--baseline-model", default="", metavar="DIR", help="A second SavedModel, explained on the same rows.")
@click.option("--method", type=click.Choice(_METHODS), help="Integrated gradients by default.")
@click.option(
    "--class",
    "classes",
    metavar="NAME",
    multiple=True,
    help="Name or index of a class to explain, or all; repeatable. Default: of two the second, else the predicted.",
)
@click.option("--top-k", type=click.IntRange(min=1), metavar="K", help="Explains each row's K highest classes.")
@options.OUTPUT_NAME
@options.OUTPUT_ELEMENT
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0, min_open=True),
    help="Largest error, relative to the sum of a row's absolute attributions.",
)
@click.option("--sample", type=click.IntRange(min=1), metavar="ROWS", help="Explains at most that many rows.")
@click.option(
    "--keep", multiple=True, metavar="NAME", help="Feature, or glob, that the records keep; repeatable. Default: all."
)
@click.option("--parameters", metavar="FILE", help="ExplanationParameters as JSON: everything else that can be set.")
@click.option("--split", default="eval", show_default=True, help="The name of the rows' split in the output.")
@options.JSON
@options.QUIET
@click.argument("beam_args", nargs=-1, type=click.UNPROCESSED)
def command(
    model: str,
    examples: str,
    output: str,
    metadata: str | None,
    baseline_model: str,
    method: str | None,
    classes: Sequence[str],
    top_k: int | None,
    output_name: str,
    output_element: str | None,
    tolerance: float | None,
    sample: int | None,
    keep: Sequence[str],
    parameters: str | None,
    split: str,
    as_json: bool,
    quiet: bool,
    beam_args: Sequence[str],
) -> None:
    """Attributes a model's predictions over files of examples to its features.

    Writes gzipped TFRecords of the examples with their attributions to OUTPUT/Split-eval, rows that could not be
    explained to OUTPUT/dead_letters, and the counts to OUTPUT/summary.json, which --json prints. What follows -- goes
    to Beam, such as --runner=FlinkRunner. Options win over the same in --parameters.
    """
    console = rich.console.Console(stderr=True, quiet=quiet)
    check_unused(output)
    files = list_files([examples])
    form = Format(PARQUET if all(path.endswith(".parquet") for path in files) else TF_EXAMPLE)
    settings = _parameters(parameters)
    choose(settings, classes, top_k, output_name, output_element)
    _set_method(settings, method, tolerance)
    if keep:  # to touch the field would be to keep none
        settings.kept_features.names[:] = keep
    if sample is not None:
        settings.sample.rows = sample
    job = ExplanationJob(model, _metadata(model, metadata, settings), settings, baseline_model)
    with complete_directory(output) as folder:
        progress_dir = os.path.join(folder, _PROGRESS_DIR)
        tf.io.gfile.makedirs(progress_dir)
        heartbeat = Heartbeat(progress_dir)
        with RunProgress(console, heartbeat, estimate_rows(files, form)):
            summaries = explain_splits(
                lambda: beam.Pipeline(options=PipelineOptions(list(beam_args))),
                {split: [examples]},
                job,
                folder,
                form,
                heartbeat,
            )
        tf.io.gfile.rmtree(progress_dir)
    _show(console, summaries[split], output)
    if as_json:
        emit(f"{summaries[split].to_json()}\n", sys.stdout)


def _metadata(
    model: str, path: str | None, parameters: explanation_pb2.ExplanationParameters
) -> explanation_pb2.ExplanationMetadata:
    if path is None:
        with options_for(BY_INSPECT):
            return generate_metadata(model, output_element=parameters.output_element)
    with tf.io.gfile.GFile(path) as file:
        return metadata_from_json(file.read())


def _parameters(path: str | None) -> explanation_pb2.ExplanationParameters:
    parameters = explanation_pb2.ExplanationParameters()
    if path is not None:
        try:
            with tf.io.gfile.GFile(path) as file:
                json_format.Parse(file.read(), parameters)
        except json_format.ParseError as error:
            raise ValueError(f"{path} is no ExplanationParameters in JSON: {error}") from error
    return parameters


def choose(
    parameters: explanation_pb2.ExplanationParameters,
    classes: Sequence[str],
    top_k: int | None,
    output_name: str,
    output_element: str | None,
) -> None:
    """Sets which output is explained, and which of its classes; one choice of classes takes the place of another."""
    if classes or top_k:
        for field in ("class_names", "output_indices", "top_k"):
            parameters.ClearField(field)
    if tuple(classes) == (_ALL,):
        parameters.output_indices.append(ALL)
    else:
        parameters.class_names.extend(classes)
    if top_k:
        parameters.top_k = top_k
    if output_name:
        parameters.output_name = output_name
    if output_element:
        parameters.output_element[:] = parse_element(output_element)


def _set_method(parameters: explanation_pb2.ExplanationParameters, method: str | None, tolerance: float | None) -> None:
    """Sets the method, if one was chosen, and its tolerance."""
    field = f"{method}_attribution" if method else parameters.WhichOneof("method") or f"{_METHODS[0]}_attribution"
    if method or tolerance:
        getattr(parameters, field).SetInParent()
    if tolerance:
        getattr(parameters, field).tolerance = tolerance


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
