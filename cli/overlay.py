"""`tfx-explain overlay`: maps of pictures, drawn over the pictures."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
from google.protobuf import json_format

from tfx_explain.cli import options
from tfx_explain.cli.output import emit
from tfx_explain.gate.reading.shards import split_folders
from tfx_explain.proto import explanation_pb2
from tfx_explain.proto.printable import printable
from tfx_explain.report.gallery import INDEX_FILE, write_gallery
from tfx_explain.report.pictures import input_of, most_changed
from tfx_explain.report.quality import metadata_beside
from tfx_explain.savedmodel import read_metadata
from tfx_explain.savedmodel.metadata.rules import wrong_visualization
from tfx_explain.storage.directory import check_unused, complete_directory


@click.command(
    "overlay",
    epilog=options.examples(
        "overlay --attributions explained --output overlays",
        'overlay --attributions explained --output sevens --class 7 --visualization \'{"polarity": "both"}\'',
    ),
)
@click.option("--attributions", multiple=True, required=True, metavar="DIR", help="What an Explainer wrote.")
@click.option("--output", required=True, metavar="DIR", help="Where pictures go; must not exist, or be empty.")
@click.option("--feature", default="", metavar="NAME", help="Of which feature; of all that have maps by default.")
@options.CLASS
@click.option(
    "--pictures", default=20, show_default=True, type=click.IntRange(min=1), metavar="N", help="How many records."
)
@click.option(
    "--metadata",
    metavar="FILE",
    help="explanation_metadata.json, whose visualization says how to draw; by default the one beside the records.",
)
@click.option("--visualization", default="{}", metavar="JSON", help='How to draw, such as {"polarity": "both"}.')
@options.QUIET
def command(
    attributions: Sequence[str],
    output: str,
    feature: str,
    class_name: str,
    pictures: int,
    metadata: str | None,
    visualization: str,
    quiet: bool,
) -> None:
    """Draws maps of pictures that an Explainer kept, the most changed first, and a page of them.

    Writes a PNG for each record and model, and OUTPUT/index.html, and prints the page's path.
    """
    check_unused(output)
    given = _given(visualization)
    folders = [split for directory in attributions for split in split_folders(directory)]
    found = most_changed(folders, pictures, feature, class_name)
    said = _metadata(metadata, attributions)
    inputs = {picture.feature: explanation_pb2.InputMetadata() for picture in found}
    for name, entry in inputs.items():
        entry.CopyFrom(input_of(said, name))
        entry.visualization.MergeFrom(given)
    with complete_directory(output) as folder:
        write_gallery(folder, found, inputs)
    if not quiet:
        emit(f"{printable(output.rstrip('/'))}/{INDEX_FILE}\n", sys.stdout)


def _given(text: str) -> explanation_pb2.Visualization:
    try:
        given = json_format.Parse(text, explanation_pb2.Visualization())
    except json_format.ParseError as error:
        raise ValueError(f"--visualization is no visualization in JSON: {error}") from error
    for field, value in given.ListFields():
        if isinstance(value, str):  # Vertex AI's are upper case
            setattr(given, field.name, value.lower())
    problems = wrong_visualization(given)
    if problems:
        raise ValueError(f"--visualization: {'; '.join(problems)}")
    return given


def _metadata(path: str | None, attributions: Sequence[str]) -> explanation_pb2.ExplanationMetadata:
    """The metadata named, else what an Explainer left beside its records."""
    if path is None:
        beside = filter(None, map(metadata_beside, attributions))
        return next(beside, explanation_pb2.ExplanationMetadata())
    return read_metadata(path)
