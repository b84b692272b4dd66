"""What a gate decided, out of its `verdict.json`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfx_explain.gate.bounds import CHANGE
from tfx_explain.gate.override import Override
from tfx_explain.gate.saying.verdict import JSON_FILE, SCHEMA_VERSION, headline
from tfx_explain.report.scale import Scale, scales
from tfx_explain.storage.integrity import read_part


@dataclass(frozen=True)
class Threshold:
    """One threshold on one slice; numbers are None where there is none.

    Attributes:
      feature: The feature that it is about; empty if it is about the whole model.
      slice: As the verdict prints it.
      passed: The decision; None where it was not asked.
      reason: A sentence.
      numbers: By what they are: candidate, baseline model, change, margin, times the usual variation.
      interval: The 95% confidence interval of what is bounded.
      scales: Where the value stands to the bounds, one a unit.
    """

    feature: str
    slice: str
    passed: bool | None
    reason: str
    numbers: Mapping[str, float]
    interval: tuple[float, float] | None
    scales: Sequence[Scale]

    @property
    def more(self) -> Mapping[str, float]:
        """The numbers that no scale shows."""
        shown = {mark.what for scale in self.scales for mark in scale.marks} | ({"margin"} if self.scales else set())
        return {name: value for name, value in self.numbers.items() if name not in shown}

    @property
    def has_value(self) -> bool:
        """Whether there was anything to hold against the bounds."""
        return bool(self.scales) or "candidate" in self.numbers or "change" in self.numbers


@dataclass(frozen=True)
class Decision:
    """A verdict.

    Attributes:
      blessed: The decision.
      overridden: Whether an override alone blessed it.
      decided_at: When, in UTC as in RFC 3339; empty in verdicts of earlier versions.
      headline: It, and how many thresholds passed.
      capitals: What nobody may overlook: an override that decided, and evidence that can't be read.
      remarks: The lack of a baseline model, an override that did not decide.
      problems: What forbids a blessing beside failed thresholds.
      models: By "candidate" and "baseline", as far as known: `uri` and `fingerprint`.
      records: The digests of the attribution records that it is on; none in verdicts of earlier versions.
      evidence: Whose evidence it is, in sentences.
      failed: The thresholds that failed; where evidence can't be read, without those that found no value.
      passed: The thresholds that passed.
      not_asked: The thresholds that the lack of a baseline model kept from being asked.
    """

    blessed: bool
    overridden: bool
    decided_at: str
    headline: str
    capitals: Sequence[str]
    remarks: Sequence[str]
    problems: Sequence[str]
    models: Mapping[str, Mapping[str, str]]
    records: Sequence[str]
    evidence: Sequence[str]
    failed: Sequence[Threshold]
    passed: Sequence[Threshold]
    not_asked: Sequence[Threshold]


def read_decision(validation: str) -> Decision:
    """Reads the verdict in a gate's `validation` directory.

    Raises:
      ValueError: There is none, or it is damaged.
    """
    found = read_part(validation, JSON_FILE, decision_of, "it is no verdict of a ThresholdValidator")
    if found is None:
        raise ValueError(f"{validation} has no {JSON_FILE}, as a ThresholdValidator's `validation` has; give that one.")
    return found


def decision_of(content: bytes) -> Decision:
    """Returns the verdict that a `verdict.json` holds."""
    said = json.loads(content)
    if said["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"Its schema version is {said['schema_version']}, not {SCHEMA_VERSION}.")
    asked = [_threshold(one) for one in said["thresholds"]]
    failed = [one for one in asked if not one.passed and (one.has_value or not said["unreadable"])]
    passed = [one for one in asked if one.passed]
    told = {one.reason for one in failed}
    override = Override(**said["override"]) if said["override"] else None
    capitals, remarks = _capitals(said, override)
    return Decision(
        blessed=said["blessed"],
        overridden=said["overridden"],
        decided_at=said.get("decided_at") or "",
        headline=headline(said["blessed"], len(passed), len(asked)),
        capitals=capitals,
        remarks=remarks,
        problems=[reason for reason in said["reasons"] if reason not in told],
        models=said["models"],
        records=[one["digest"] for one in said.get("attributions", ())],
        evidence=said["evidence"],
        failed=failed,
        passed=passed,
        not_asked=[_threshold(one) for one in said["not_asked"]],
    )


def _capitals(said: Mapping[str, Any], override: Override | None) -> tuple[list[str], list[str]]:
    """Returns what nobody may overlook, and what is said beside it."""
    capitals = ["EVIDENCE COULD NOT BE READ."] if said["unreadable"] else []
    remarks = [said["warning"]] if said.get("warning") else []
    if override and said["overridden"]:
        capitals += override.headline()
    elif override:
        remarks.append(override.why_not_used(said["blessed"]))
    return capitals, remarks


def _threshold(one: Mapping[str, Any]) -> Threshold:
    values = {"candidate": one["observed"], "baseline model": one["baseline"]}
    values |= {name: one[name] for name in ("change", "margin")}
    numbers = {name: float(value) for name, value in values.items() if value is not None}
    low, high = map(float, one["interval"] or (math.nan, math.nan))
    # Of an earlier version, or of a config that doesn't know what is usual.
    usual = one.get("usual") or {}
    unusual = {"times the usual variation": float(usual["times"])} if usual.get("times") is not None else {}
    return Threshold(
        feature=one["feature"],
        slice=one["slice"],
        passed=one["passed"],
        reason=one["reason"],
        numbers=numbers | unusual,
        interval=(low, high) if one["interval"] else None,
        scales=scales(
            {name: float(bound) for name, bound in one["bounds"].items()},
            numbers,
            is_change=one["kind"] == CHANGE,
            at_least=one["direction"] == "HIGHER_IS_BETTER",
            relative_change=one["relative_change"],
        ),
    )
