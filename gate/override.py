"""Somebody's word that a model goes out despite its thresholds: who, why, and until when."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

from tfx_explain.proto import explanation_pb2
from tfx_explain.proto.printable import printable

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")


@dataclass(frozen=True)
class Override:
    """An override at the moment of a decision.

    Attributes:
      who: The person who answers for it.
      why: Their reason.
      until: The last moment at which it holds, as they wrote it.
      in_force: Whether it still holds.
    """

    who: str
    why: str
    until: str
    in_force: bool

    @classmethod
    def of(cls, policy: explanation_pb2.GatePolicy, now: datetime.datetime | None = None) -> Override | None:
        """Returns a policy's override, None without one.

        Args:
          policy: The policy.
          now: The moment of the decision; the present by default.

        Raises:
          ValueError: The override lacks something, or its `until` is no time.
        """
        if not policy.HasField("override"):
            return None
        given = policy.override
        mistakes = override_mistakes(given)
        if mistakes:
            raise ValueError(" ".join(mistakes))
        now = now or datetime.datetime.now(datetime.timezone.utc)
        return cls(given.who, given.why, given.until, now <= _end(given.until))

    def to_dict(self) -> dict[str, str | bool]:
        """Returns what `verdict.json` says of the override."""
        return {"who": self.who, "why": self.why, "until": self.until, "in_force": self.in_force}

    def headline(self) -> list[str]:
        """Returns lines that say that the override decided."""
        said = {"WHO": self.who, "WHY": self.why, "UNTIL": self.until}
        return [
            "BLESSED BY OVERRIDE, NOT BY THE THRESHOLDS.",
            *(f"{name}: {printable(text)}" for name, text in said.items()),
        ]

    def why_not_used(self, blessed: bool) -> str:
        """Says why the override did not decide.

        Args:
          blessed: Whether the model was blessed without it.
        """
        if not self.in_force:
            return f"The override by {printable(self.who)} has expired: it held until {self.until}. It was not applied."
        if blessed:
            return f"The override by {printable(self.who)} (until {self.until}) was not needed."
        return (
            f"The override by {printable(self.who)} (until {self.until}) was not applied: it outweighs failed "
            "thresholds, and nothing else that speaks against the model."
        )


def override_mistakes(override: explanation_pb2.Override) -> list[str]:
    """Returns sentences about what an override lacks."""
    missing = [name for name in ("who", "why", "until") if not getattr(override, name).strip()]
    if missing:
        return [f"The policy's override lacks {', '.join(missing)}; it needs who, why and until."]
    try:
        _end(override.until)
    except ValueError:
        return [
            f"The policy's override holds until {override.until!r}, which is no time; write it as in RFC 3339, "
            '"2026-12-31T18:00:00Z" or "2026-12-31".'
        ]
    return []


def _end(until: str) -> datetime.datetime:
    """Returns the last moment that an `until` names; a date lasts to its end in UTC."""
    if _DATE.fullmatch(until):
        day = datetime.datetime.fromisoformat(until).replace(tzinfo=datetime.timezone.utc)
        return day + datetime.timedelta(days=1, microseconds=-1)
    if not _TIME.fullmatch(until):
        raise ValueError(until)
    # Python 3.10 reads neither Z nor a fraction that hasn't three or six digits; the fraction is dropped.
    return datetime.datetime.fromisoformat(re.sub(r"\.\d+", "", until.upper()).replace("Z", "+00:00"))
