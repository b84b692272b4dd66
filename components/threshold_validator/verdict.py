"""A verdict, and its two renderings: `verdict.json` for programs and `verdict.txt` for people."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tensorflow_model_analysis.proto import validation_result_pb2

JSON_FILE = "verdict.json"
TEXT_FILE = "verdict.txt"
_SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Check:
    """One threshold on one slice.

    Attributes:
      metric: The metric's name, as TFMA reports it.
      feature: The feature that the metric is about; empty for a metric of the whole model.
      key: What else tells the metric from others, by TFMA's names: output, sub key, weighting.
      slice: The slice as TFMA prints it, or the slicing spec that no slice matches.
      kind: "value" or "change" (candidate minus baseline model).
      direction: Of a change threshold, "HIGHER_IS_BETTER" or "LOWER_IS_BETTER"; else empty.
      bounds: The bounds by their names in the config: lower_bound, upper_bound, absolute, relative.
      observed: The candidate's value; None where there is none.
      baseline: The baseline model's value; None where there is none.
      change: Of a change threshold, the difference; None where there is none.
      margin: How far the value stays inside its nearest bound, in that bound's unit; negative outside.
      passed: TFMA's decision; None where the threshold was not asked.
      reason: One sentence.
    """

    metric: str
    feature: str
    key: Mapping[str, Any]
    slice: str
    kind: str
    direction: str
    bounds: Mapping[str, float]
    observed: float | None
    baseline: float | None
    change: float | None
    margin: float | None
    passed: bool | None
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What the gate decided, and why.

    Attributes:
      blessed: The decision.
      reasons: Why not, in sentences; empty where the model is blessed.
      has_baseline: Whether there was a baseline model to compare with.
      missing_baseline: The policy for the case that there was none.
      checks: The thresholds that were asked, failed ones first.
      not_asked: The thresholds that were not, each with its reason.
      validation: TFMA's own result, which `tfma.load_validation_result` reads back.
    """

    blessed: bool
    reasons: tuple[str, ...]
    has_baseline: bool
    missing_baseline: str
    checks: tuple[Check, ...]
    not_asked: tuple[Check, ...]
    validation: validation_result_pb2.ValidationResult

    def to_json(self) -> str:
        """Returns the verdict as JSON, infinite values and NaN as strings."""
        content = {
            "schema_version": _SCHEMA_VERSION,
            "blessed": self.blessed,
            "reasons": list(self.reasons),
            "has_baseline": self.has_baseline,
            "missing_baseline": self.missing_baseline,
            "thresholds": [asdict(c) for c in self.checks],
            "not_asked": [asdict(c) for c in self.not_asked],
        }
        return json.dumps(_plain(content), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"

    def to_text(self) -> str:
        """Returns the verdict for people: the decision, what failed, what passed, what was not asked."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        failed = [c for c in self.checks if not c.passed]
        passed = [c for c in self.checks if c.passed]
        yield f"{'BLESSED' if self.blessed else 'NOT BLESSED'}: {len(passed)} of {len(self.checks)} thresholds passed"
        other = [r for r in self.reasons if r not in {c.reason for c in failed}]
        for title, sentences in (
            ("", other),
            ("Failed", [c.reason for c in failed]),
            ("Passed", [c.reason for c in passed]),
            ("Not asked", [c.reason for c in self.not_asked]),
        ):
            if sentences:
                yield ""
                if title:
                    yield f"{title}:"
                yield from (f"- {s}" for s in sentences)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
