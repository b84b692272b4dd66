"""Gathering the evidence: reading evaluations, computing metrics over attributions, joining them under one config."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping

import apache_beam as beam
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.reading import baseline, explanations
from tfx_explain.gate.reading.evaluations import SliceMetrics, Slices, keys_of, read_metrics
from tfx_explain.gate.reading.evidence import Evidence, Sources
from tfx_explain.gate.slices import features_of, features_of_specs, is_asked_for, printed
from tfx_explain.metrics import configs
from tfx_explain.metrics.evaluate import evaluate_attributions, summarize_records
from tfx_explain.metrics.naming import unknown_name
from tfx_explain.proto import explanation_pb2
from tfx_explain.storage import columns

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
    evidence = Evidence(eval_config)
    read = dict(_readable_evaluations(sources.evaluations, "the evaluation", evidence))
    _verify_model_name(sources.model_name, read)
    records = _readable_records(sources.attributions, policy, evidence)
    for path in sources.evaluations:
        _read_summary(f"the evaluation {path}", path, policy, evidence)
    if records:
        name = ", ".join(records)
        config, added = explanations.with_quality(evidence.eval_config)
        with make_pipeline() as pipeline:
            evaluate_attributions(pipeline, list(records.values()), output_path, config)
        found = read_metrics(output_path)
        evidence.problems += explanations.record_problems(name, found, policy)
        read[name] = explanations.without(found, added)
    earlier = dict(_readable_evaluations(sources.baseline_evaluations, "the baseline evaluation", evidence))
    evidence.has_baseline |= sources.has_baseline or bool(sources.baseline_evaluations)
    evidence.has_baseline |= any(_has_baseline(found, sources.model_name) for found in read.values())
    _join(evidence, read, earlier, sources.model_name)
    return evidence


def _readable_evaluations(paths: Iterable[str], kind: str, evidence: Evidence) -> Iterator[tuple[str, Slices]]:
    """Yields the metrics of each evaluation under a name for people; notes those that can't be read."""
    for path in paths:
        name = f"{kind} {path}"
        try:
            metrics = read_metrics(path)
        except ValueError as error:
            evidence.unreadable.append(f"There is damage in {name}: {error}.")
            continue
        if not metrics:
            evidence.unreadable.append(f"There are no metrics in {name}.")
        counts = [key for key in keys_of(metrics) if key.name == _COUNT and not key.is_diff]
        for slice_key, found in metrics.items():
            if any(found.values.get(key) == 0 for key in counts):
                evidence.problems.append(f"There are no examples on {printed(slice_key)} in {name}.")
        yield name, metrics


def _readable_records(
    attributions: Mapping[str, str], policy: explanation_pb2.GatePolicy, evidence: Evidence
) -> dict[str, str]:
    """Returns the globs that match records, and notes what they tell: emptiness, and whether there is a baseline."""
    readable = {}
    summaries = {}
    for name, pattern in attributions.items():
        root = os.path.dirname(os.path.dirname(pattern))
        if root not in summaries:
            summaries[root] = _read_summary(f"the attributions {root}", root, policy, evidence)
        try:
            summary = summarize_records([pattern])
            explanations.verify_rows(pattern, summary.rows, summaries[root])
        except ValueError as error:
            evidence.unreadable.append(f"There is damage in {name}. {error}.")
            continue
        if not summary.rows:
            evidence.unreadable.append(f"There are no records in {name} ({os.path.dirname(pattern)}).")
        elif not summary.features(columns.CANDIDATE):
            evidence.unreadable.append(
                f"There are no attributions in the records of {name}: they lack the columns "
                f"{columns.attribution_column(columns.CANDIDATE, '<feature>')} that an Explainer writes."
            )
        else:
            evidence.has_baseline |= summary.has_baseline
            evidence.eval_config = configs.with_features(evidence.eval_config, summary.features(columns.CANDIDATE))
            readable[name] = pattern
    return readable


def _read_summary(
    place: str, directory: str, policy: explanation_pb2.GatePolicy, evidence: Evidence
) -> explanations.Summary | None:
    """Returns an Explainer's counts, if there are any, and notes what they forbid."""
    try:
        summary = explanations.read_summary(directory)
    except ValueError as error:
        evidence.unreadable.append(f"There is damage in {place}: {error}.")
        return None
    evidence.problems += explanations.summary_problems(place, summary or {}, policy)
    return summary


def _verify_model_name(model_name: str, read: Mapping[str, Slices]) -> None:
    models = {name for slices in read.values() for name in _models(slices)}
    if model_name and models - {""} and model_name not in models:
        raise ValueError(f"The evaluations have an {unknown_name('model', model_name, models - {''})}.")


def _models(slices: Slices) -> set[str]:
    return {key.model_name for key in keys_of(slices)}


def _has_baseline(slices: Slices, model_name: str) -> bool:
    others = _models(slices) - {"", model_name or tfma.CANDIDATE_KEY}
    return bool(others) or any(key.is_diff for key in keys_of(slices))


def _join(evidence: Evidence, read: Mapping[str, Slices], earlier: Mapping[str, Slices], model_name: str) -> None:
    """Joins what was read, under the names and slices of the gate's config."""
    config = configs.with_defaults(evidence.eval_config, evidence.has_baseline)
    spec = tfma.utils.get_baseline_model_spec(config)
    baseline_name = spec.name if spec else ""
    thresholds = tfma.metrics.metric_thresholds_from_metrics_specs(config.metrics_specs, eval_config=config)
    needed = {
        version
        for key in thresholds
        for version in (key, key._replace(is_diff=False), key.make_baseline_key(baseline_name))
    }
    for source, found in read.items():
        evidence.add(source, _as_configured(found, config, model_name, baseline_name), needed)
    for name, found in earlier.items():
        try:
            baseline.join(evidence.slices, found, baseline_name)
        except ValueError as error:
            evidence.problems.append(f"The gate can't take the baseline model's values from {name}: {error}")
    evidence.problems += _unknown_slices(evidence, config, thresholds)


def _as_configured(slices: Slices, config: config_pb2.EvalConfig, model_name: str, baseline_name: str) -> Slices:
    """Returns the slices that the config asks for, as a stock Evaluator would compute them, under its models' names."""
    candidate = next(iter(tfma.utils.get_non_baseline_model_specs(config))).name
    names = {"": candidate}
    if model_name:
        names[model_name] = candidate
        others = _models(slices) - names.keys()
        names.update(dict.fromkeys(others, baseline_name) if len(others) == 1 else {})
    renamed = {key: key._replace(model_name=names.get(key.model_name, key.model_name)) for key in keys_of(slices)}
    asked = {slice_key: metrics for slice_key, metrics in slices.items() if is_asked_for(slice_key, config)}
    if all(key == new for key, new in renamed.items()):
        return asked
    return {
        slice_key: SliceMetrics(
            {renamed[key]: value for key, value in metrics.values.items()},
            {renamed[key]: interval for key, interval in metrics.intervals.items()},
        )
        for slice_key, metrics in asked.items()
    }


def _unknown_slices(
    evidence: Evidence, config: config_pb2.EvalConfig, thresholds: Mapping[tfma.metrics.MetricKey, Iterable]
) -> Iterator[str]:
    """Yields sentences about features that the config slices by and no source does."""
    if any(spec.slice_keys_sql for spec in config.slicing_specs):
        return
    asked = configs.slice_keys(config)
    asked |= features_of_specs(spec for found in thresholds.values() for spec, _ in found)
    known = features_of(evidence.slices)
    for name in sorted(asked - known):
        yield f"The gate's config slices by an {unknown_name('feature', name, known)}; no source has a slice by it."
