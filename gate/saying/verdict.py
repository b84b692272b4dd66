"""A verdict, as `verdict.json` for programs (docs/gate.md has its schema) and as `verdict.txt` for people."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tensorflow_model_analysis.proto import validation_result_pb2

from tfx_explain.gate.model import Model
from tfx_explain.gate.override import Override
from tfx_explain.gate.saying.check import Check
from tfx_explain.proto import explanation_pb2
from tfx_explain.proto.printable import printable, printable_json
from tfx_explain.storage.no_model import NoModel

JSON_FILE = "verdict.json"
TEXT_FILE = "verdict.txt"
REPORT_FILE = "report.html"  # `tfx_explain.report` writes it beside them.
SCHEMA_VERSION = 1
_RULE = "!" * 100
_LOGGED = 50


@dataclass(frozen=True)
class Verdict:
    """What the gate decided, and why.

    Attributes:
      blessed: The decision.
      problems: What forbids a blessing beside the thresholds, in sentences; what could not be read comes first.
      unreadable: Whether an input could not be read, so that the thresholds were not asked of all there should be.
      has_baseline: Whether there was a baseline model to compare with.
      policy: What was done where the config is silent.
      override: Somebody's word that the thresholds don't count, in force or not; None without one.
      checks: The thresholds that were asked, failed ones first.
      not_asked: The thresholds that were not, each with its reason.
      validation: TFMA's own result, which `tfma.load_validation_result` reads back. An override doesn't change it.
      models: By `columns.CANDIDATE` and `columns.BASELINE`, the models that the evidence is of, as far as is known.
      evidence: Whose evidence it is, in sentences: what agrees, and what can't be told.
      no_baseline: Why there is no baseline model, where something says it.
      decided_at: The moment of the decision; None where nobody said it.
      records: By folder, the digests of the attribution records that it is on, see `integrity.records_digest`.
    """

    blessed: bool
    problems: tuple[str, ...]
    unreadable: bool
    has_baseline: bool
    policy: explanation_pb2.GatePolicy
    override: Override | None
    checks: Sequence[Check]
    not_asked: Sequence[Check]
    validation: validation_result_pb2.ValidationResult
    models: Mapping[str, Model] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    no_baseline: NoModel | None = None
    decided_at: datetime.datetime | None = None
    records: Mapping[str, int] = field(default_factory=dict)

    @property
    def overridden(self) -> bool:
        """Whether the model is blessed by an override alone."""
        return self.blessed and bool(self.problems or any(not check.passed for check in self.checks))

    @property
    def failed(self) -> list[Check]:
        """The thresholds that failed; of those that found no value, none where evidence could not be read."""
        return [check for check in self.checks if not check.passed and (check.has_value or not self.unreadable)]

    @property
    def reasons(self) -> tuple[str, ...]:
        """What speaks against the model, in sentences; empty where nothing does."""
        unanswered = self.unanswered()
        return (*self.problems, *(check.reason for check in self.failed), *([unanswered] if unanswered else []))

    def headline(self) -> str:
        """Says what was decided, see `headline`."""
        return headline(self.blessed, sum(bool(check.passed) for check in self.checks), len(self.checks))

    @property
    def warning(self) -> str:
        """Says that thresholds were not asked for lack of a baseline model; empty where none was kept from it."""
        if not self.not_asked:
            return ""
        many = "1 threshold was" if len(self.not_asked) == 1 else f"{len(self.not_asked)} thresholds were"
        why = f" {printable(self.no_baseline.why)}" if self.no_baseline else ""
        return f"There is no baseline model, so that {many} not asked.{why}"

    @property
    def time(self) -> str:
        """The moment of the decision in UTC as in RFC 3339, to the second; empty where nobody said it."""
        utc = datetime.timezone.utc
        return f"{self.decided_at.astimezone(utc):%Y-%m-%dT%H:%M:%SZ}" if self.decided_at else ""

    def override_lines(self) -> list[str]:
        """Says what an override did, if there is one."""
        if self.override is None:
            return []
        return self.override.headline() if self.overridden else [self.override.why_not_used(self.blessed)]

    def unanswered(self) -> str:
        """Says how many thresholds found no value because evidence could not be read; empty where none did."""
        count = sum(not check.passed for check in self.checks) - len(self.failed)
        many = "1 threshold" if count == 1 else f"{count} thresholds"
        return f"{many} found no value; the evidence that can't be read may have had it." if count else ""

    def to_json(self) -> str:
        """Returns the verdict as JSON, infinite values and NaN as strings."""
        return "".join(self.json_lines())

    def to_text(self) -> str:
        """Returns the verdict for people: the decision, what failed, what passed, what was not asked."""
        return "".join(self.text_lines())

    def json_lines(self) -> Iterator[str]:
        """Yields the verdict as JSON, a line a threshold."""
        policy = explanation_pb2.GatePolicy
        head = {
            "schema_version": SCHEMA_VERSION,
            "blessed": self.blessed,
            "warning": self.warning,
            "decided_at": self.time or None,
            "overridden": self.overridden,
            "unreadable": self.unreadable,
            "has_baseline": self.has_baseline,
            "missing_baseline": policy.MissingBaseline.Name(self.policy.missing_baseline),
            "relative_change": policy.RelativeChange.Name(self.policy.relative_change),
            "confidence": policy.Confidence.Name(self.policy.confidence),
            "override": self.override.to_dict() if self.override else None,
            "problems": list(self.problems),
            "models": {role: model.to_dict() for role, model in self.models.items()},
            "attributions": [{"uri": uri, "digest": f"{digest:016x}"} for uri, digest in self.records.items()],
            "evidence": list(self.evidence),
        }
        yield "{\n"
        for name, value in head.items():
            yield f"{_dumps(name)}: {_dumps(value)},\n"
        yield from _json_list("reasons", self.reasons, ",")
        yield from _json_list("thresholds", (check.to_dict() for check in self.checks), ",")
        yield from _json_list("not_asked", (check.to_dict() for check in self.not_asked), "")
        yield "}\n"

    def text_lines(self) -> Iterator[str]:
        """Yields the lines of the verdict for people."""
        override = "\n".join(self.override_lines())
        if self.overridden and override:
            yield f"{_RULE}\n{override}\n{_RULE}\n"
        yield f"{self.headline()}\n"
        if self.warning:
            yield f"WARNING: {self.warning}\n"
        if override and not self.overridden:
            yield f"\n{override}\n"
        if self.time:
            yield f"\nDecided at {self.time}\n"
        yield from _text_list("", self.problems)
        yield from _text_list("", filter(None, [self.unanswered()]))
        yield from _text_list("Failed:\n", (check.reason for check in self.failed))
        yield from _text_list("Passed:\n", (check.reason for check in self.checks if check.passed))
        yield from _text_list("Not asked:\n", (check.reason for check in self.not_asked))
        yield from _text_list("Evidence:\n", self.evidence)

    def log_lines(self, path: str) -> Iterator[str]:
        """Yields the lines of a message in a log: the decision, what speaks against it, and where the whole lies.

        Args:
          path: Of the whole.
        """
        reasons = self.reasons
        yield self.headline()
        yield from (f"WARNING: {warning}" for warning in [self.warning] if warning)
        yield from self.override_lines()
        yield from (f"- {reason}" for reason in reasons[:_LOGGED])
        if len(reasons) > _LOGGED:
            yield f"... and {len(reasons) - _LOGGED} more"
        yield f"The whole verdict: {printable(path)}"


def headline(blessed: bool, passed: int, asked: int) -> str:
    """Says what was decided: "NOT BLESSED: 2 of 3 thresholds passed"."""
    return f"{'BLESSED' if blessed else 'NOT BLESSED'}: {passed} of {asked} thresholds passed"


def _text_list(title: str, sentences: Iterable[str]) -> Iterator[str]:
    before = f"\n{title}"
    for sentence in sentences:
        yield f"{before}- {sentence}\n"
        before = ""


def _json_list(name: str, values: Iterable[Any], after: str) -> Iterator[str]:
    yield f"{_dumps(name)}: ["
    separator = "\n"
    for value in values:
        yield separator + _dumps(value)
        separator = ",\n"
    yield f"{'' if separator == chr(10) else chr(10)}]{after}\n"


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def _dumps(value: Any) -> str:
    return printable_json(_encode(value))
