"""One threshold on one slice, and how it came out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfx_explain.gate.saying.sentences import sentence
from tfx_explain.gate.saying.wording import CHANGE
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
            "key": self.key,
            "reason": self.reason,
        }


def _plain(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
