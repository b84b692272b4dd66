"""Runs a demonstration for people at a terminal, in a folder of its own."""

from __future__ import annotations

import argparse
import importlib
import logging
import pathlib
import shutil
import time
from collections.abc import Sequence

from rich.console import Console

from tfx_explain.pipelines import quiet

_LOG_FILE = "log.txt"


def demonstrate(name: str, about: str | None, arguments: Sequence[str] | None = None) -> int:
    """Tells the `STORY` of `tfx_explain.pipelines.{name}.story`.

    Args:
      name: The pipeline's folder.
      about: What it shows, for `--help`.
      arguments: Of the command; None: those of this process.

    Returns:
      The exit status: 0 if all came out as told, 1 if it did not, or a node failed, 2 if it could not start.
    """
    options = _parse(name, about, arguments)
    console = Console(highlight=False)
    started = time.monotonic()
    try:
        output = _empty_folder(options.output, f".{name}-demo")
    except ValueError as error:
        console.print(f"[red]{error}[/]")
        return 2
    log = None if options.verbose else output / _LOG_FILE
    quiet.before_import(log)
    with quiet.stderr_to(log):
        with console.status("Loading TensorFlow and TFX ..."):
            # Only now: importing TFX takes ten seconds, and it looks at the environment that was set just before.
            from tfx_explain.pipelines.demonstration import console as display
            from tfx_explain.pipelines.demonstration import story

            told = importlib.import_module(f"tfx_explain.pipelines.{name}.story").STORY
        quiet.after_import()
        try:
            ending = story.tell(told, console, output, fast=options.fast)
        except story.NodeError as error:
            logging.exception("The demonstration stopped.")
            console.print(f"\n[red]{error}[/]")
            if log:
                console.print(f"The whole log is {log}", soft_wrap=True)
            return 1
    _show_end(console, output, ending.deviations, time.monotonic() - started)
    console.print(f"\nWhy run {ending.spoilt}'s model was blocked, to be opened in a browser:")
    display.show_path(console, "Report", ending.report)
    return 1 if ending.deviations else 0


def _parse(name: str, about: str | None, arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m tfx_explain.pipelines.{name}.demo", description=about)
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        default=pathlib.Path("build", f"{name}-demo"),
        help="folder for data, artifacts and models; an earlier demonstration in it is removed (default: %(default)s)",
    )
    parser.add_argument("--fast", action="store_true", help="fewer rows: the same story in less time")
    parser.add_argument("--verbose", action="store_true", help="show what TensorFlow, TFX and Beam say")
    return parser.parse_args(arguments)


def _empty_folder(path: pathlib.Path, mark: str) -> pathlib.Path:
    """Makes `path` an empty folder; removes what an earlier demonstration left there, and nothing else."""
    if path.is_dir() and any(path.iterdir()):
        if not (path / mark).exists():
            raise ValueError(f"{path} holds other files; name a new or empty folder with --output.")
        shutil.rmtree(path)
    path.mkdir(parents=True, exist_ok=True)
    (path / mark).touch()
    return path.resolve()


def _show_end(console: Console, output: pathlib.Path, deviations: Sequence[str], seconds: float) -> None:
    console.print(f"\nEverything is in {output}:", soft_wrap=True)
    for name, what in (
        ("artifacts", "what each node wrote"),
        ("serving", "the pushed models"),
        ("metadata.sqlite", "the metadata store (ML Metadata)"),
        (_LOG_FILE, "what TensorFlow, TFX and Beam said"),
    ):
        if (output / name).exists():
            console.print(f"  {name:<20}{what}")
    if deviations:
        console.print(f"\n[red]Not all came out as told ({seconds:.0f} s):[/]")
        for deviation in deviations:
            console.print(f"[red]- {deviation}[/]")
    else:
        console.print(f"\n[green]All runs came out as told, in {seconds:.0f} s.[/]")
