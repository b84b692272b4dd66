"""The gate: time, memory, and what it makes of broken inputs."""

from __future__ import annotations

import gzip
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.report import Table

SLICES, METRICS, BROKEN = 10_000, 25, 1_000  # Each metric has two thresholds.
_MODULE = "benchmarks.gate"


def run() -> Iterator[Table]:
    """Measures everything, in some minutes; the time and the memory in a process of their own."""
    done = subprocess.run([sys.executable, "-m", _MODULE, "measure"], stdout=subprocess.PIPE, check=True, text=True)
    measured = json.loads(done.stdout.splitlines()[-1])
    heads = ("what", "seconds", "of the gate's decision")
    rows = [
        (name, f"{seconds:.1f}", f"{seconds / measured['the decision alone']:.2f}")
        for name, seconds in measured.items()
        if name != "memory"
    ]
    title = f"{SLICES:,} slices x {2 * METRICS} thresholds; the process took {measured['memory']:.2f} GB at most"
    yield Table(title, heads, rows)
    outcomes = broken(BROKEN)
    yield Table(f"{BROKEN:,} broken inputs", ("outcome", "times"), [(o, str(n)) for o, n in sorted(outcomes.items())])


def measure() -> dict[str, float]:
    """Returns the seconds that the gate and TFMA take over the same metrics, and the process's memory in GB."""
    from tensorflow_model_analysis.evaluators import metrics_validator

    from tfx_explain.components.threshold_validator import gate
    from tfx_explain.components.threshold_validator.decide import decide
    from tfx_explain.components.threshold_validator.evidence import Sources
    from tfx_explain.components.threshold_validator.gather import gather
    from tfx_explain.components.threshold_validator.stock import Combined
    from tfx_explain.metrics import configs
    from tfx_explain.proto import explanation_pb2

    eval_config, policy = _config(), explanation_pb2.GatePolicy()
    with tempfile.TemporaryDirectory() as folder:
        sources = Sources(evaluations=[_write_evaluation(Path(folder) / "evaluation", SLICES)])
        start = time.perf_counter()
        gate.validate(eval_config, policy, sources, _no_pipeline, folder)
        from_files = time.perf_counter() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        evidence = gather(eval_config, policy, sources, _no_pipeline, folder)
    start = time.perf_counter()
    decide(evidence, policy)
    decision = time.perf_counter() - start
    config = configs.with_defaults(eval_config, has_baseline=True)
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


def broken(times: int) -> Counter[str]:
    """Breaks one file that the gate reads, again and again, and counts the outcomes."""
    generator = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        files = _write_inputs(Path(folder))
        assert _outcome(Path(folder)) == "blessed", "unbroken inputs are blessed"
        outcomes: Counter[str] = Counter()
        for _ in range(times):
            file = generator.choice(files)
            whole = file.read_bytes()
            changed = _damaged(whole, generator)
            file.write_bytes(changed)
            outcome = _outcome(Path(folder))
            if outcome == "blessed" and file.suffix == ".gz" and gzip.decompress(changed) == gzip.decompress(whole):
                outcome = "blessed, its content being the same: a bit that gzip doesn't use"
            outcomes[outcome] += 1
            file.write_bytes(whole)
    return outcomes


def _damaged(content: bytes, generator: random.Random) -> bytes:
    """Returns bytes with some bits flipped, or cut off somewhere."""
    if generator.random() < 0.5:
        return content[: generator.randrange(len(content))]
    changed = bytearray(content)
    for _ in range(generator.choice((1, 1, 2, 8))):
        changed[generator.randrange(len(changed))] ^= 1 << generator.randrange(8)
    return bytes(changed)


def _outcome(folder: Path) -> str:
    """Returns what the gate says: by evaluations and summary first, then by records."""
    import apache_beam as beam

    from tfx_explain.components.threshold_validator import gate
    from tfx_explain.components.threshold_validator.evidence import Sources
    from tfx_explain.proto import explanation_pb2

    first, second, attributions = (str(folder / name) for name in ("first", "second", "attributions"))
    both = Sources(evaluations=[first, second])
    records = Sources(attributions={"the attributions": f"{attributions}/Split-eval/*"})
    policy = explanation_pb2.GatePolicy()
    for config, sources in ((_config(names=["auc0", "auc1"]), both), (_share_config(), records)):
        output = folder / "output"
        output.mkdir(exist_ok=True)
        try:
            verdict = gate.validate(config, policy, sources, beam.Pipeline, str(output))
        except ValueError:
            return "refused with a sentence"
        except Exception as error:  # What this counts.
            return f"traceback: {type(error).__name__}"
        if not verdict.blessed:
            return "not blessed, with a reason" if verdict.reasons else "not blessed, without a reason"
    return "blessed"


def _config(names: list[str] | None = None) -> Any:
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


def _share_config() -> Any:
    from tensorflow_model_analysis.proto import config_pb2

    share = config_pb2.MetricConfig(
        class_name="AttributionShare", module="tfx_explain.metrics", config='{"feature": "age"}'
    )
    share.threshold.value_threshold.upper_bound.value = 1
    return config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=[share])])


def _write_evaluation(folder: Path, slices: int, names: list[str] | None = None) -> str:
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


def _write_inputs(folder: Path) -> list[Path]:
    """Writes two evaluations of the same slices, and attribution records with their summary; returns the files."""
    import tensorflow as tf

    from tfx_explain.metrics import columns

    for name, metric in (("first", "auc0"), ("second", "auc1")):
        _write_evaluation(folder / name, 6, [metric])
    split = folder / "attributions" / "Split-eval"
    split.mkdir(parents=True)
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    with tf.io.TFRecordWriter(str(split / "attributions-00000-of-00001.gz"), options) as writer:
        for number in range(40):
            example = tf.train.Example()
            for feature in ("age", "sex"):
                column = columns.attribution_column(columns.CANDIDATE, feature)
                example.features.feature[column].float_list.value.append(number / 40)
            writer.write(example.SerializeToString())
    counts = {"rows_read": 40, "rows_explained": 40, "rows_failed": 0, "tolerance_not_met": 0}
    (split.parent / "summary.json").write_text(json.dumps({"eval": counts}))
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _no_pipeline() -> Any:
    raise AssertionError("no records, no pipeline")


if __name__ == "__main__":
    print(json.dumps(measure()) if sys.argv[1:] == ["measure"] else dict(broken(int(sys.argv[1]))))
