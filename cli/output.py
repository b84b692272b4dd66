"""Printing: a terminal is as wide as it is, a log as its lines are long; and whoever reads may have gone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console

_UNLIMITED = 1_000_000


@contextmanager
def printing(stderr: bool = False) -> Iterator[Console]:
    """Yields a console, and prints what the block has put on it.

    Outside of a terminal no line is broken and no name is cut. What nobody reads any more (`... | head -1`) is no
    error, so that a command's exit code stays what it found out.

    Args:
      stderr: Whether it is standard error, not standard output.
    """
    stream: TextIO | None = sys.stderr if stderr else sys.stdout
    width = None if stream is not None and stream.isatty() else _UNLIMITED
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)
    with console.capture() as captured:
        yield console
    emit(captured.get(), stream)


def emit(text: str, stream: TextIO | None) -> None:
    """Writes a text, with what the stream's encoding lacks escaped, and passes over a reader that has gone."""
    if stream is None:
        return
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        pass
