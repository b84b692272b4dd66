"""What a metric has to say beside its value, such as the tokens that it is about: a text, which TFMA passes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow_model_analysis as tfma

_SUFFIX = "/note"


class Note(bytes):
    """A text among the values of metrics, in UTF-8; where TFMA subtracts one slice from another, nothing is left."""

    def __sub__(self, other: Any) -> Note:
        return Note()


@dataclass(frozen=True)
class Noted:
    """A value, and a clause about it for people; no other punctuation ends it."""

    value: float
    note: str


def by_key(key: tfma.metrics.MetricKey, found: Any) -> dict[tfma.metrics.MetricKey, Any]:
    """Returns a metric's value, and its note if it has one, as TFMA takes them."""
    if not isinstance(found, Noted):
        return {key: found}
    return {key: found.value, note_key(key): Note(found.note.encode("utf-8", "backslashreplace"))}


def note_key(key: tfma.metrics.MetricKey) -> tfma.metrics.MetricKey:
    """Returns the key of a metric's note."""
    return key._replace(name=f"{key.name}{_SUFFIX}")


def noted_key(key: tfma.metrics.MetricKey) -> tfma.metrics.MetricKey:
    """Returns the key of the metric that a note is of."""
    return key._replace(name=str(key.name).removesuffix(_SUFFIX))
