"""Evidence for the gate, as Evaluators and Explainers leave it: of a model that passes, or of one that fails."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

_ROWS, _SHARDS = 20, 2
_SPLITS = ("eval",)


def write_evidence(root: Path, model: str) -> Path:
    """Writes a model, two evaluations of it and attributions; returns their folder.

    Args:
      root: A folder that isn't there yet.
      model: "passes" or "fails", which `CONFIGS` decide.
    """
    (root / "model").mkdir(parents=True)
    (root / "model" / "saved_model.pb").write_text(f"a model that {model}")
    generator = random.Random(model)
    for name, metric in (("first", "auc0"), ("second", "auc1")):
        _write_evaluation(root / "evaluations" / name, metric, root / "model", model == "passes", generator)
    summary = {}
    for split in _SPLITS:
        digest = _write_split(root / "attributions" / f"Split-{split}", model == "passes", generator)
        counts = {"rows_read": _ROWS, "rows_explained": _ROWS, "rows_failed": 0, "tolerance_not_met": 0}
        models = {"candidate": _model(root).to_dict()}
        summary[split] = counts | {"records_digest": f"{digest:016x}", "provenance": {"models": models, "split": split}}
    (root / "attributions" / "summary.json").write_text(json.dumps(summary))
    return root


def sources(root: Path, part: str) -> Any:
    """Returns where the evidence lies, of `CONFIGS` one part."""
    from tfx_explain.gate.reading.evidence import Sources

    models = {"candidate": _model(root)}
    if part == "evaluations":
        return Sources(evaluations=[str(root / part / name) for name in ("first", "second")], models=models)
    folders = {f"split {split!r}": str(root / part / f"Split-{split}") for split in _SPLITS}
    return Sources(attributions=folders, models=models)


def _model(root: Path) -> Any:
    from tfx_explain.gate.model import Model

    return Model.at(str(root / "model"))


def _write_evaluation(folder: Path, metric: str, model: Path, passes: bool, generator: random.Random) -> None:
    import tensorflow as tf
    import tensorflow_model_analysis as tfma
    from google.protobuf import json_format
    from tensorflow_model_analysis.proto import config_pb2

    folder.mkdir(parents=True)
    key = tfma.metrics.MetricKey(metric)
    with tf.io.TFRecordWriter(str(folder / "metrics-00000-of-00001.tfrecord")) as writer:
        for slice_key in ((), (("town", "Ulm"),), (("town", "Bonn"),)):
            metrics: dict[Any, Any] = {key: (0.8 if passes else 0.4) + generator.random() / 10}
            proto = tfma.writers.convert_slice_metrics_to_proto((slice_key, metrics), add_metrics_callbacks=[])
            writer.write(proto.SerializeToString())
    run = config_pb2.EvalRun(version="1", model_locations={"": str(model)}, data_location="rows")
    (folder / "eval_config.json").write_text(json_format.MessageToJson(run))


def _write_split(folder: Path, passes: bool, generator: random.Random) -> int:
    """Writes attributions of `age` and `sex`; returns the digest of the records."""
    import numpy as np
    import tensorflow as tf

    from tfx_explain.storage import columns
    from tfx_explain.storage.integrity import records_digest

    folder.mkdir(parents=True)
    records = []
    for _ in range(_ROWS):
        example = tf.train.Example()
        for feature, size in (("age", 1.0 if passes else 9.0), ("sex", 3.0)):
            column = columns.attribution_column(columns.CANDIDATE, feature)
            example.features.feature[column].float_list.value.append(size + generator.random())
        records.append(example.SerializeToString())
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    for shard in range(_SHARDS):
        path = folder / f"attributions-{shard:05d}-of-{_SHARDS:05d}.gz"
        with tf.io.TFRecordWriter(str(path), options) as writer:
            for record in records[shard::_SHARDS]:
                writer.write(record)
    return records_digest(np.array(records, object))


def _auc_config() -> Any:
    from tensorflow_model_analysis.proto import config_pb2

    metrics = [config_pb2.MetricConfig(class_name="AUC", config=f'{{"name": "auc{i}"}}') for i in range(2)]
    for metric in metrics:
        metric.threshold.value_threshold.lower_bound.value = 0.7
    slices = [config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=["town"])]
    return config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)], slicing_specs=slices)


def _share_config() -> Any:
    from tensorflow_model_analysis.proto import config_pb2

    share = config_pb2.MetricConfig(
        class_name="AttributionShare", module="tfx_explain.metrics", config='{"feature": "age"}'
    )
    share.threshold.value_threshold.upper_bound.value = 0.5
    return config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=[share])])


# By the part of the evidence that they ask.
CONFIGS: dict[str, Callable[[], Any]] = {"evaluations": _auc_config, "attributions": _share_config}
