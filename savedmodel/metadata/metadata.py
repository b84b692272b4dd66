"""`explanation_metadata.json`: the message, to and from text in either dialect."""

from __future__ import annotations

import json
import re

from google.protobuf import json_format

from tfx_explain.proto import explanation_pb2
from tfx_explain.proto.printable import printable_json
from tfx_explain.savedmodel.metadata.dialects import AI_EXPLANATIONS, DIALECTS, KEYS, dialect_of
from tfx_explain.savedmodel.metadata.json_text import parse_json
from tfx_explain.savedmodel.metadata.nearest import nearest
from tfx_explain.savedmodel.metadata.translate import from_fields, to_fields

FILE_NAME = "explanation_metadata.json"
INTEGRATED_GRADIENTS, SAMPLED_SHAPLEY = "integrated_gradients", "sampled_shapley"

_FRAMEWORK = re.compile(r"tensorflow[\s_-]*(?:(?P<major>[12])(?:\.\w+)*)?", re.IGNORECASE)


def metadata_to_json(metadata: explanation_pb2.ExplanationMetadata, dialect: str = AI_EXPLANATIONS) -> str:
    """The metadata as JSON text, keys sorted; the same metadata gives the same text.

    Args:
        metadata: the message.
        dialect: `ai_explanations`, which has a key for everything; or `vertex`, which google-cloud-aiplatform's
            `ExplanationMetadata.from_json` reads, and which leaves out what that message has no field for.

    Raises:
        ValueError: if there is no such dialect.
    """
    if dialect not in DIALECTS:
        raise ValueError(f"There is no dialect {dialect!r}; choose one of {', '.join(map(repr, DIALECTS))}.")
    fields = json_format.MessageToDict(metadata, preserving_proto_field_name=True)
    text = json.dumps(from_fields(fields, KEYS[dialect]), sort_keys=True, indent=2, ensure_ascii=False)
    return printable_json(text) + "\n"


def metadata_from_json(text: str, source: str = "The explanation metadata") -> explanation_pb2.ExplanationMetadata:
    """Reads JSON text in either dialect, which its keys tell apart.

    Args:
        text: the JSON.
        source: what errors call it.

    Raises:
        ValueError: if it is not JSON (it names line and column), or has a key or a value that the format does not know:
            one line for each key, with the nearest that exists.
    """
    try:
        value = parse_json(text)
        fields = to_fields(value, dialect_of(value))
        metadata = json_format.ParseDict(fields, explanation_pb2.ExplanationMetadata())
        metadata.framework = _framework(metadata.framework)
    except json_format.ParseError as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise ValueError(f"{source} cannot be read: {reason}.") from error
    except ValueError as error:
        lines = str(error).splitlines()
        reason = lines[0] if len(lines) == 1 else "".join(f"\n  {line}" for line in lines)
        raise ValueError(f"{source} cannot be read: {reason}") from error
    return metadata


def _framework(given: str) -> str:
    """`tensorflow` for TF 1 graphs, else `tensorflow2`, however it was written; '' where nothing was."""
    if not given:
        return ""
    match = _FRAMEWORK.fullmatch(given.strip())
    if not match:
        raise ValueError(f"framework: {given!r} is unknown; {nearest(given, ('tensorflow', 'tensorflow2'))}")
    return "tensorflow2" if match["major"] == "2" else "tensorflow"
