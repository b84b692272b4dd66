"""What a verdict is decided on: metrics by slice, from an Evaluator's evaluation and an Explainer's attributions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf.message import DecodeError
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.slicer import slicer_lib

from tfx_explain.metrics import columns, configs
from tfx_explain.metrics.evaluate import evaluate_attributions, summarize_records
from tfx_explain.metrics.integrity import verify_whole

SliceKey = tuple[Any, ...]
Metrics = dict[tfma.metrics.MetricKey, float]


@dataclass
class Evidence:
    """Metrics from several sources, joined by slice.

    Attributes:
      eval_config: The gate's config, with a metric for every feature that a glob in it matches.
      slices: By TFMA's slice key or cross-slice key, the metrics there. A value that isn't one number is NaN.
      sources: By metric key, where it comes from.
      has_baseline: Whether any source knows a baseline model.
      problems: Sentences about sources that say nothing; each forbids a blessing.
    """

    eval_config: config_pb2.EvalConfig
    slices: dict[SliceKey, Metrics] = field(default_factory=dict)
    sources: dict[tfma.metrics.MetricKey, str] = field(default_factory=dict)
    has_baseline: bool = False
    problems: list[str] = field(default_factory=list)

    def add(self, source: str, slices: Mapping[SliceKey, Metrics], gated: Iterable[tfma.metrics.MetricKey]) -> None:
        """Joins the metrics of a source.

        Args:
          source: For people: what it is and where it lies.
          slices: The source's metrics by slice.
          gated: The metrics that a threshold is for.

        Raises:
          ValueError: A gated metric was in another source already.
        """
        keys = {key for metrics in slices.values() for key in metrics}
        for key in keys.intersection(gated):
            if key in self.sources:
                raise ValueError(
                    f"The metric {key.name} is in two places, in {self.sources[key]} and in {source}; the gate can't "
                    "tell which one counts. Remove it from one of them."
                )
        for slice_key, metrics in slices.items():
            self.slices.setdefault(slice_key, {}).update(metrics)
        self.sources.update(dict.fromkeys(keys, source))


def read_metrics(path: str) -> dict[SliceKey, Metrics]:
    """Reads a ModelEvaluation's metrics by slice, keyed as TFMA's validator takes them.

    Raises:
      ValueError: A file is damaged.
    """
    for file in tf.io.gfile.glob(os.path.join(path, f"{tfma.METRICS_KEY}*.tfrecord")):
        verify_whole(file)
    result: dict[SliceKey, Metrics] = {}
    for metrics in tfma.load_metrics(path):
        result.setdefault(_slice_key(metrics), {}).update(map(_metric, metrics.metric_keys_and_values))
    return result


def gather(
    eval_config: config_pb2.EvalConfig,
    evaluations: Sequence[str],
    attributions: Mapping[str, str],
    make_pipeline: Callable[[], beam.Pipeline],
    output_path: str,
    has_baseline: bool,
) -> Evidence:
    """Reads evaluations, computes the metrics over attributions, and joins both.

    Args:
      eval_config: The gate's config as the user wrote it.
      evaluations: Directories of ModelEvaluations.
      attributions: By a name for people, globs of attribution records.
      make_pipeline: Makes the Beam pipeline that reads the records.
      output_path: Where the metrics over attributions are written, a ModelEvaluation of their own.
      has_baseline: Whether there is a baseline model for certain.

    Returns:
      The evidence, with the models named as `configs.with_defaults` names them and without the slices that the config
      doesn't ask for.

    Raises:
      ValueError: The config names what the records lack, or two sources hold the same metric.
    """
    evidence = Evidence(eval_config)
    read = dict(_readable_evaluations(evaluations, evidence))
    records = _readable_records(attributions, evidence)
    if records and configs.attribution_config(eval_config).metrics_specs:
        with make_pipeline() as pipeline:
            evaluate_attributions(pipeline, list(records.values()), output_path, evidence.eval_config)
        read[", ".join(records)] = read_metrics(output_path)
    evidence.has_baseline |= has_baseline or any(_models(found) - {""} for found in read.values())
    config = configs.with_defaults(evidence.eval_config, evidence.has_baseline)
    gated = tfma.metrics.metric_thresholds_from_metrics_specs(config.metrics_specs, eval_config=config)
    for source, found in read.items():
        evidence.add(source, _as_configured(found, config), gated)
    return evidence


def _readable_evaluations(
    evaluations: Iterable[str], evidence: Evidence
) -> Iterator[tuple[str, dict[SliceKey, Metrics]]]:
    """Yields the metrics of each evaluation under a name for people; notes those that can't be read as problems."""
    for path in evaluations:
        name = f"the evaluation {path}"
        try:
            metrics = read_metrics(path)
        except (DecodeError, TypeError, ValueError, tf.errors.OpError) as error:
            first_line = str(error).partition("\n")[0]
            evidence.problems.append(f"There is damage in {name}: its metrics can't be read ({first_line}).")
            continue
        if not metrics:
            evidence.problems.append(f"There are no metrics in {name}.")
        yield name, metrics


