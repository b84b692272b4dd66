"""Joining what sources say under the names of models, and the slices, that the gate's config has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.reading import baseline
from tfx_explain.gate.reading.evaluations import Metrics, SliceMetrics, Slices, keys_of
from tfx_explain.gate.reading.evidence import Evidence
from tfx_explain.gate.slices import features_of, features_of_specs, is_asked_for, printed
from tfx_explain.metrics import configs
from tfx_explain.metrics.naming import unknown_name


def join(evidence: Evidence, read: Mapping[str, Slices], earlier: Mapping[str, Slices], model_name: str) -> None:
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
        try:
            renamed = _as_configured(found, config, names_in_config(models_of(found), config, model_name))
        except ValueError as error:
            evidence.unreadable.append(f"There is damage in {source}: {error}.")
            continue
        evidence.add(source, renamed, needed)
    before = {}
    for name, found in earlier.items():
        try:
            before[name] = baseline.as_baseline(found, baseline_name)
        except ValueError as error:
            evidence.problems.append(f"The gate can't take the baseline model's values from {name}: {error}")
    baseline.join(evidence.slices, _of_config(baseline.merged(before, needed), config, needed), baseline_name)
    if not evidence.unreadable:
        evidence.problems += _unknown_slices(evidence, config, thresholds)


def models_of(slices: Slices) -> set[str]:
    """Returns the names of the models that metrics are of."""
    return {key.model_name for key in keys_of(slices)}


def names_in_config(models: Collection[str], config: config_pb2.EvalConfig, model_name: str) -> dict[str, str]:
    """Returns the names that the gate's config has for models that an evaluation calls otherwise.

    Args:
      models: The names in the evaluation.
      config: The gate's config with TFMA's defaults filled in.
      model_name: The candidate's name in the evaluations; empty for the one that the config has.
    """
    candidate = next(iter(tfma.utils.get_non_baseline_model_specs(config))).name
    spec = tfma.utils.get_baseline_model_spec(config)
    names = {"": candidate}
    if not model_name and candidate == "":
        names[tfma.CANDIDATE_KEY] = candidate
    elif model_name:
        names[model_name] = candidate
        others = set(models) - names.keys()
        names.update(dict.fromkeys(others, spec.name if spec else "") if len(others) == 1 else {})
    return names


def _as_configured(slices: Slices, config: config_pb2.EvalConfig, names: Mapping[str, str]) -> Slices:
    """Returns the slices that the config asks for, as a stock Evaluator would compute them, under its models' names.

    Raises:
      ValueError: Two models get one name, and differ.
    """
    renamed = {key: key._replace(model_name=names.get(key.model_name, key.model_name)) for key in keys_of(slices)}
    asked = {slice_key: metrics for slice_key, metrics in slices.items() if is_asked_for(slice_key, config)}
    if all(key == new for key, new in renamed.items()):
        return asked
    result = {}
    for slice_key, metrics in asked.items():
        values: Metrics = {}
        for key, value in metrics.values.items():
            if repr(values.setdefault(renamed[key], value)) != repr(value):
                models = sorted({k.model_name for k in metrics.values if renamed[k] == renamed[key]})
                raise ValueError(
                    f"{key.name} on {printed(slice_key)} is there twice, of the models "
                    f"{' and '.join(map(repr, models))}, which are both the candidate"
                )
        intervals = {renamed[key]: interval for key, interval in metrics.intervals.items()}
        notes = {renamed[key]: note for key, note in metrics.notes.items()}
        result[slice_key] = SliceMetrics(values, intervals, notes)
    return result


def _of_config(slices: Slices, config: config_pb2.EvalConfig, needed: Collection[tfma.metrics.MetricKey]) -> Slices:
    """Returns the slices that the config asks for and that have a needed metric."""
    return {
        slice_key: metrics
        for slice_key, metrics in slices.items()
        if not metrics.values.keys().isdisjoint(needed) and is_asked_for(slice_key, config)
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
