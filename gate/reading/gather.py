"""Gathering the evidence: reading evaluations, computing metrics over attributions, joining them under one config."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import apache_beam as beam
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.ranges import PROPORTIONS
from tfx_explain.gate.reading import explanations
from tfx_explain.gate.reading.evaluations import Slices, keys_of, read_metrics
from tfx_explain.gate.reading.evidence import Evidence, Sources
from tfx_explain.gate.reading.impossible import verify_possible
from tfx_explain.gate.reading.intervals import sound_intervals
from tfx_explain.gate.reading.joining import join, models_of
from tfx_explain.gate.reading.records import read_summary, readable_records
from tfx_explain.gate.reading.shards import record_files
from tfx_explain.gate.reading.whose import tell_whose
from tfx_explain.gate.slices import printed
from tfx_explain.metrics import configs
from tfx_explain.metrics.evaluate import evaluate_attributions
from tfx_explain.metrics.naming import unknown_name
from tfx_explain.proto import explanation_pb2
from tfx_explain.storage.columns import BASELINE

_COUNT = "example_count"


def gather(
    eval_config: config_pb2.EvalConfig,
    policy: explanation_pb2.GatePolicy,
    sources: Sources,
    make_pipeline: Callable[[], beam.Pipeline],
    output_path: str,
) -> Evidence:
    """Reads evaluations, computes the metrics over attributions, and joins both.

    Args:
      eval_config: The gate's config as the user wrote it.
      policy: How far an explanation may fall short.
      sources: Where to look.
      make_pipeline: Makes the Beam pipeline that reads the records.
      output_path: Where the metrics over attributions are written, a ModelEvaluation of their own.

    Returns:
      The evidence, with the models named as `configs.with_defaults` names them and without the slices that the config
      doesn't ask for.

    Raises:
      ValueError: The config names what the records lack, or two sources hold the same metric.
    """
    evidence = Evidence(eval_config, no_baseline=sources.no_baseline)
    evaluations = dict(_readable_evaluations(sources.evaluations, "the evaluation", evidence))
    _verify_model_name(sources.model_name, evaluations)
    records = readable_records(sources.attributions, policy, evidence)
    for path in sources.evaluations:
        read_summary(f"the evaluation {path}", "is", path, policy, evidence)
    read = {f"the evaluation {path}": slices for path, slices in evaluations.items()}
    if records:
        name = ", ".join(records)
        config, added = explanations.with_quality(evidence.eval_config)
        with make_pipeline() as pipeline:
            files = [file for folder in records.values() for file in record_files(folder)]
            evaluate_attributions(pipeline, files, output_path, config, ", ".join(records.values()))
        found = read_metrics(output_path)
        evidence.problems += explanations.record_problems(name, found, policy)
        sound_intervals(found, explanations.ROWS, _proportions(evidence))
        read[name] = explanations.without(found, added)
    earlier = dict(_readable_evaluations(sources.baseline_evaluations, "the baseline evaluation", evidence))
    evidence.has_baseline |= sources.has_baseline or bool(sources.baseline_evaluations) or BASELINE in sources.models
    evidence.has_baseline |= any(_has_baseline(found, sources.model_name) for found in read.values())
    tell_whose(evidence, sources, evaluations, earlier)
    join(
        evidence,
        read,
        {f"the baseline evaluation {path}": found for path, found in earlier.items()},
        sources.model_name,
    )
    return evidence


def _readable_evaluations(paths: Iterable[str], kind: str, evidence: Evidence) -> Iterator[tuple[str, Slices]]:
    """Yields the metrics of each evaluation by its path; notes those that can't be read."""
    known = {str(metric.name): metric for metric in configs.metric_instances(evidence.eval_config)}
    for path in paths:
        name = f"{kind} {path}"
        try:
            metrics = read_metrics(path)
            verify_possible(metrics, known)
        except ValueError as error:
            evidence.unreadable.append(f"There is damage in {name}: {error}.")
            continue
        sound_intervals(metrics, [_COUNT], _proportions(evidence))
        if not metrics:
            evidence.unreadable.append(f"There are no metrics in {name}.")
        counts = [key for key in keys_of(metrics) if key.name == _COUNT and not key.is_diff]
        for slice_key, found in metrics.items():
            if any(found.values.get(key) == 0 for key in counts):
                evidence.problems.append(f"There are no examples on {printed(slice_key)} in {name}.")
        yield path, metrics


def _proportions(evidence: Evidence) -> set[str]:
    """Returns the names of the metrics that are parts of all rows."""
    instances = configs.metric_instances(evidence.eval_config)
    return {str(metric.name) for metric in instances if type(metric).__name__ in PROPORTIONS}


def _verify_model_name(model_name: str, read: Mapping[str, Slices]) -> None:
    models = {name for slices in read.values() for name in models_of(slices)}
    if model_name and models - {""} and model_name not in models:
        raise ValueError(f"The evaluations have an {unknown_name('model', model_name, models - {''})}.")


def _has_baseline(slices: Slices, model_name: str) -> bool:
    others = models_of(slices) - {"", model_name or tfma.CANDIDATE_KEY}
    return bool(others) or any(key.is_diff for key in keys_of(slices))
