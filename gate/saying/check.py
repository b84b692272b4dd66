"""One threshold on one slice, and the sentences about it, for people who must find out why a model was not promoted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tfx_explain.gate.bounds import CHANGE, VALUE
from tfx_explain.gate.saying.digits import number
from tfx_explain.gate.saying.wording import RATIO
from tfx_explain.gate.usual import Usual
from tfx_explain.proto.printable import printable


@dataclass(frozen=True, slots=True)
class Check:
    """One threshold on one slice; there can be hundreds of thousands, so what they share is shared.

    Attributes:
      metric: The metric's name, as TFMA reports it.
      title: The metric for people: its name, output, class, top k, aggregation, weighting.
      feature: The feature that the metric is about; empty for a metric of the whole model.
      key: What else tells the metric from others, by TFMA's names: output, sub key, weighting.
      slice: The slice as TFMA prints it, or which slices there should have been.
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
      usual: What the value was expected to be, where the config knows it; see `tfx_explain.gate.usual`.
      note: What the metric says beside the candidate's value, a clause: which tokens it is about.
    """

    metric: str
    title: str
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
    usual: Usual | None = None
    note: str = ""

    @property
    def times(self) -> float | None:
        """How many times the usual variation between retrainings the value is away; None where nobody knows."""
        value = self.change if self.kind == CHANGE else self.observed
        if self.usual is None or value is None or not math.isfinite(value):
            return None
        return self.usual.times(value)

    @property
    def reason(self) -> str:
        """One sentence for people."""
        return printable(self.why or sentence(self))

    @property
    def has_value(self) -> bool:
        """Whether there was anything to hold against the threshold."""
        return (self.change if self.kind == CHANGE else self.observed) is not None

    def to_dict(self) -> dict[str, Any]:
        """Returns what `verdict.json` says of the check; infinite values and NaN are strings there."""
        return {
            "metric": self.metric,
            "title": self.title,
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
            "usual": None if self.usual is None else {"times": _plain(self.times), "runs": self.usual.runs},
            "key": self.key,
            "note": self.note,
            "reason": self.reason,
        }


def sentence(check: Check) -> str:
    """Says where a metric stands against a threshold that it was held against."""
    value = check.change if check.kind == CHANGE else check.observed
    assert value is not None  # Without a value, the check says why.
    if not check.direction and check.kind == CHANGE and check.bounds:
        return (
            f"{check.title} on {check.slice} changed by {number(value)}, but its threshold has no direction, so that "
            "no change can pass; set HIGHER_IS_BETTER or LOWER_IS_BETTER"
        )
    said = _change(check, value) if check.kind == CHANGE else _value(check, value)
    return (
        f"{said}; allowed: {check.allowed}{_failed_bounds(check)}{_remark(check, value)}{_unusual(check)}{_note(check)}"
    )


def numbers(check: Check) -> dict[str, str]:
    """Returns a check's numbers for a table, "" where there is none: candidate, baseline, change, relative, margin."""
    bounds = check.bounds
    if check.kind == VALUE:
        candidate = "" if check.observed is None else number(check.observed, *bounds.values())
        return {"candidate": candidate, "baseline": _or_nothing(check.baseline), "margin": _or_nothing(check.margin)}
    found = {"candidate": check.observed, "baseline": check.baseline}
    pair = [value for value in found.values() if value is not None]
    shown = {name: "" if value is None else number(value, *pair) for name, value in found.items()}
    change, relative = check.change, _relative(check)
    shown["change"] = "" if change is None else number(change, *_bound(check, "absolute"))
    shown["relative"] = "" if relative is None else number(relative, *_bound(check, "relative"))
    return {**shown, "margin": _or_nothing(check.margin)}


def no_slice(check: Check) -> str:
    """Says that no slice matches a threshold's slicing spec."""
    return f"{check.title} was not checked on {check.slice}: no such slice was found (allowed: {check.allowed})"


def no_interval(check: Check) -> str:
    """Says that a threshold fails for want of a confidence interval."""
    return (
        f"{check.title} on {check.slice} has no confidence interval, which REQUIRE_SIGNIFICANT_PASS holds against the "
        "bound; set compute_confidence_intervals in the EvalConfig of the node that computes the metric, or slice less "
        "finely: fewer than 20 rows, or rows that are all alike, have none "
        f"(allowed: {check.allowed})"
    )


def not_asked(check: Check, why: str) -> str:
    """Says why a threshold was not asked."""
    return f"{check.title} on {check.slice} was not asked, because {why}"


