"""`tfx-explain suggest`: bounds for a gate on attributions, from those of models that were sound."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from google.protobuf import json_format
from rich.table import Table
from rich.text import Text

from tfx_explain.cli import options
from tfx_explain.cli.output import emit, printing
from tfx_explain.gate.calibration.history import blessed_attributions, open_store
from tfx_explain.gate.calibration.suggest import LEAST_ROWS, suggest
from tfx_explain.gate.calibration.suggestion import Suggestion
from tfx_explain.gate.calibration.words import HEADS, promise, table, to_text

_SHOWN = 200
_TEXTS = 4  # Columns of words, before those of numbers.


@click.command(
    "suggest",
    epilog=options.examples(
        "suggest run-1/attributions run-2/attributions run-3/attributions --slice sex --output gate.pbtxt",
        "suggest --metadata-store metadata.sqlite --pipeline census --rate 0.01 --horizon 365 > gate.pbtxt",
    ),
)
@click.argument("attributions", nargs=-1, metavar="[ATTRIBUTIONS]...")
@click.option("--metadata-store", metavar="FILE", help="Takes the blessed runs in a metadata store (SQLite) as well.")
@click.option("--pipeline", default="", metavar="NAME", help="Of that pipeline alone.")
@click.option("--slice", "slices", multiple=True, metavar="FEATURES", help="Slice by a feature, or some: sex,race.")
@click.option("--rate", default=0.01, show_default=True, metavar="P", help="Of false alarms, of the whole config.")
@click.option("--horizon", default=1, show_default=True, metavar="RUNS", help="Over how many runs that is promised.")
@click.option("--least-rows", default=LEAST_ROWS, show_default=True, metavar="ROWS", help="Of a slice that is gated.")
@options.CLASS
@click.option("--output", type=options.FILE, help="Where the config goes; else stdout.")
@options.JSON
@options.QUIET
def command(
    attributions: Sequence[str],
    metadata_store: str | None,
    pipeline: str,
    slices: Sequence[str],
    rate: float,
    horizon: int,
    least_rows: int,
    class_name: str,
    output: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Suggests bounds for a gate, from what Explainers wrote of models that were sound.

    ATTRIBUTIONS are directories, a run each: of past runs, of the same training with several seeds, or one of a pair
    of models. Prints a tfma.EvalConfig as text, with a comment on each bound, and a table on stderr; with --json, the
    config as JSON. With --output, a file of that name is replaced.
    """
    if pipeline and not metadata_store:
        raise click.UsageError("--pipeline needs --metadata-store.")
    directories = list(attributions)
    if metadata_store:
        directories += blessed_attributions(open_store(metadata_store), pipeline)
    if not directories:
        raise click.UsageError("Give the directories that Explainers wrote, or --metadata-store.")
    found = suggest(
        directories,
        slices=[keys.split(",") for keys in slices],
        rate=rate,
        horizon=horizon,
        least_rows=least_rows,
        class_name=class_name,
    )
    text = json.dumps(json_format.MessageToDict(found.eval_config), indent=2) + "\n" if as_json else to_text(found)
    if not quiet:
        _show(found)
    if output is None:
        emit(text, sys.stdout)
    else:
        unfinished = output.with_name(f".{output.name}.incomplete")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(output)


def _show(found: Suggestion) -> None:
    rows = table(found)
    shown = Table()
    for number, head in enumerate(HEADS):
        shown.add_column(head, overflow="fold", justify="left" if number < _TEXTS else "right")
    for row in rows[:_SHOWN]:
        shown.add_row(*map(Text, row))
    with printing(stderr=True) as console:
        console.print(shown)
        if len(rows) > _SHOWN:
            console.print(f"... and {len(rows) - _SHOWN} more bounds, which the config has.")
        for note in found.notes:
            console.print(f"- {note}")
        console.print(f"{promise(found)}.", style="bold")
