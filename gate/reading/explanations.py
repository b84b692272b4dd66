"""How far an explanation speaks for its rows: those that were dropped, and those that missed their tolerance."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.reading.evaluations import SliceMetrics, Slices
from tfx_explain.gate.reading.provenance import verify_provenance
from tfx_explain.metrics import configs, quality
from tfx_explain.proto import explanation_pb2
from tfx_explain.storage.influence import uninfluenced
from tfx_explain.storage.integrity import read_part

SUMMARY_FILE = "summary.json"
MAX_FAILED_FRACTION = 0.01
MAX_TOLERANCE_MISSED_FRACTION = 0.1

_COUNTS = ("rows_read", "rows_explained", "rows_failed", "tolerance_not_met")
_BY_CLASS = ("rows_by_class", "rows_without_influence_by_class")
_METRICS = (quality.ExplainedRows, quality.FailedRows, quality.ToleranceMissed, quality.UninfluencedRows)
_DIGEST = "records_digest"
_SPLIT = "Split-"


@dataclass(frozen=True)
class SplitSummary:
    """What an Explainer says of a split.

    Attributes:
      counts: Of rows, by `_COUNTS`.
      by_class: Of rows, by `_BY_CLASS` and class.
      digest: Of the records, see `integrity.records_digest`; None where an older Explainer said nothing.
      provenance: Of what they are, see `tfx_explain.beam.provenance`; empty where an older Explainer said nothing.
    """

    counts: Mapping[str, int]
    by_class: Mapping[str, Mapping[str, int]]
    digest: int | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)


Summary = Mapping[str, SplitSummary]


def read_summary(directory: str) -> Summary | None:
    """Reads the summary that an Explainer leaves beside its records.

    Args:
      directory: Of the attributions or the evaluation.

    Returns:
      By split, what it says; None where there is no summary.

    Raises:
      ValueError: It is damaged.
    """
    summary = read_part(directory, SUMMARY_FILE, _parse_summary, "it holds no counts of rows by split")
    path = os.path.join(directory, SUMMARY_FILE)
    for split, found in (summary or {}).items():
        if not _is_consistent(found.counts):
            raise ValueError(f"{path} is damaged: the counts of split {split!r} contradict each other")
        if found.provenance.get("split", split) != split:
            raise ValueError(f"{path} is damaged: what it says of split {split!r} is of {found.provenance['split']!r}")
    return summary


def _parse_summary(content: bytes) -> dict[str, SplitSummary]:
    return {split: _of_split(found) for split, found in json.loads(content).items()}


def _of_split(found: Mapping[str, Any]) -> SplitSummary:
    provenance = found.get("provenance", {})
    verify_provenance(provenance)
    digest = int(found[_DIGEST], 16) if _DIGEST in found else None
    by_class = {name: dict(found.get(name, {})) for name in _BY_CLASS}
    if not all(type(rows) is int and rows >= 0 for counts in by_class.values() for rows in counts.values()):
        raise ValueError("numbers of rows by class are something else")
    return SplitSummary({name: found[name] for name in _COUNTS}, by_class, digest, provenance)


def summary_problems(place: str, summary: Summary, policy: explanation_pb2.GatePolicy) -> Iterator[str]:
    """Yields sentences about splits of which too many rows were dropped or missed their tolerance."""
    for split, found in summary.items():
        where, counts = f"{place}, split {split!r}", found.counts
        yield from _failed(where, counts["rows_failed"], counts["rows_read"], policy)
        yield from _missed(where, counts["tolerance_not_met"], counts["rows_explained"], policy)
        for sentence in uninfluenced(*(found.by_class[name] for name in _BY_CLASS)):
            yield f"{where}: {sentence}"


def verify_rows(split: str, rows: int, digest: int, summary: Summary | None) -> None:
    """Holds a split's records against what the Explainer says that it wrote.

    Raises:
      ValueError: They differ, or the summary is of other splits.
    """
    if summary is None:
        return
    if split not in summary:
        raise ValueError(f"The Explainer's {SUMMARY_FILE} is of other splits ({', '.join(summary) or 'none'})")
    written = summary[split].counts["rows_explained"]
    if written != rows:
        raise ValueError(f"It has {rows} records, but the Explainer wrote {written} ({SUMMARY_FILE})")
    if summary[split].digest not in (None, digest):
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
    return {
        slice_key: SliceMetrics(
            {key: value for key, value in metrics.values.items() if key.name not in names},
            {key: interval for key, interval in metrics.intervals.items() if key.name not in names},
        )
        for slice_key, metrics in slices.items()
    }


def record_problems(place: str, slices: Slices, policy: explanation_pb2.GatePolicy) -> Iterator[str]:
    """Yields sentences about attribution records of which too many have failed or missed their tolerance.

    Args:
      place: What the records are, for people.
      slices: The metrics over them.
      policy: The bounds.
    """
    overall = slices[()].values if () in slices else {}
    for model in dict.fromkeys(key.model_name for key in overall):
        found = {key.name: value for key, value in overall.items() if key.model_name == model and not key.is_diff}
        explained, failed, missed, without = (found.get(name, math.nan) for name in _NAMES)
        where = f"{place}, {model} model" if model else place
        yield from _failed(where, failed, explained + failed, policy)
        if not math.isnan(missed) or policy.HasField("max_tolerance_missed_fraction"):
            yield from _missed(where, missed * explained, explained, policy)
        if without > 0:
            yield (
                f"{where}: {without:g} of {explained:g} rows are of classes on which no feature has any influence: all "
                "their attributions are 0, which explains nothing. Let the Explainer explain log-odds (output_scale), "
                "or other classes."
            )


def _is_consistent(counts: Mapping[str, Any]) -> bool:
    read, explained, failed, missed = (counts[name] for name in _COUNTS)
    if not all(type(count) is int and count >= 0 for count in (read, explained, failed, missed)):
        return False
    return read == explained + failed and missed <= explained


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
