"""Configs, attribution records and evaluations for the gate."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2, validation_result_pb2
from tfx_bsl.tfxio import tf_example_record

from tfx_explain.gate.reading.evidence import Sources
from tfx_explain.gate.validate import validate
from tfx_explain.metrics import attributions_extractor
from tfx_explain.proto import explanation_pb2
from tfx_explain.storage import columns

FEATURES = ("age", "fnlwgt", "zero")
ONE_MODEL = (config_pb2.ModelSpec(),)
TWO_MODELS = (
    config_pb2.ModelSpec(name="candidate", prediction_key="new", label_key="label"),
    config_pb2.ModelSpec(name="baseline", prediction_key="old", label_key="label", is_baseline=True),
)


@pytest.fixture(scope="session")
def bound() -> Callable[..., config_pb2.MetricThreshold]:
    def build(lower=None, upper=None, absolute=None, relative=None, better="LOWER") -> config_pb2.MetricThreshold:
        result = config_pb2.MetricThreshold()
        for name, value in (("lower_bound", lower), ("upper_bound", upper)):
            if value is not None:
                getattr(result.value_threshold, name).value = value
        for name, value in (("absolute", absolute), ("relative", relative)):
            if value is not None:
                getattr(result.change_threshold, name).value = value
                direction = f"{better}_IS_BETTER" if better else "UNKNOWN"
                result.change_threshold.direction = config_pb2.MetricDirection.Value(direction)
        return result

    return build


@pytest.fixture(scope="session")
def metric() -> Callable[..., config_pb2.MetricConfig]:
    def build(class_name: str, threshold=None, feature: str = "", **more) -> config_pb2.MetricConfig:
        is_ours = class_name not in ("AUC", "ExampleCount", "MeanAbsoluteAttributions")
        return config_pb2.MetricConfig(
            class_name=class_name,
            module="tfx_explain.metrics" if is_ours else "",
            config=json.dumps({"feature": feature}) if feature else "",
            threshold=threshold,
            **more,
        )

    return build


@pytest.fixture(scope="session")
def config() -> Callable[..., config_pb2.EvalConfig]:
    def build(*metrics: config_pb2.MetricConfig, models=ONE_MODEL, slices=({},), **more) -> config_pb2.EvalConfig:
        names = [model.name for model in models] if len(models) > 1 else []
        specs = [config_pb2.MetricsSpec(metrics=metrics, model_names=names)]
        return config_pb2.EvalConfig(model_specs=models, metrics_specs=specs, slicing_specs=slices, **more)

    return build


@pytest.fixture(scope="session")
def two_models() -> Sequence[config_pb2.ModelSpec]:
    return TWO_MODELS


@pytest.fixture(scope="session")
def write_split() -> Callable[[Path, Sequence[Mapping[str, object]]], str]:
    def write(folder: Path, rows: Sequence[Mapping[str, object]], split: str = "eval") -> str:
        """Writes records as the Explainer does; returns their glob."""
        path = folder / f"Split-{split}"
        path.mkdir(parents=True)
        options = tf.io.TFRecordOptions(compression_type="GZIP")
        with tf.io.TFRecordWriter(str(path / "attributions-00000-of-00001.gz"), options) as writer:
            for row in rows:
                example = tf.train.Example()
                for name, value in row.items():
                    values = value if isinstance(value, list) else [value]
                    kind = "bytes_list" if isinstance(values[0], bytes) else "float_list"
                    getattr(example.features.feature[name], kind).value.extend(values)
                writer.write(example.SerializeToString())
        return str(path / "*")

    return write


@pytest.fixture(scope="session")
def rows() -> list[dict[str, object]]:
    """Predictions and attributions of two models; the baseline model's attributions of `zero` are 0."""
    generator = np.random.default_rng(3)
    result = []
    for i in range(60):
        row = {
            "sex": b"Male" if i % 3 else b"Female",
            "label": float(i % 2),
            "new": float(np.clip(generator.normal(0.4 + 0.2 * (i % 2), 0.2), 0, 1)),
            "old": float(np.clip(generator.normal(0.45 + 0.1 * (i % 2), 0.2), 0, 1)),
        }
        for model in columns.MODELS:
            for feature in FEATURES:
                value = 0.0 if (feature, model) == ("zero", columns.BASELINE) else generator.normal(0.5, 1)
                row[columns.attribution_column(model, feature)] = value
        result.append(row)
    return result


@pytest.fixture(scope="session")
def one_model_rows(rows) -> list[dict[str, object]]:
    return [{k: v for k, v in row.items() if not k.startswith("tfx_explain/baseline")} for row in rows]


