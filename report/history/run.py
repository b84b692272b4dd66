"""One run as a history shows it, and how far it is from others."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import numpy as np
import pandas as pd

from tfx_explain.gate.reading.explanations import read_summary
from tfx_explain.gate.reading.provenance import way
from tfx_explain.gate.reading.shards import split_folders
from tfx_explain.metrics.drift import importance_ndcg, largest_share_change
from tfx_explain.report.decision import Decision, read_decision
from tfx_explain.report.drawn import PICTURES, Drawn, draw_overlays
from tfx_explain.report.evidence import Evidence, read_evidence
from tfx_explain.report.history.left import Left
from tfx_explain.report.importance import Importance, importances
from tfx_explain.report.pictures import most_changed_of
from tfx_explain.storage import columns
from tfx_explain.storage.directory import scratch_beside

FIRST, LAST_BLESSED, BASELINE_MODEL = REFERENCES = ("first", "last_blessed", "baseline_model")


@dataclass(frozen=True)
class Drift:
    """How far a run's attributions are from others.

    Attributes:
      run: The number of the run compared with; 0: the baseline model, on this run's own rows.
      ndcg: `metrics.drift.importance_ndcg` of this run's importances, against the other ones; NaN: not known.
      change: The largest change of any feature's share, from 0 to 1; NaN: not known.
      feature: Whose share changed most; empty: not known.
    """

    run: int
    ndcg: float
    change: float
    feature: str


@dataclass(frozen=True)
class Run:
    """What is known of a run.

    Attributes:
      number: From 1 on.
      left: What it left.
      decision: The gate's; None: there is none, or it can't be read.
      importances: Every feature's part of the total absolute attribution; empty: not known.
      rows: How many records there are.
      models: By "candidate" and "baseline", `uri` and `fingerprint`, as far as known.
      way: How rows were explained, for what doesn't compare with other runs; empty: not known.
      problems: What is wrong with it, in sentences.
      drift: By `REFERENCES`, as far as there is something to compare with.
      sample: Some rows, as `read_attributions` gives them; None: not asked for, or not known.
      overlays: Pictures with their maps, where there are maps and a sample is asked for.
    """

    number: int
    left: Left
    decision: Decision | None = None
    importances: Sequence[Importance] = ()
    rows: int = 0
    models: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    way: Mapping[str, Any] = field(default_factory=dict)
    problems: Sequence[str] = ()
    drift: Mapping[str, Drift] = field(default_factory=dict)
    sample: pd.DataFrame | None = None
    overlays: Sequence[Drawn] = ()

    @property
    def time(self) -> str:
        """When it was decided on, or was, as far as known."""
        return self.decision.decided_at if self.decision and self.decision.decided_at else self.left.time

    @property
    def is_blessed(self) -> bool:
        """Whether the gate blessed the candidate."""
        return self.decision is not None and self.decision.blessed

    @property
    def reasons(self) -> list[str]:
        """What speaks against the candidate, in sentences."""
        return [*self.decision.problems, *(one.reason for one in self.decision.failed)] if self.decision else []

    def shares(self, model: str = columns.CANDIDATE) -> dict[str, float]:
        """Returns the features' shares of the total absolute attribution in a model."""
        return {one.feature: one.parts[model].share for one in self.importances if model in one.parts}


@dataclass(frozen=True)
class Reading:
    """How runs are read.

    Attributes:
      scratch: A folder that Beam's workers can write to.
      make_pipeline: Makes the Beam pipeline that reads a run's attributions.
      class_name: The class whose attributions are meant, by name or index; empty: the first one of each record.
      with_sample: Whether runs come with a sample of their rows.
    """

    scratch: str
    make_pipeline: Callable[[], beam.Pipeline] = beam.Pipeline
    class_name: str = ""
    with_sample: bool = False


def read_run(number: int, left: Left, reading: Reading) -> Run:
    """Reads what a run left; what can't be read is among the run's problems.

    Args:
      number: From 1 on.
      left: Where it lies.
      reading: How it is read.
    """
    problems = list(left.problems)
    decision, evidence, models, found_way = None, None, {}, {}
    if left.validation:
        try:
            decision = read_decision(left.validation)
            models = dict(decision.models)
        except ValueError as error:
            problems.append(str(error))
    if left.attributions:
        try:
            with scratch_beside(os.path.join(reading.scratch, str(number))) as scratch:
                evidence = read_evidence(_folders(left), reading.class_name, reading.make_pipeline, scratch)
            models, found_way = _provenance(left.attributions, models)
        except ValueError as error:
            problems.append(str(error))
    overlays: Sequence[Drawn] = ()
    if evidence and reading.with_sample:
        pictures = most_changed_of(evidence.records, PICTURES, reading.class_name)
        overlays, not_drawn = draw_overlays(pictures, left.attributions)
        problems += [not_drawn] if not_drawn else []
    return Run(
        number,
        left,
        decision,
        _importances(evidence, problems),
        evidence.rows if evidence else 0,
        models,
        found_way,
        problems,
        sample=evidence.sample if evidence and reading.with_sample else None,
        overlays=overlays,
    )


def drifts(run: Run, before: Sequence[Run]) -> dict[str, Drift]:
    """Returns how far a run is from the first one, from the last blessed one before it, and from its baseline model.

    Args:
      run: The run.
      before: The runs before it, in their order.
    """
    known = [one for one in before if one.importances]
    blessed = [one for one in known if one.is_blessed]
    own = run.shares()
    others = {FIRST: known[:1], LAST_BLESSED: blessed[-1:]}
    found = {name: _drift(one.number, own, one.shares()) for name, runs in others.items() for one in runs if own}
    baseline = run.shares(columns.BASELINE)
    return found | ({BASELINE_MODEL: _drift(0, own, baseline)} if own and baseline else {})


def _drift(number: int, own: Mapping[str, float], other: Mapping[str, float]) -> Drift:
    features = sorted({*own, *other})
    now, then = (np.array([shares.get(name, 0.0) for name in features]) for shares in (own, other))
    if not np.isfinite([now, then]).all():  # All attributions of one of them are 0.
        return Drift(number, np.nan, np.nan, "")
    feature = features[int(np.abs(now - then).argmax())]
    return Drift(number, importance_ndcg(now, then), largest_share_change(now, then), feature)


def _folders(left: Left) -> list[str]:
    return [split for directory in left.attributions for split in split_folders(directory)]


def _importances(evidence: Evidence | None, problems: list[str]) -> Sequence[Importance]:
    if evidence is None:
        return ()
    if columns.CANDIDATE not in evidence.totals:
        problems.append("Its records hold no attributions of a candidate.")
        return ()
    return importances(evidence.totals)


def _provenance(
    directories: Sequence[str], models: Mapping[str, Mapping[str, str]]
) -> tuple[dict[str, Mapping[str, str]], Mapping[str, Any]]:
    """Returns the models that attributions are of, beside those that a verdict names, and how rows were explained."""
    said = [split.provenance for directory in directories for split in (read_summary(directory) or {}).values()]
    claimed = {role: one for provenance in said for role, one in provenance.get("models", {}).items()}
    ways = [way(provenance)["parameters"] for provenance in said if provenance]
    return {**claimed, **models}, ways[0] if ways else {}
