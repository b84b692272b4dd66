"""JSON text to a dictionary, refused where it says one thing twice or nothing that JSON can say."""

from __future__ import annotations

import json
import re
from typing import Any

_TRAILING_COMMA = re.compile(r",\s*[}\]]")


def parse_json(text: str) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
        ValueError: if it is not JSON (it names line and column), not an object, or has a key twice.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ValueError(_located(text, error)) from error
    if not isinstance(value, dict):
        raise ValueError(f"it is a JSON {type(value).__name__}, not an object with `inputs` and `outputs`.")
    return value


def _located(text: str, error: json.JSONDecodeError) -> str:
    """Where a text stops being JSON, and why; the same words whatever the version of Python."""
    commas = [match.start() for match in _TRAILING_COMMA.finditer(text) if match.start() <= error.pos < match.end()]
    if not commas:
        return f"it is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
    line = text.count("\n", 0, commas[0]) + 1
    column = commas[0] - text.rfind("\n", 0, commas[0])
    return f"it is not JSON: a comma before the closing bracket at line {line}, column {column}; take it out."


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"it has the key {key!r} twice in one object; leave one out.")
        found[key] = value
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"it is not JSON: {name} is no JSON number.")