@pytest.fixture(scope="session")
def stock() -> Callable[..., str]:
    def run(eval_config: config_pb2.EvalConfig, pattern: str, output: Path) -> str:
        """TFMA as a stock Evaluator runs it, over predictions in the records and attributions; returns the output."""
        models = list(eval_config.model_specs)
        read = config_pb2.EvalConfig(model_specs=models, slicing_specs=eval_config.slicing_specs)
        read.cross_slicing_specs.extend(eval_config.cross_slicing_specs)
        extractors = [attributions_extractor(read), *tfma.default_extractors(eval_config=read)]
        evaluator = tfma.evaluators.MetricsPlotsAndValidationsEvaluator(eval_config)
        paths = {key: str(output / key) for key in (tfma.METRICS_KEY, tfma.VALIDATIONS_KEY)}
        writer = tfma.writers.MetricsPlotsAndValidationsWriter(
            paths, eval_config, rubber_stamp=not any(model.is_baseline for model in models)
        )
        with beam.Pipeline() as pipeline:
            batches = pipeline | tf_example_record.TFExampleRecord(pattern, telemetry_descriptors=["test"]).BeamSource()
            extracts = batches | tfma.BatchedInputsToExtracts()
            evaluation = extracts | tfma.ExtractAndEvaluate(extractors, [evaluator])
            evaluation | tfma.WriteResults([writer])
        return str(output)

    return run


@pytest.fixture(scope="session")
def said_by_tfma() -> Callable[[validation_result_pb2.ValidationResult], tuple]:
    def said(validation: validation_result_pb2.ValidationResult) -> tuple:
        """What a validation result says, in an order of its own."""
        found = set()
        for of_slice in validation.metric_validations_per_slice:
            at = of_slice.slice_key.SerializeToString() + of_slice.cross_slice_key.SerializeToString()
            for failure in of_slice.failures:
                found.add((at, failure.SerializeToString(deterministic=True)))
        missing = [*validation.missing_slices, *validation.missing_cross_slices]
        details = validation.validation_details.slicing_details
        return (
            validation.validation_ok,
            validation.missing_thresholds,
            found,
            {m.SerializeToString(deterministic=True) for m in missing},
            {d.SerializeToString(deterministic=True) for d in details},
        )

    return said


@pytest.fixture(scope="session")
def records(tmp_path_factory, write_split, rows) -> str:
    return write_split(tmp_path_factory.mktemp("attributions"), rows)


@pytest.fixture(scope="session")
def one_model_records(tmp_path_factory, write_split, one_model_rows) -> str:
    return write_split(tmp_path_factory.mktemp("attributions"), one_model_rows)


@pytest.fixture(scope="session")
def evaluation(tmp_path_factory, stock, records, config, metric) -> str:
    """An evaluation of two models with AUC, on the whole and on the slices of `sex`."""
    eval_config = config(metric("AUC"), models=TWO_MODELS, slices=({}, {"feature_keys": ["sex"]}))
    return stock(eval_config, records, tmp_path_factory.mktemp("evaluation"))


@pytest.fixture(scope="session")
def one_model_evaluation(tmp_path_factory, stock, one_model_records, config, metric) -> str:
    model = config_pb2.ModelSpec(prediction_key="new", label_key="label")
    eval_config = config(metric("AUC"), models=[model], slices=({}, {"feature_keys": ["sex"]}))
    return stock(eval_config, one_model_records, tmp_path_factory.mktemp("evaluation"))


@pytest.fixture
def run(tmp_path):
    def judge(eval_config, evaluations=(), patterns=(), policy=None, **more):
        output = tmp_path / "validation"
        output.mkdir(exist_ok=True)
        attributions = {f"split {i}": os.path.dirname(pattern) for i, pattern in enumerate(patterns)}
        sources = Sources(evaluations=evaluations, attributions=attributions, **more)
        if isinstance(policy, str):
            policy = explanation_pb2.GatePolicy(missing_baseline=policy)
        return validate(eval_config, policy or explanation_pb2.GatePolicy(), sources, beam.Pipeline, str(output))

    return judge


@pytest.fixture
def write_evaluation(tmp_path):
    def write(slices, folder="evaluation"):
        """Writes metrics as TFMA does: by slice, then by key a value or a (value, low, high)."""
        path = tmp_path / folder
        path.mkdir()
        with tf.io.TFRecordWriter(str(path / "metrics-00000-of-00001.tfrecord")) as writer:
            for slice_key, metrics in slices.items():
                bounded: dict = {}
                for k, value in metrics.items():
                    bounded[k] = value
                    if isinstance(value, tuple):
                        names = ("value", "lower_bound", "upper_bound")
                        values = {name: {"value": number} for name, number in zip(names, value, strict=True)}
                        bounded[k] = metrics_for_slice_pb2.BoundedValue(**values)
                proto = tfma.writers.convert_slice_metrics_to_proto((slice_key, bounded), add_metrics_callbacks=[])
                writer.write(proto.SerializeToString())
        return str(path)

    return write
