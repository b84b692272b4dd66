"""Names of metrics, and sentences about names that don't exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from tfx_explain.proto.printable import printable

_SHOWN = 20


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Returns a clause that names a mistake and the nearest right names.

    Args:
      kind: What the name stands for, "feature" for example.
      name: The name that was given.
      known: The names that exist.
    """
    names = sorted(known)
    by_lower_case = {n.lower(): n for n in names}
    near = [by_lower_case[n] for n in difflib.get_close_matches(name.lower(), by_lower_case, n=3, cutoff=0.6)]
    if near:
        return f"unknown {kind} {name!r}; did you mean {' or '.join(repr(n) for n in near)}?"
    if not names:
        return f"unknown {kind} {name!r}; there is none"
    listed = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    return f"unknown {kind} {name!r}; there are: {printable(listed)}"


def positions(names: Iterable[str]) -> dict[str, int]:
    """Returns where each of some names stands among them; a search for each would take the square of their number."""
    return {name: place for place, name in enumerate(names)}


def of_class(name: str, class_name: str) -> str:
    """Returns the default name of a metric about a class."""
    return f"{name}@{class_name}" if class_name else name
