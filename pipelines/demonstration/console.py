"""What the demonstration shows to people: each node as it runs, and what every run came to."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tfx_explain.gate.saying import verdict
from tfx_explain.pipelines.demonstration.outcome import Outcome

_ANNOUNCEMENT = re.compile(r"Component (\S+) is (running|finished)\.")


class NodeTimes(logging.Handler):
    """Shows the nodes of a run with their times, as TFX's local runner announces them in its log.

    Attributes:
      node: The node that runs, or ran last.
    """

    def __init__(self, console: Console) -> None:
        """Shows on `console`; a live line only where that is a terminal."""
        super().__init__(logging.INFO)
        self.node = "The pipeline"
        self._console = console
        self._live = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._started = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Takes notice of a node that starts or ends; other records mean nothing here."""
        match = _ANNOUNCEMENT.fullmatch(record.getMessage())
        if match and match[2] == "running":
            self.node, self._started = match[1], time.monotonic()
            self._live.add_task(self.node)
            self._live.start()
        elif match:
            self.close_line()
            show_time(self._console, self.node, time.monotonic() - self._started)

    def close_line(self) -> None:
        """Takes the live line away."""
        self._live.stop()
        for task in self._live.task_ids:
            self._live.remove_task(task)


def show_time(console: Console, what: str, seconds: float) -> None:
    """Prints how long something took, in a column with the others."""
    console.print(f"  {what:<20}{seconds:6.1f} s")


def show_outcome(console: Console, title: str, outcome: Outcome, quality: str) -> None:
    """Prints what a run came to: both verdicts with the model's `quality`, failed thresholds, and what was pushed."""
    console.print(f"\n[bold]{title}[/]")
    table = Table.grid(padding=(0, 2), pad_edge=True)
    asked = outcome.asked(quality)
    compared = "" if asked["baseline"] is None else f" (baseline model {asked['baseline']:.3f})"
    table.add_row("Evaluator", _verdict(outcome.evaluator_blessed), f"{quality} {asked['observed']:.3f}{compared}")
    held = len(outcome.thresholds) - len(outcome.failed)
    waiting = f", {outcome.not_asked} lack a baseline" if outcome.not_asked else ""
    counts = f"{held} of {len(outcome.thresholds)} thresholds held{waiting}"
    table.add_row("ThresholdValidator", _verdict(outcome.gate_blessed), counts)
    table.add_row("Pusher", "[green]pushed[/]" if outcome.pushed_to else "[red]not pushed[/]")
    console.print(table)
    show_path(console, "Verdict", os.path.join(outcome.validation_uri, verdict.TEXT_FILE))
    show_path(console, "Report", outcome.report)
    if outcome.pushed_to:
        show_path(console, "Model", outcome.pushed_to)
    if outcome.failed:
        console.print()
        console.print(_failed_thresholds(outcome.failed))
        for failed in outcome.failed:
            if failed.get("note"):
                console.print(f"  {failed['metric'].partition('/')[0]}: {failed['note']}", markup=False, soft_wrap=True)
    for reason in outcome.reasons:
        if reason not in {failed["reason"] for failed in outcome.failed}:
            console.print(f"\n  [red]{reason}[/]")


def show_path(console: Console, what: str, path: str) -> None:
    """Prints where something lies, from the current folder where it is below that, and on one line."""
    relative = os.path.relpath(path)
    console.print(f"  {what:<20}{path if relative.startswith(os.pardir) else relative}", soft_wrap=True)


def _verdict(blessed: bool) -> str:
    return "[green]blessed[/]" if blessed else "[red]not blessed[/]"


def _failed_thresholds(thresholds: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold red")
    for column in ("  Failed threshold", "Feature", "Slice"):
        table.add_column(column, overflow="fold")
    for column in ("Baseline", "Observed", "Change", "Bound"):
        table.add_column(column, justify="right")
    for failed in thresholds:
        table.add_row(
            f"  {_without_feature(failed['metric'], failed['feature'])}",
            failed["feature"],
            failed["slice"],
            *(_number(failed[value]) for value in ("baseline", "observed", "change")),
            _bound(failed),
        )
    return table


def _without_feature(metric: str, feature: str) -> str:
    """Returns a metric's name for a table that has a column for the feature; a region or a class stays."""
    return metric.replace(f"/{feature}", "", 1) if feature else metric


def _number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "-"


def _bound(threshold: Mapping[str, Any]) -> str:
    """Returns the bounds; of a value between two of them, the one that failed."""
    signs = {"lower_bound": ">=", "upper_bound": "<="}
    sign = ">=" if threshold["direction"] == "HIGHER_IS_BETTER" else "<="
    bounds, observed = threshold["bounds"], threshold["observed"]
    if set(bounds) == set(signs) and isinstance(observed, float):
        name = "lower_bound" if observed < bounds["lower_bound"] else "upper_bound"
        bounds = {name: bounds[name]}
    return ", ".join(f"{signs.get(name, sign)} {bound:g}" for name, bound in bounds.items())
