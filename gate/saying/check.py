"""One threshold on one slice, and the sentences about it, for people who must find out why a model was not promoted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfx_explain.gate.saying.wording import number

VALUE, CHANGE = "value", "change"


@dataclass(frozen=True, slots=True)
class Check:
    """One threshold on one slice; there can be hundreds of thousands, so what they share is shared.

    Attributes:
      metric: The metric's name, as TFMA reports it.
      feature: The feature that the metric is about; empty for a metric of the whole model.
      key: What else tells the metric from others, by TFMA's names: output, sub key, weighting.
      slice: The slice as TFMA prints it, or the slicing spec that no slice matches.
      kind: "value" or "change" (candidate minus baseline model).
      direction: Of a change threshold, "HIGHER_IS_BETTER" or "LOWER_IS_BETTER"; else empty.
      relative_change: Of a change threshold, how `relative` is read, "DIFFERENCE" or "RATIO"; else empty.
      bounds: The bounds by their names in the config: lower_bound, upper_bound, absolute, relative.
      allowed: What the bounds allow, for people.
      observed: The candidate's value; None where there is none.
      baseline: The baseline model's value; None where there is none.
      change: Of a change threshold, the difference; None where there is none.
      interval: TFMA's confidence interval of what is bounded, the value or the change; None where there is none.
      margin: How far the value stays inside its nearest bound, in that bound's unit; negative outside.
      passed: The decision; None where the threshold was not asked.
      why: A sentence, where the numbers don't say it all.
    """

    metric: str
    feature: str
    key: Mapping[str, Any]
    slice: str
    kind: str
    direction: str
    relative_change: str
    bounds: Mapping[str, float]
    allowed: str
    observed: float | None = None
    baseline: float | None = None
    change: float | None = None
    interval: tuple[float, float] | None = None
    margin: float | None = None
    passed: bool | None = None
    why: str = ""

    @property
    def reason(self) -> str:
        """One sentence for people."""
        return self.why or sentence(self)

    def to_dict(self) -> dict[str, Any]:
        """Returns what `verdict.json` says of the check; infinite values and NaN are strings there."""
        return {
            "metric": self.metric,
            "feature": self.feature,
            "slice": self.slice,
            "kind": self.kind,
            "passed": self.passed,
            "observed": _plain(self.observed),
            "baseline": _plain(self.baseline),
            "change": _plain(self.change),
            "interval": None if self.interval is None else [_plain(end) for end in self.interval],
            "bounds": {name: _plain(bound) for name, bound in self.bounds.items()},
            "direction": self.direction,
            "relative_change": self.relative_change,
            "margin": _plain(self.margin),
            "key": self.key,
            "reason": self.reason,
        }


def sentence(check: Check) -> str:
    """Says where a metric stands against a threshold that it was held against."""
    value = check.change if check.kind == CHANGE else check.observed
    assert value is not None  # Without a value, the check says why.
    if not check.direction and check.kind == CHANGE and check.bounds:
        return (
            f"{check.metric} on {check.slice} changed by {number(value)}, but its threshold has no direction, so that "
            "no change can pass; set HIGHER_IS_BETTER or LOWER_IS_BETTER"
        )
    said = _change(check, value) if check.kind == CHANGE else _value(check, value)
    return f"{said}; allowed: {check.allowed}{_remark(check, value)}"


def no_slice(check: Check) -> str:
    """Says that no slice matches a threshold's slicing spec."""
    return f"{check.metric} was not checked on {check.slice}: no such slice was found (allowed: {check.allowed})"


def no_interval(check: Check) -> str:
    """Says that a threshold fails for want of a confidence interval."""
    return (
        f"{check.metric} on {check.slice} has no confidence interval, which REQUIRE_SIGNIFICANT_PASS holds against the "
        "bound; set compute_confidence_intervals in the EvalConfig of the node that computes the metric "
        f"(allowed: {check.allowed})"
    )


def not_asked(check: Check, why: str) -> str:
    """Says why a threshold was not asked."""
    return f"{check.metric} on {check.slice} was not asked, because {why}"


def not_found(check: Check, why: str) -> str:
    """Says that there is no value to hold against a threshold.

    Args:
      check: Of the threshold.
      why: A clause of `why_not_found`.
    """
    return f"{check.metric} on {check.slice} was not found: {why} (allowed: {check.allowed})"


def _value(check: Check, value: float) -> str:
    if math.isnan(value):
        return f"{check.metric} on {check.slice} is not a number (NaN), which no threshold accepts"
    if math.isinf(value):
        return f"{check.metric} on {check.slice} is infinite, which no threshold accepts"
    return f"{check.metric} on {check.slice} is {number(value)}"


def _change(check: Check, change: float) -> str:
    where = f"{check.metric} on {check.slice}"
    for whose, value in (("the baseline model's", check.baseline), ("its", check.observed), ("its", change)):
        if value is not None and not math.isfinite(value):
            what = "not a number (NaN)" if math.isnan(value) else "infinite"
            return f"{where} has no change: {whose} value is {what}"
    if check.baseline is None:
        return f"{where}, against the baseline model, is {number(change)}"
    return f"{where} changed by {number(change)} from {number(check.baseline)} to {number(check.baseline + change)}"


def _remark(check: Check, value: float) -> str:
    """Returns what else decided: a baseline of 0, or the confidence interval."""
    if "relative" in check.bounds and check.baseline == 0 and math.isfinite(value):
        return ", and a baseline value of 0 has no relative change"
    if check.interval is not None:
        low, high = map(number, check.interval)
        return f" (95% confidence interval from {low} to {high})"
    return ""


def _plain(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
