"""`tfx-explain inspect`: how a SavedModel can be explained, as a table for people and as metadata."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tfx_explain.cli import options
from tfx_explain.cli.importing import import_tensorflow, importing
from tfx_explain.cli.output import emit
from tfx_explain.cli.wording import INSPECT, options_for

_DIALECTS = ("ai_explanations", "vertex")


@click.command(
    "inspect",
    epilog=options.examples(
        "inspect serving/1",
        "inspect serving/1 --statistics FeatureStats.pb --output explanation_metadata.json",
        "inspect serving/1 | jq .inputs.age",
    ),
)
@click.argument("model_dir")
@click.option("--signature", metavar="NAME", help="The signature; default: the only one, xai_model or serving_default.")
@options.OUTPUT_NAME
@options.OUTPUT_ELEMENT
@click.option("--tags", metavar="TAG,...", help="Tags of the meta graph; default: serve, or the only one.")
@click.option("--dialect", type=click.Choice(_DIALECTS), default=_DIALECTS[0], show_default=True, help="Of the JSON.")
@click.option("--schema", metavar="PATH", help="A schema.pbtxt, or its artifact's folder.")
@click.option("--statistics", metavar="PATH", help="A FeatureStats.pb or TFRecord, or its artifact's folder.")
@click.option("--examples", metavar="PATH", help="TFRecords of tf.Examples: a file, a glob or an artifact's folder.")
@click.option(
    "--baselines", metavar="KIND,...", help="zero, median, mode, mean, examples:K; default: median, zero if unknown."
)
@click.option(
    "--columns", metavar="FILE", help="Names of the columns of a matrix of numbers, one a line or as JSON, in order."
)
@click.option("--overrides", metavar="FILE", help="Metadata, or a part of it, that is merged over what is found.")
@click.option(
    "--set",
    "assignments",
    metavar="KEY=VALUE",
    multiple=True,
    help="The same for one key, such as inputs.age.input_baselines=[0]; VALUE is JSON, else text.",
)
@click.option(
    "--output", type=options.FILE, metavar="FILE", help="Writes the metadata there; a file of that name is replaced."
)
@options.JSON
@options.QUIET
def command(
    model_dir: str,
    signature: str | None,
    output_name: str,
    output_element: str | None,
    tags: str | None,
    dialect: str,
    schema: str | None,
    statistics: str | None,
    examples: str | None,
    baselines: str | None,
    columns: str | None,
    overrides: str | None,
    assignments: tuple[str, ...],
    output: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Shows how the SavedModel in MODEL_DIR, or in a Model artifact's folder, can be explained.

    A table of the features: what each is, through which tensors it is encoded, which methods can explain it, and its
    baseline. Into a pipe or a file (`> explanation_metadata.json`), standard output is the explanation metadata as
    JSON, and the table stands on standard error.
    """
    # Here, so that `--help` does not wait for TensorFlow.
    with importing():
        import_tensorflow()
        from tfx_explain.cli.assignments import parse_assignments, parse_element
        from tfx_explain.cli.inspect_table import metadata_table
        from tfx_explain.savedmodel import files, generate_metadata, merge_metadata, metadata_to_json
        from tfx_explain.storage.paths import served

    with options_for(INSPECT):
        given = parse_assignments(assignments)
        metadata = generate_metadata(
            served(model_dir),
            signature_name=signature,
            output_name=output_name or None,
            output_element=parse_element(output_element) if output_element else (),
            tags=_listed(tags),
            schema=files.read_schema(schema) if schema else None,
            statistics=files.read_statistics(statistics) if statistics else None,
            examples=files.read_examples(examples) if examples else None,
            baselines=_listed(baselines),
            columns=files.read_columns(columns) if columns else None,
            overrides=merge_metadata(files.read_metadata(overrides), given) if overrides else given,
        )
    text = metadata_to_json(metadata, dialect)
    if output:
        output.write_text(text, encoding="utf-8")
    piped = as_json or not (output or sys.stdout.isatty())
    if piped:
        emit(text, sys.stdout)
    if not quiet:
        metadata_table(metadata, model_dir, stderr=piped)


def _listed(text: str | None) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()] if text else []
