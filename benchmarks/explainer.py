"""The Explainer: rows a second end to end, with workers, and how time and memory grow."""

from __future__ import annotations

import pathlib
import tempfile
import time
from collections.abc import Iterator

import numpy as np

from benchmarks import explaining
from benchmarks.report import Table

_ROWS = 32_000
_MANY = 1_000_000
_FEW = 100_000
_TURNS = 2


def run() -> Iterator[Table]:
    """Measures everything, in some minutes."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        explaining.prepare(folder, [explaining.WARM, _ROWS, _FEW, _MANY])
        yield end_to_end(folder)
        yield workers(folder)
        yield growth(folder)


def end_to_end(folder: pathlib.Path) -> Table:
    """The component's job, TFRecords to TFRecords, next to its engine on the same rows in memory."""
    costs: list[tuple[float, float]] = []
    for _ in range(_TURNS):
        whole = explaining.measure(folder, _ROWS)
        costs.append((_engine_seconds(folder) / _ROWS, whole.processor_seconds / whole.rows))
    engine, whole = np.min(costs, axis=0)
    return Table(
        f"End to end, {_ROWS:,} census rows, integrated gradients; rows by second of processor time",
        ("", "rows / s", "of the engine's"),
        [
            ("the engine, rows in memory", f"{1 / engine:,.0f}", "1.00"),
            ("TFRecords to TFRecords", f"{1 / whole:,.0f}", f"{engine / whole:.2f}"),
        ],
    )


def workers(folder: pathlib.Path) -> Table:
    """Worker processes with one processor each, next to processes that share nothing but the machine."""
    one, two = (explaining.measure(folder, _FEW, workers=count) for count in (1, 2))
    raw = [explaining.raw_rate(processes) for processes in (1, 2)]
    rates = [cost.rows / cost.seconds for cost in (one, two)]
    by_processor = 2 * one.processor_seconds / two.processor_seconds
    rows = [
        ("1", f"{rates[0]:,.0f}", "1.00", "1.00", "1.00"),
        ("2", f"{rates[1]:,.0f}", f"{rates[1] / rates[0]:.2f}", f"{by_processor:.2f}", f"{raw[1] / raw[0]:.2f}"),
    ]
    heads = ("workers", "rows / s", "of one worker's", "by processor time", "of one process's raw calls")
    return Table(f"Single-threaded workers, {_FEW:,} rows", heads, rows)


def growth(folder: pathlib.Path) -> Table:
    """Time and memory of many rows next to those of few."""
    # The few before and after the many, so that a busy moment of the machine hits both.
    before, many, after = (explaining.measure(folder, count, cheap=True) for count in (_FEW, _MANY, _FEW))
    few = min(before, after, key=lambda cost: cost.processor_seconds)
    rows = [(f"{cost.rows:,}", f"{cost.processor_seconds:,.1f}", f"{cost.megabytes:,.0f}") for cost in (few, many)]
    ratios = (many.processor_seconds / few.processor_seconds, many.megabytes / few.megabytes)
    rows.append((f"ratio of {many.rows / few.rows:.2f}", f"{ratios[0]:.2f}", f"{ratios[1]:.3f}"))
    return Table("Growth, four gradients a row", ("rows", "processor seconds", "MB at most"), rows)


def _engine_seconds(folder: pathlib.Path) -> float:
    """Processor time of explaining the rows in memory, parsed by the model as in the component."""
    from tfx_explain.beam.explaining.engine import Engine, Inputs
    from tfx_explain.beam.explaining.job import ExplanationJob
    from tfx_explain.beam.reading.batches import batched
    from tfx_explain.beam.reading.read import Format
    from tfx_explain.proto import explanation_pb2
    from tfx_explain.savedmodel import generate_metadata

    model = str(folder / "model")
    engine = Engine(ExplanationJob(model, generate_metadata(model), explanation_pb2.ExplanationParameters()))
    chunks = [chunk for path in (folder / f"rows-{_ROWS}").iterdir() for chunk in Format().chunks(str(path))]
    batches = [Inputs(records) for records in batched(chunks)]
    engine.results(batches[0])
    started = time.process_time()
    for batch in batches:
        engine.results(batch)
    return time.process_time() - started


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["explainer"])