def not_found(check: Check, why: str) -> str:
    """Says that there is no value to hold against a threshold.

    Args:
      check: Of the threshold.
      why: A clause of `why_not_found`.
    """
    return f"{check.title} on {check.slice} was not found: {why} (allowed: {check.allowed})"


def _value(check: Check, value: float) -> str:
    if math.isnan(value):
        return f"{check.title} on {check.slice} is not a number (NaN), which no threshold accepts"
    if math.isinf(value):
        return f"{check.title} on {check.slice} is infinite, which no threshold accepts"
    return f"{check.title} on {check.slice} is {number(value, *check.bounds.values())}"


def _change(check: Check, change: float) -> str:
    where = f"{check.title} on {check.slice}"
    for whose, value in (("the baseline model's", check.baseline), ("its", check.observed), ("its", change)):
        if value is not None and not math.isfinite(value):
            what = "not a number (NaN)" if math.isnan(value) else "infinite"
            return f"{where} has no change: {whose} value is {what}"
    shown = number(change, *_bound(check, "absolute"))
    if check.baseline is None:
        return f"{where}, against the baseline model, is {shown}"
    baseline, candidate = check.baseline, _candidate(check, change)
    said = f"{where} changed by {shown} from {number(baseline, candidate)} to {number(candidate, baseline)}"
    relative = _relative(check)
    if relative is None:
        return said
    what = "a value" if check.relative_change == RATIO else "a change"
    return f"{said}, {what} of {number(relative, *_bound(check, 'relative'))} times the baseline model's value"


def _failed_bounds(check: Check) -> str:
    """Returns which of two bounds failed."""
    if check.passed or len(check.bounds) < 2:
        return ""
    failed = [name for name, margin in _margins(check, None) if margin < 0]
    if not failed and check.interval is not None:
        failed = [name for end in check.interval for name, margin in _margins(check, end) if margin < 0]
    names = list(dict.fromkeys(failed))
    return f" ({' and '.join(names)} {'fails' if len(names) == 1 else 'fail'})" if names else ""


def _margins(check: Check, end: float | None) -> Iterator[tuple[str, float]]:
    """Yields how far the value, or an end of its confidence interval, is inside of each bound; negative outside."""
    better = 1 if check.direction == "HIGHER_IS_BETTER" else -1
    signs = {"lower_bound": 1, "upper_bound": -1, "absolute": better, "relative": better}
    for name, bound in check.bounds.items():
        value = (check.change if check.kind == CHANGE else check.observed) if end is None else end
        if name == "relative":
            value = _relative(check, end)
        # Without a relative change there is nothing inside of the bound, and neither is NaN.
        margin = -math.inf if value is None else signs[name] * (value - bound)
        yield name, -math.inf if math.isnan(margin) else margin


def _relative(check: Check, change: float | None = None) -> float | None:
    """Returns what `relative` bounds: change / baseline, or candidate / baseline; None where there is none."""
    change = check.change if change is None else change
    if "relative" not in check.bounds or change is None or not check.baseline:
        return None
    value = change if check.relative_change != RATIO else check.baseline + change
    return value / check.baseline


def _candidate(check: Check, change: float) -> float:
    return change + (check.baseline or 0.0) if check.observed is None else check.observed


def _bound(check: Check, name: str) -> list[float]:
    return [check.bounds[name]] if name in check.bounds else []


def _or_nothing(value: float | None) -> str:
    return "" if value is None else number(value)


def _remark(check: Check, value: float) -> str:
    """Returns what else decided: a baseline of 0, the last digit, or the confidence interval."""
    if "relative" in check.bounds and check.baseline == 0 and math.isfinite(value):
        return ", and a baseline value of 0 has no relative change"
    if check.passed is False and check.interval is None and all(margin >= 0 for _, margin in _margins(check, None)):
        return " (outside by rounding)"
    if check.interval is not None:
        low, high = (number(end, *_interval_bounds(check)) for end in check.interval)
        return f" (95% confidence interval from {low} to {high})"
    return ""


def _unusual(check: Check) -> str:
    """Returns how unusual the value is, where the config knows what is usual."""
    if check.usual is None or check.times is None or math.isinf(check.times):
        return ""
    of_what = "the usual variation between retrainings"
    return f"; {check.times:.1f} times {of_what}, as known from {check.usual.runs} runs"


def _note(check: Check) -> str:
    return f"; {check.note}" if check.note else ""


def _interval_bounds(check: Check) -> Iterable[float]:
    return check.bounds.values() if check.kind == VALUE else _bound(check, "absolute")


def _plain(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
