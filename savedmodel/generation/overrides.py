"""A part of metadata, given by a person, merged over what was found."""

from __future__ import annotations

from typing import Any

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.metadata.rules import COLUMN_ENCODINGS, wrong_values
from tfx_explain.savedmodel.rows.baselines import GIVEN

# What is given takes the place of these, which say the same thing in another way or speak of what it replaces.
_INSTEAD = {
    "input_baselines": ("encoded_baselines", "baseline_source"),
    "encoded_baselines": ("input_baselines", "baseline_source"),
    "encoded_tensor_name": ("encoded_tensor_names", "encoded_tensor_dtype", "explainable_by", "finding"),
    "encoded_tensor_names": ("encoded_tensor_name", "encoded_tensor_dtype", "explainable_by", "finding"),
    "index_name_mapping": ("index_name_mapping_key",),
    "index_name_mapping_key": ("index_name_mapping",),
    "output_tensor_name": (
        *("output_tensor_dtype", "logits_tensor_name", "served_tensor_name"),
        *("classes", "explained_quantity", "logits_indices"),
    ),
    "logits_tensor_name": ("classes", "explained_quantity", "logits_indices"),
}
# The messages that are merged field by field.
_OURS = (explanation_pb2.Domain.DESCRIPTOR, explanation_pb2.Visualization.DESCRIPTOR)


def merge_metadata(
    found: explanation_pb2.ExplanationMetadata, given: explanation_pb2.ExplanationMetadata
) -> explanation_pb2.ExplanationMetadata:
    """Metadata as found, with what is given over it.

    An entry of a map (`inputs`, `outputs`) is merged with the entry of the same key, or added; so are `domain` and
    `visualization`, field by field. A list and every other field that is given replaces what was found, and so do the
    two spellings of one thing: `input_baselines` replaces `encoded_baselines`, `encoded_tensor_name` replaces
    `encoded_tensor_names`, and the other way round; an encoding without columns ends the names of columns. An entry of
    inputs with a new name and the `input_tensor_name` of a found one renames it. Otherwise an entry that is given
    another `input_tensor_name` or `output_tensor_name` speaks of another tensor: what was found of the old one is
    dropped.
    """
    merged = explanation_pb2.ExplanationMetadata()
    merged.CopyFrom(found)
    for name, entry in given.inputs.items():
        known_as = _known_as(found, name, entry)
        old = merged.inputs[name]
        if known_as != name:
            old.CopyFrom(found.inputs[known_as])
            if known_as not in given.inputs:
                del merged.inputs[known_as]
        if entry.input_tensor_name not in ("", old.input_tensor_name, known_as):
            old.Clear()
        if entry.encoding and entry.encoding not in COLUMN_ENCODINGS:
            old.ClearField("index_feature_mapping")
        _merge(old, entry)
        if (entry.input_baselines or entry.encoded_baselines) and not entry.baseline_source:
            old.baseline_source = GIVEN
    for name, entry in given.outputs.items():
        _merge(merged.outputs[name], entry)
    rest = explanation_pb2.ExplanationMetadata()
    rest.CopyFrom(given)
    rest.ClearField("inputs")
    rest.ClearField("outputs")
    _merge(merged, rest)
    return merged


def _known_as(found: explanation_pb2.ExplanationMetadata, name: str, given: explanation_pb2.InputMetadata) -> str:
    """The name under which the tensor of a given entry was found; `name` where it was not."""
    if name not in found.inputs:
        for other, entry in sorted(found.inputs.items()):
            if given.input_tensor_name in (other, entry.input_tensor_name):
                return other
    return name


def check_overrides(given: explanation_pb2.ExplanationMetadata, signature_name: str | None) -> None:
    """Checks what can be checked of overrides without a model.

    Raises:
        ValueError: with one line for each value that the format does not allow, or that contradicts `signature_name`.
    """
    problems = wrong_values(given)
    if signature_name and given.signature_name not in ("", signature_name):
        problems.append(f"signature_name: {given.signature_name!r}, but {signature_name!r} is asked for; give one")
    if problems:
        raise ValueError("The `overrides` cannot be used:\n" + "\n".join(f"  {line}" for line in problems))


def _merge(target: Any, source: Any) -> None:
    for field, value in source.ListFields():
        for other in _INSTEAD.get(field.name, ()) if getattr(target, field.name) != value else ():
            target.ClearField(other)
    for field, value in source.ListFields():
        if isinstance(value, (str, float, bool)):
            setattr(target, field.name, value)
        elif getattr(value, "DESCRIPTOR", None) in _OURS:
            _merge(getattr(target, field.name), value)
        else:  # a list, or a google.protobuf.Value
            target.ClearField(field.name)
            getattr(target, field.name).MergeFrom(value)
