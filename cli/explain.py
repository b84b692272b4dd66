"""`tfx-explain explain`: attributions of a model's predictions over files of examples, on any Beam runner."""

from __future__ import annotations

import os
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
from tfx_explain.beam.summary import Summary
from tfx_explain.cli.assignments import parse_element
from tfx_explain.cli.progress import RunProgress, estimate_rows
from tfx_explain.cli.wording import BY_INSPECT, options_for
from tfx_explain.proto import explanation_pb2
from tfx_explain.proto.printable import printable
from tfx_explain.savedmodel import generate_metadata, metadata_from_json
from tfx_explain.storage.directory import check_unused, complete_directory
from tfx_explain.storage.influence import uninfluenced

_METHODS = ("integrated_gradients", "sampled_shapley", "kernel_shap", "xrai", "superpixel")
_ALL = "all"
_PROGRESS_DIR = "progress"


@click.command("explain")
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
@click.option(
    "--output-element",
    metavar="I,J,...",
    help="Of an output of rank three and more, the element to explain, by indices.",
)
@click.option("--parameters", metavar="FILE", help="ExplanationParameters as JSON: everything else that can be set.")
@click.option("--maps", "keep_maps", is_flag=True, help="Keeps the attribution of each pixel of images.")
@click.option("--sample", type=click.IntRange(min=1), metavar="ROWS", help="Explains at most that many rows.")
@click.option("--split", default="eval", show_default=True, help="The name of the rows' split in the output.")
@click.argument("beam_args", nargs=-1, type=click.UNPROCESSED)
def command(
    model: str,
    examples: str,
    output: str,
    metadata: str | None,
    baseline_model: str,
    method: str | None,
    classes: Sequence[str],
    output_element: str | None,
    parameters: str | None,
    keep_maps: bool,
    sample: int | None,
    split: str,
    beam_args: Sequence[str],
) -> None:
    """Attributes a model's predictions over files of examples to its features.

    Writes gzipped TFRecords of the examples with their attributions to OUTPUT/Split-eval, rows that could not be
    explained to OUTPUT/dead_letters, and the counts to OUTPUT/summary.json. What follows -- goes to Beam, such as
    --runner=FlinkRunner, or --direct_running_mode=multi_processing --direct_num_workers=4.
    """
    console = rich.console.Console(stderr=True)
    check_unused(output)
    files = list_files([examples])
    form = Format(PARQUET if all(path.endswith(".parquet") for path in files) else TF_EXAMPLE)
    settings = _parameters(parameters, method, classes, sample)
    settings.keep_maps |= keep_maps
    if output_element:
        settings.output_element[:] = parse_element(output_element)
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


def _metadata(
    model: str, path: str | None, parameters: explanation_pb2.ExplanationParameters
) -> explanation_pb2.ExplanationMetadata:
    if path is None:
        with options_for(BY_INSPECT):
            return generate_metadata(model, output_element=parameters.output_element)
    with tf.io.gfile.GFile(path) as file:
        return metadata_from_json(file.read())


def _parameters(
    path: str | None, method: str | None, classes: Sequence[str], sample: int | None
) -> explanation_pb2.ExplanationParameters:
    parameters = explanation_pb2.ExplanationParameters()
    if path is not None:
        try:
            with tf.io.gfile.GFile(path) as file:
                json_format.Parse(file.read(), parameters)
        except json_format.ParseError as error:
            raise ValueError(f"{path} is no ExplanationParameters in JSON: {error}") from error
    if method is not None:
        getattr(parameters, f"{method}_attribution").SetInParent()
    if tuple(classes) == (_ALL,):
        parameters.output_indices.append(ALL)
    else:
        parameters.class_names.extend(classes)
    if sample is not None:
        parameters.sample.rows = sample
    return parameters


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
