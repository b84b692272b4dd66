"""Arguments of commands to explanation metadata, and to the indices of an element."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.metadata.dialects import key_names
from tfx_explain.savedmodel.metadata.metadata import metadata_from_json

_MAPS = ("inputs", "outputs")


def parse_assignments(assignments: Sequence[str]) -> explanation_pb2.ExplanationMetadata:
    """Metadata with the keys that are given; of one that is given twice, the last.

    Args:
        assignments: such as `inputs.age.input_baselines=[0]`: a path into the metadata, and JSON, or text where it is
            none. The name of a feature or an output may have dots in it.

    Raises:
        ValueError: if one has no `=`, or the metadata has no such key; it names the key.
    """
    fields: dict[str, Any] = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        parts = _parts(path)
        if not equals or not all(parts):
            raise ValueError(f"--set {assignment!r}: write KEY=VALUE, such as inputs.age.input_baselines=[0].")
        here = fields
        for part in parts[:-1]:
            here = here.setdefault(part, {})
            if not isinstance(here, dict):
                raise ValueError(f"--set {assignment!r}: {part!r} has been set to a value as a whole.")
        here[parts[-1]] = _value(text)
    return metadata_from_json(json.dumps(fields), "--set")


def parse_element(text: str) -> list[int]:
    """Indices of an element, such as `2,1`.

    Raises:
        ValueError: if they are no whole numbers.
    """
    try:
        return [int(index) for index in text.strip("[] ").split(",")]
    except ValueError as error:
        raise ValueError(
            f"--output-element {text!r}: give whole numbers with commas between them, such as 2,1."
        ) from error


def _parts(path: str) -> list[str]:
    """A path's parts; the name of a feature or an output is all that stands before the key that follows it."""
    parts = path.split(".")
    if parts[0] not in _MAPS or len(parts) < 4:
        return parts
    keys = key_names()
    end = next((i for i in range(2, len(parts)) if all(part in keys for part in parts[i:])), 2)
    return [parts[0], ".".join(parts[1:end]), *parts[end:]]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
