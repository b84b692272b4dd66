"""`explanation_metadata.json`: the message, to and from text."""

from __future__ import annotations

from google.protobuf import json_format

from tfx_explain.proto import explanation_pb2

FILE_NAME = "explanation_metadata.json"
INTEGRATED_GRADIENTS, SAMPLED_SHAPLEY = "integrated_gradients", "sampled_shapley"


def metadata_to_json(metadata: explanation_pb2.ExplanationMetadata) -> str:
    """The metadata as JSON text, keys sorted; the same metadata gives the same text."""
    text = json_format.MessageToJson(metadata, preserving_proto_field_name=True, sort_keys=True, indent=2)
    return text + "\n"


def metadata_from_json(text: str) -> explanation_pb2.ExplanationMetadata:
    """Reads JSON text.

    Raises:
        ValueError: if it is not JSON, or has a key or a value that the format does not know; it names the key.
    """
    try:
        return json_format.Parse(text, explanation_pb2.ExplanationMetadata())
    except json_format.ParseError as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"The explanation metadata cannot be read: {reason} Compare it with the fields of ExplanationMetadata in "
            "proto/explanation.proto."
        ) from error