def _readable_records(attributions: Mapping[str, str], evidence: Evidence) -> dict[str, str]:
    """Returns the globs that match records, and notes what they tell: emptiness, and whether there is a baseline."""
    readable = {}
    for name, pattern in attributions.items():
        try:
            summary = summarize_records([pattern])
        except ValueError as error:
            evidence.problems.append(f"There is damage in {name}. {error}.")
            continue
        evidence.has_baseline |= summary.has_baseline
        evidence.eval_config = configs.with_features(evidence.eval_config, summary.features(columns.CANDIDATE))
        if summary.rows:
            readable[name] = pattern
        else:
            evidence.problems.append(f"There are no records in {name} ({os.path.dirname(pattern)}).")
    return readable


def _slice_key(metrics: Any) -> SliceKey:
    if metrics.HasField("cross_slice_key"):
        return slicer_lib.deserialize_cross_slice_key(metrics.cross_slice_key)
    return slicer_lib.deserialize_slice_key(metrics.slice_key)


def _metric(item: Any) -> tuple[tfma.metrics.MetricKey, float]:
    value = item.value.double_value.value if item.value.WhichOneof("type") == "double_value" else float("nan")
    return tfma.metrics.MetricKey.from_proto(item.key), value


def _models(slices: Mapping[SliceKey, Metrics]) -> set[str]:
    return {key.model_name for metrics in slices.values() for key in metrics}


def _as_configured(slices: Mapping[SliceKey, Metrics], config: config_pb2.EvalConfig) -> dict[SliceKey, Metrics]:
    """Returns the slices that the config asks for, as a stock Evaluator would compute them, under its model's name."""
    candidate = next(iter(tfma.utils.get_non_baseline_model_specs(config))).name
    return {
        slice_key: {k._replace(model_name=candidate) if not k.model_name else k: v for k, v in metrics.items()}
        for slice_key, metrics in slices.items()
        if _is_asked_for(slice_key, config)
    }


def _is_asked_for(slice_key: SliceKey, config: config_pb2.EvalConfig) -> bool:
    crosses = config.cross_slicing_specs
    if slicer_lib.is_cross_slice_key(slice_key):
        baseline, comparison = slice_key
        return any(
            _matches(baseline, [c.baseline_spec]) and (not c.slicing_specs or _matches(comparison, c.slicing_specs))
            for c in crosses
        )
    # TFMA computes, and holds against the thresholds, the two sides of a cross-slice as well.
    sides = [spec for c in crosses for spec in (c.baseline_spec, *c.slicing_specs)]
    specs = [*config.slicing_specs, *sides] or [config_pb2.SlicingSpec()]
    return any(spec.slice_keys_sql for spec in specs) or _matches(slice_key, specs)


def _matches(slice_key: SliceKey, specs: Iterable[config_pb2.SlicingSpec]) -> bool:
    return any(tfma.slicer.SingleSliceSpec(spec=spec).is_slice_applicable(slice_key) for spec in specs)
