"""Attribution records with attributions that the tests choose."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import apache_beam as beam
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.storage import columns

Row = Mapping[str, object]


@pytest.fixture(scope="session")
def example() -> Callable[[Row], bytes]:
    def build(row: Row) -> bytes:
        """A tf.Example; None: no value."""
        message = tf.train.Example()
        for name, value in row.items():
            feature = message.features.feature[name]
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, str):
                    feature.bytes_list.value.append(one.encode())
                elif isinstance(one, bytes):
                    feature.bytes_list.value.append(one)
                elif isinstance(one, int):
                    feature.int64_list.value.append(one)
                elif one is not None:
                    feature.float_list.value.append(one)
        return message.SerializeToString()

    return build


@pytest.fixture(scope="session")
def explained() -> Callable[..., dict[str, object]]:
    def build(attributions: Mapping[str, float], model: str = columns.CANDIDATE, gap=0.0, error=0.0, met=1) -> dict:
        """The columns of one explained row; the outputs are such that the completeness gap is `gap`."""
        output = float(sum(attributions.values())) - gap
        return {
            **{columns.attribution_column(model, f): float(v) for f, v in attributions.items()},
            columns.field_column(model, columns.BASELINE_OUTPUT_VALUE): 0.0,
            columns.field_column(model, columns.INSTANCE_OUTPUT_VALUE): output,
            columns.field_column(model, columns.APPROXIMATION_ERROR): error,
            columns.field_column(model, columns.OUTPUT_INDEX): 0,
            columns.field_column(model, columns.TOLERANCE_MET): met,
        }

    return build


@pytest.fixture
def write_records(tmp_path: Path, example) -> Callable[[Sequence[Row]], str]:
    def write(rows: Sequence[Row]) -> str:
        """Writes an `eval` split as the Explainer does; returns its file pattern."""
        split = tmp_path / "attributions" / "Split-eval"
        split.mkdir(parents=True, exist_ok=True)
        options = tf.io.TFRecordOptions(compression_type="GZIP")
        with tf.io.TFRecordWriter(str(split / "attributions-00000-of-00001.gz"), options) as writer:
            for row in rows:
                writer.write(example(row))
        return str(split / "*")

    return write


@pytest.fixture
def evaluate(tmp_path: Path, write_records) -> Callable[..., str]:
    def run(rows: Sequence[Row], eval_config: config_pb2.EvalConfig | None = None) -> str:
        """Evaluates records; returns the output path."""
        from tfx_explain import metrics

        output = str(tmp_path / "evaluation")
        with beam.Pipeline() as pipeline:
            metrics.evaluate_attributions(pipeline, [write_records(rows)], output, eval_config)
        return output

    return run


@pytest.fixture(scope="session")
def metric_config() -> Callable[..., config_pb2.MetricConfig]:
    def build(class_name: str, feature: str = "", settings=None, **thresholds) -> config_pb2.MetricConfig:
        settings = {"feature": feature} if feature else settings
        config = json.dumps(settings) if settings else ""
        return config_pb2.MetricConfig(class_name=class_name, module="tfx_explain.metrics", config=config, **thresholds)

    return build


@pytest.fixture(scope="session")
def values() -> Callable[[str], dict]:
    def load(output_path: str) -> dict:
        """From (slice, metric, model, is difference) to the value in `tfma.load_metrics`; without cross slices."""
        result = {}
        for metrics in (m for m in tfma.load_metrics(output_path) if not m.HasField("cross_slice_key")):
            at = tfma.slicer.stringify_slice_key(tfma.slicer.deserialize_slice_key(metrics.slice_key))
            for item in metrics.metric_keys_and_values:
                key = (at, item.key.name, item.key.model_name, item.key.is_diff)
                assert key not in result
                result[key] = item.value.double_value.value
        return result

    return load
