"""How far a run is, for people: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType

import rich.console
import rich.progress
import tensorflow as tf

from tfx_explain.beam.progress import Heartbeat
from tfx_explain.beam.reading.read import Format

_POLL_SECONDS = 0.5
_LINE_SECONDS = 10.0
# Reading more, only to say how long the rest will take, is not worth the wait.
_MOST_BYTES_COUNTED = 2**28


def estimate_rows(files: Sequence[str], form: Format) -> int | None:
    """Returns about how many rows files have, from those of the smallest one; None where even that is large."""
    sizes = {path: tf.io.gfile.stat(path).length for path in files}
    filled = {path: size for path, size in sizes.items() if size}
    if not filled:
        return None
    smallest = min(filled, key=filled.__getitem__)
    if filled[smallest] > _MOST_BYTES_COUNTED:
        return None
    rows = sum(len(chunk) for chunk in form.chunks(smallest))
    return round(rows * sum(filled.values()) / filled[smallest])


class RunProgress:
    """Shows, while a block runs, the rows that the workers are through with, their rate and the time left."""

    def __init__(self, console: rich.console.Console, heartbeat: Heartbeat, rows: int | None) -> None:
        """Keeps what to show.

        Args:
          console: Where to; a bar if it is a terminal, else lines.
          heartbeat: What the workers write.
          rows: About how many there are; None: unknown.
        """
        self._console, self._heartbeat, self._rows = console, heartbeat, rows
        self._bar = rich.progress.Progress(
            rich.progress.SpinnerColumn(),
            rich.progress.TextColumn("explaining"),
            rich.progress.BarColumn(),
            rich.progress.TextColumn("{task.fields[line]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=rows, line="loading")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> RunProgress:
        self._bar.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self._bar.stop()

    def line(self, rows: int, rate: float) -> str:
        """Says how far the run is.

        Args:
          rows: That workers are through with.
          rate: Rows a second; 0: not known yet.
        """
        total = f" of about {self._rows:,}" if self._rows else ""
        left = f", {max(0, self._rows - rows) / rate:,.0f} s left" if self._rows and rate else ""
        return f"{rows:,}{total} rows" + (f", {rate:,.0f} rows/s" if rate else "") + left

    def _watch(self) -> None:
        first: tuple[float, int] | None = None
        next_line = 0.0
        while not self._done.wait(_POLL_SECONDS):
            rows, now = self._heartbeat.total(), time.monotonic()
            if not rows:
                continue
            # Until the first rows are done, workers start and load models: that says nothing about the rate.
            first = first or (now, rows)
            line = self.line(rows, (rows - first[1]) / (now - first[0]) if now > first[0] else 0.0)
            self._bar.update(self._task, completed=rows, line=line)
            if not self._console.is_terminal and now >= next_line:
                next_line = now + _LINE_SECONDS
                self._console.print(f"tfx-explain: {line}", highlight=False, soft_wrap=True)
