"""What benchmarks/explainer.py measures: a model and rows of the census data, explained in a process of their own."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

import tensorflow as tf

from benchmarks import census, rates, workloads
from benchmarks.memory import peak_megabytes
from benchmarks.processes import measured
from tfx_explain.pipelines.census import data

# Rows that are explained first, unmeasured, and then again, to be taken off: of a run's and of each worker's first
# batches, some cost more than all others do.
WARM = 8_000

_SHARDS = 8
_SINGLE = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
# More rows than this are the same files again, under other names.
_WRITTEN = 100_000


@dataclasses.dataclass(frozen=True)
class Cost:
    """What explaining some rows more took, beside a run that has `WARM` rows.

    Attributes:
      rows: Rows explained, less those of the other run.
      seconds: By the clock.
      processor_seconds: Of the process's threads and its workers'.
      megabytes: The most memory that the process had, models and libraries included.
    """

    rows: int
    seconds: float
    processor_seconds: float
    megabytes: float


def prepare(folder: pathlib.Path, counts: Sequence[int]) -> None:
    """Saves the model to `folder/model`, and for each count that many rows, in shards, to `folder/rows-<count>`.

    Counts above a hundred thousand are multiples of it.
    """
    rows = data.monthly_extract(0)
    model = census.CensusModel(rows)
    tf.saved_model.save(model, str(folder / "model"), signatures={"serving_default": model.serve})
    records = [census.example(row) for row in rows.to_dict("records")]
    for count in counts:
        place = folder / f"rows-{count}"
        place.mkdir()
        written = min(count, _WRITTEN)
        for shard in range(min(count, _SHARDS)):
            path = place / f"{shard}.gz"
            with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions("GZIP")) as writer:
                for number in range(shard, written, _SHARDS):
                    writer.write(records[number % len(records)])
            for again in range(1, count // written):
                os.link(path, place / f"{shard}-{again}.gz")


def measure(folder: pathlib.Path, count: int, *, workers: int = 0, cheap: bool = False) -> Cost:
    """Explains `folder/rows-<count>` in a new process.

    Args:
      folder: What `prepare` has filled, for `count` rows and for `WARM`.
      count: Rows.
      workers: Beam worker processes, each with a processor of its own; 0: none but the process itself.
      cheap: With four gradients a row, for what is about the job and not about the method.
    """
    arguments = [str(folder), str(count), str(workers), "cheap" if cheap else ""]
    processors = ",".join(map(str, sorted(os.sched_getaffinity(0))[: workers or None]))
    environment = _SINGLE if workers else None
    return Cost(**measured(["-m", "benchmarks.explaining", *arguments], environment, ["taskset", "-c", processors]))


def raw_rate(processes: int) -> float:
    """Returns raw gradient calls' evaluations a second, of so many processes at once with a processor each.

    What more processors give where nothing is shared but the machine.
    """
    command = [sys.executable, "-c", "from benchmarks import explaining; explaining.print_raw_rate()"]
    processors = sorted(os.sched_getaffinity(0))[:processes]
    running = [
        subprocess.Popen(
            ["taskset", "-c", str(processor), *command], env=os.environ | _SINGLE, stdout=subprocess.PIPE, text=True
        )
        for processor in processors
    ]
    return sum(float(one.communicate()[0].splitlines()[-1]) for one in running)


def print_raw_rate() -> None:
    """Prints the rate of the best batch size of this process."""
    workload = workloads.dense_network()
    print(max(by_clock for by_clock, _ in rates.best_rates(rates.raw_rates(workload, gradients=True))))


def _child(folder: str, count: str, workers: str, cheap: str) -> None:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    from tfx_explain.beam.explaining.job import ExplanationJob
    from tfx_explain.beam.run import explain_splits
    from tfx_explain.proto import explanation_pb2
    from tfx_explain.savedmodel import generate_metadata

    mode = "multi_processing" if int(workers) else "in_memory"
    arguments = [f"--direct_running_mode={mode}", f"--direct_num_workers={max(1, int(workers))}"]
    parameters = explanation_pb2.ExplanationParameters()
    if cheap:
        parameters.integrated_gradients_attribution.step_count = 4
    job = ExplanationJob(f"{folder}/model", generate_metadata(f"{folder}/model"), parameters)

    def run(rows: str) -> tuple[float, float]:
        output = tempfile.mkdtemp(dir=folder)
        started = time.perf_counter(), _processor_seconds()
        options = PipelineOptions(arguments)
        explain_splits(lambda: beam.Pipeline(options=options), {"all": [f"{folder}/rows-{rows}/*"]}, job, output)
        return time.perf_counter() - started[0], _processor_seconds() - started[1]

    run(str(WARM))
    few, all_rows = run(str(WARM)), run(count)
    cost = Cost(
        rows=int(count) - WARM,
        seconds=all_rows[0] - few[0],
        processor_seconds=all_rows[1] - few[1],
        megabytes=peak_megabytes(),
    )
    print(json.dumps(dataclasses.asdict(cost)))


def _processor_seconds() -> float:
    """Processor time of this process and of the workers that it has waited for."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    _child(*sys.argv[1:])
