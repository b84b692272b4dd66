"""`tfx-explain whatif`: a page on which a row is changed, and the models' predictions and attributions move."""

from __future__ import annotations

import html
import os
import sys
import tempfile
from typing import Any

import click

from tfx_explain.beam.reading.read import list_files
from tfx_explain.cli import options
from tfx_explain.cli.jobs import examples_pattern, format_of, job_options, read_job
from tfx_explain.cli.output import emit
from tfx_explain.whatif.asking.models import Models
from tfx_explain.whatif.asking.sample import read_rows
from tfx_explain.whatif.asking.session import Session

_PORT, _SAMPLE = 5006, 1000
# For baseline models that accept no made-up rows.
_TRIED = 100


@click.command(
    "whatif",
    epilog=options.examples(
        "whatif --model serving/2 --baseline-model serving/1 --examples 'data/eval-*.gz' --metadata metadata.json",
        "whatif --model serving/2 --examples explained --row 07048c08e2bb688f --port 0 --open",
    ),
)
@job_options
@click.option("--row", default="", metavar="NAME", help="The row to show first, by the name that a report has for it.")
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=_SAMPLE,
    show_default=True,
    metavar="ROWS",
    help="How many rows to choose from, drawn by their hashes.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=_PORT,
    show_default=True,
    metavar="PORT",
    help="0: any that is free.",
)
@click.option("--open", "opens", is_flag=True, help="Shows the page in a browser.")
def command(examples: str, row: str, sample: int, port: int, opens: bool, **asked: Any) -> None:
    """Serves a page on this machine: change a row, and see the models' predictions and attributions move.

    Prints the page's address, which has a secret in it: who has the address sees the rows. Ctrl-C ends it.
    """
    serving = _serving()
    sockets = serving.listen(port)  # Models take a while to open; a port that is taken is known at once.
    files = list_files([examples_pattern(examples)])
    emit("tfx-explain: reading the rows and opening the models ...\n", sys.stderr)
    rows = read_rows(files, format_of(files), sample)
    session = Session(Models(read_job(**asked), rows.sample[:_TRIED]), rows)
    record = rows.find(row) if row else session.first()
    with tempfile.TemporaryDirectory() as folder:

        def announce(address: str) -> None:
            emit(f"{address}\n", sys.stdout)
            emit("tfx-explain: serving until Ctrl-C\n", sys.stderr)
            if opens:
                click.launch(_way_to(address, folder))

        serving.serve(session, record, sockets, announce)


def _serving() -> Any:
    try:
        from tfx_explain.whatif import serve  # Needs an extra.
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("panel", "bokeh", "param", "tornado"):
            raise
        raise ValueError("`tfx-explain whatif` needs Panel: pip install 'tfx-explain[whatif]'.") from error
    return serve


def _way_to(address: str, folder: str) -> str:
    """Writes a file that leads to an address, for a browser: its arguments can be read by all users of a machine."""
    path = os.path.join(folder, "whatif.html")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f'<!DOCTYPE html><meta http-equiv="refresh" content="0;url={html.escape(address)}">')
    return path
