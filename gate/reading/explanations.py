"""How far an explanation speaks for its rows: those that were dropped, and those that missed their tolerance."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterator, Mapping

from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.reading.evaluations import Slices
from tfx_explain.gate.reading.provenance import verify_provenance
from tfx_explain.metrics import configs, quality
from tfx_explain.proto import explanation_pb2
from tfx_explain.storage.influence import uninfluenced
from tfx_explain.storage.summary import SUMMARY_FILE, Summary, read_summaries

MAX_FAILED_FRACTION = 0.01
MAX_TOLERANCE_MISSED_FRACTION = 0.1

_METRICS = (quality.ExplainedRows, quality.FailedRows, quality.ToleranceMissed, quality.UninfluencedRows)
_SPLIT = "Split-"


def read_summary(directory: str) -> Mapping[str, Summary] | None:
    """Reads the summary that an Explainer leaves beside its records.

    Args:
      directory: Of the attributions or the evaluation.

    Returns:
      By split, what it says; None where there is no summary.

    Raises:
      ValueError: It is damaged, or contradicts itself.
    """
    summary = read_summaries(directory)
    path = os.path.join(directory, SUMMARY_FILE)
    for split, found in (summary or {}).items():
        if not _is_consistent(found):
            raise ValueError(f"{path} is damaged: the counts of split {split!r} contradict each other")
        try:
            verify_provenance(found.provenance)
        except ValueError as error:
            raise ValueError(f"{path} is damaged or something else: {error}") from error
        if found.provenance.get("split", split) != split:
            raise ValueError(f"{path} is damaged: what it says of split {split!r} is of {found.provenance['split']!r}")
    return summary


def summary_problems(place: str, summary: Mapping[str, Summary], policy: explanation_pb2.GatePolicy) -> Iterator[str]:
    """Yields sentences about splits of which too many rows were dropped or missed their tolerance."""
    for split, found in summary.items():
        where = f"{place}, split {split!r}"
        yield from _failed(where, found.rows_failed, found.rows_read, policy)
        yield from _missed(where, found.tolerance_not_met, found.rows_explained, policy)
        for sentence in uninfluenced(found.rows_by_class, found.rows_without_influence_by_class):
            yield f"{where}: {sentence}"


def verify_rows(split: str, rows: int, digest: int, summary: Mapping[str, Summary] | None) -> None:
    """Holds a split's records against what the Explainer says that it wrote.

    Raises:
      ValueError: They differ, or the summary is of other splits.
    """
    if summary is None:
        return
    if split not in summary:
        raise ValueError(f"The Explainer's {SUMMARY_FILE} is of other splits ({', '.join(summary) or 'none'})")
    written = summary[split].rows_explained
    if written != rows:
        raise ValueError(f"It has {rows} records, but the Explainer wrote {written} ({SUMMARY_FILE})")
    if summary[split].records_digest not in (0, digest):
        raise ValueError(
            f"Its {rows} records are not those that the Explainer wrote ({SUMMARY_FILE}), but of another split or run"
        )


def split_of(folder: str) -> str:
    """Returns the name of the split whose records are in a folder."""
    return os.path.basename(folder.rstrip("/")).removeprefix(_SPLIT)


def with_quality(eval_config: config_pb2.EvalConfig) -> tuple[config_pb2.EvalConfig, set[str]]:
    """Returns a config with the metrics that `record_problems` asks, on the whole, and the names of those it lacked."""
    result = config_pb2.EvalConfig()
    result.CopyFrom(eval_config)
    present = {type(metric) for metric in configs.metric_instances(eval_config)}
    missing = [metric for metric in _METRICS if metric not in present]
    result.metrics_specs.add(
        metrics=[config_pb2.MetricConfig(class_name=metric.__name__, module=configs.MODULE) for metric in missing]
    )
    if config_pb2.SlicingSpec() not in result.slicing_specs:
        result.slicing_specs.add()
    return result, {str(metric().name) for metric in missing}


def without(slices: Slices, names: Collection[str]) -> Slices:
    """Returns metrics without those of the given names."""
    return {slice_key: metrics.without(names) for slice_key, metrics in slices.items()}


def record_problems(place: str, slices: Slices, policy: explanation_pb2.GatePolicy) -> Iterator[str]:
    """Yields sentences about attribution records of which too many have failed or missed their tolerance.

    Args:
      place: What the records are, for people.
      slices: The metrics over them.
      policy: The bounds.
    """
    overall = slices[()].values if () in slices else {}
    models = dict.fromkeys(key.model_name for key in overall)
    for model in models:
        found = {key.name: value for key, value in overall.items() if key.model_name == model and not key.is_diff}
        explained, failed, missed, without = (found.get(name, math.nan) for name in _NAMES)
        where = f"{place}, {model} model" if len(models) > 1 else place
        yield from _failed(where, failed, explained + failed, policy)
        if not math.isnan(missed) or policy.HasField("max_tolerance_missed_fraction"):
            yield from _missed(where, missed * explained, explained, policy)
        if without > 0:
            yield (
                f"{where}: {without:g} of {explained:g} rows are of classes on which no feature has any influence: all "
                "their attributions are 0, which explains nothing. Let the Explainer explain log-odds (output_scale), "
                "or other classes."
            )


def _is_consistent(found: Summary) -> bool:
    is_sum = found.rows_read == found.rows_explained + found.rows_failed
    return is_sum and found.tolerance_not_met <= found.rows_explained


def _failed(where: str, failed: float, read: float, policy: explanation_pb2.GatePolicy) -> Iterator[str]:
    bound = policy.max_failed_fraction if policy.HasField("max_failed_fraction") else MAX_FAILED_FRACTION
    if not failed <= bound * read:
        yield (
            f"{where}: {failed:g} of {read:g} rows could not be explained, more than max_failed_fraction, {bound:g}; "
            "what is left may not speak for them."
        )


def _missed(where: str, missed: float, explained: float, policy: explanation_pb2.GatePolicy) -> Iterator[str]:
    bound = MAX_TOLERANCE_MISSED_FRACTION
    if policy.HasField("max_tolerance_missed_fraction"):
        bound = policy.max_tolerance_missed_fraction
    if not missed <= bound * explained:
        yield (
            f"{where}: the attributions of {missed:g} of {explained:g} rows missed their tolerance, more than "
            f"max_tolerance_missed_fraction, {bound:g}; let the Explainer spend more on a row, or widen its tolerance."
        )


_NAMES = [str(metric().name) for metric in _METRICS]
ROWS = _NAMES[:1]
