"""The gate and broken inputs: what it makes of files with bits flipped or the end cut off."""

from __future__ import annotations

import gzip
import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.gate import eval_config, write_evaluation
from benchmarks.report import Table

TIMES = 1_000


def run() -> Iterator[Table]:
    """Breaks inputs, one after the other, in some minutes."""
    outcomes = broken(TIMES)
    yield Table(f"{TIMES:,} broken inputs", ("outcome", "times"), [(o, str(n)) for o, n in sorted(outcomes.items())])


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

    from tfx_explain.gate.reading.evidence import Sources
    from tfx_explain.gate.validate import validate
    from tfx_explain.proto import explanation_pb2

    first, second, attributions = (str(folder / name) for name in ("first", "second", "attributions"))
    both = Sources(evaluations=[first, second])
    records = Sources(attributions={"the attributions": f"{attributions}/Split-eval/*"})
    policy = explanation_pb2.GatePolicy()
    for config, sources in ((eval_config(names=["auc0", "auc1"]), both), (_share_config(), records)):
        output = folder / "output"
        output.mkdir(exist_ok=True)
        try:
            verdict = validate(config, policy, sources, beam.Pipeline, str(output))
        except ValueError:
            return "refused with a sentence"
        except Exception as error:  # What this counts.
            return f"traceback: {type(error).__name__}"
        if not verdict.blessed:
            return "not blessed, with a reason" if verdict.reasons else "not blessed, without a reason"
    return "blessed"


def _share_config() -> Any:
    from tensorflow_model_analysis.proto import config_pb2

    share = config_pb2.MetricConfig(
        class_name="AttributionShare", module="tfx_explain.metrics", config='{"feature": "age"}'
    )
    share.threshold.value_threshold.upper_bound.value = 1
    return config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=[share])])


def _write_inputs(folder: Path) -> list[Path]:
    """Writes two evaluations of the same slices, and attribution records with their summary; returns the files."""
    import tensorflow as tf

    from tfx_explain.storage import columns

    for name, metric in (("first", "auc0"), ("second", "auc1")):
        write_evaluation(folder / name, 6, [metric])
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
