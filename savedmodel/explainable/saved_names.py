"""Metadata in the words of `saved_model_cli`: the names that a SavedModel has for its inputs' and outputs' tensors."""

from __future__ import annotations

from collections.abc import Mapping

from tfx_explain.proto import explanation_pb2

_OF_INPUT = ("input_tensor_name", "encoded_tensor_name", "weight_values_name")
_OF_OUTPUT = ("output_tensor_name", "logits_tensor_name")


def with_own_names(
    metadata: explanation_pb2.ExplanationMetadata, saved_names: Mapping[str, str]
) -> explanation_pb2.ExplanationMetadata:
    """A copy of metadata in which inputs and outputs that go by a saved tensor's name go by their own."""
    copy = explanation_pb2.ExplanationMetadata()
    copy.CopyFrom(metadata)
    for entries, keys in ((copy.inputs, _OF_INPUT), (copy.outputs, _OF_OUTPUT)):
        for name, entry in entries.items():
            if name in saved_names and not getattr(entry, keys[0]):
                setattr(entry, keys[0], name)
            for key in keys:
                setattr(entry, key, saved_names.get(getattr(entry, key), getattr(entry, key)))
    for entry in copy.inputs.values():
        entry.encoded_tensor_names[:] = [saved_names.get(name, name) for name in entry.encoded_tensor_names]
    return copy
