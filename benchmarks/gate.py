"""The gate: time and memory, next to TFMA's own validator."""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.memory import peak_megabytes
from benchmarks.processes import measured
from benchmarks.report import Table

SLICES, METRICS = 10_000, 25  # Each metric has two thresholds.


def run() -> Iterator[Table]:
    """Measures time and memory, in a process of its own."""
    found = measured(["-m", "benchmarks.gate"])
    heads = ("what", "seconds", "of the gate's decision")
    rows = [
        (name, f"{seconds:.1f}", f"{seconds / found['the decision alone']:.2f}")
        for name, seconds in found.items()
        if name != "memory"
    ]
    title = f"{SLICES:,} slices x {2 * METRICS} thresholds; the process took {found['memory']:.2f} GB at most"
    yield Table(title, heads, rows)


def measure() -> dict[str, float]:
    """Returns the seconds that the gate and TFMA take over the same metrics, and the process's memory in GB."""
    from tensorflow_model_analysis.evaluators import metrics_validator

    from tfx_explain.gate.deciding.decide import decide
    from tfx_explain.gate.deciding.stock import Combined
    from tfx_explain.gate.reading.evidence import Sources
    from tfx_explain.gate.reading.gather import gather
    from tfx_explain.gate.validate import validate
    from tfx_explain.metrics import configs
    from tfx_explain.proto import explanation_pb2

    asked, policy = eval_config(), explanation_pb2.GatePolicy()
    with tempfile.TemporaryDirectory() as folder:
        sources = Sources(evaluations=[write_evaluation(Path(folder) / "evaluation", SLICES)])
        start = time.perf_counter()
        validate(asked, policy, sources, _no_pipeline, folder)
        from_files = time.perf_counter() - start
        memory = peak_megabytes() / 1000
        evidence = gather(asked, policy, sources, _no_pipeline, folder)
    start = time.perf_counter()
    decide(evidence, policy)
    decision = time.perf_counter() - start
    config = configs.with_defaults(asked, has_baseline=True)
    start = time.perf_counter()
    combined = Combined(config, rubber_stamp=False)
    for slice_key, metrics in evidence.slices.items():
        combined.add(metrics_validator.validate_metrics((slice_key, metrics.values), config))
    combined.result()
    return {
        "from files to verdict.json": from_files,
        "the decision alone": decision,
        "TFMA's own validator": time.perf_counter() - start,
        "memory": memory,
    }


def eval_config(names: list[str] | None = None) -> Any:
    """Returns a config with a value and a change threshold on each metric; about one in twenty values is outside."""
    from tensorflow_model_analysis.proto import config_pb2

    lowest = -1 if names else 0.05
    threshold = config_pb2.MetricThreshold()
    threshold.value_threshold.lower_bound.value = lowest
    threshold.change_threshold.absolute.value = lowest - 1
    threshold.change_threshold.direction = config_pb2.MetricDirection.HIGHER_IS_BETTER
    metrics = [
        config_pb2.MetricConfig(class_name="AUC", config=json.dumps({"name": name}), threshold=threshold)
        for name in names or [f"auc{i}" for i in range(METRICS)]
    ]
    return config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec()],
        slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=["town"])],
        metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)],
    )


def write_evaluation(folder: Path, slices: int, names: list[str] | None = None) -> str:
    """Writes random metrics of two models and their difference, as an Evaluator does."""
    import tensorflow as tf
    import tensorflow_model_analysis as tfma
    from tensorflow_model_analysis.proto import metrics_for_slice_pb2
    from tensorflow_model_analysis.slicer import slicer_lib

    generator = random.Random(1)
    folder.mkdir(parents=True)
    keys = [tfma.metrics.MetricKey(n, "candidate") for n in names or [f"auc{i}" for i in range(METRICS)]]
    with tf.io.TFRecordWriter(str(folder / "metrics-00000-of-00001.tfrecord")) as writer:
        for number in range(slices):
            metrics = metrics_for_slice_pb2.MetricsForSlice()
            slice_key = (("town", number),) if number else ()
            metrics.slice_key.CopyFrom(slicer_lib.serialize_slice_key(slice_key))
            for key in keys:
                candidate, baseline = generator.random(), generator.random()
                for one, value in (
                    (key, candidate),
                    (key.make_baseline_key("baseline"), baseline),
                    (key.make_diff_key(), candidate - baseline),
                ):
                    metrics.metric_keys_and_values.add(key=one.to_proto()).value.double_value.value = value
            writer.write(metrics.SerializeToString())
    return str(folder)


def _no_pipeline() -> Any:
    raise AssertionError("no records, no pipeline")


if __name__ == "__main__":
    print(json.dumps(measure()))
