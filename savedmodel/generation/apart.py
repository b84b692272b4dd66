"""Features that were found together, and that an override takes apart."""

from __future__ import annotations

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.metadata.metadata import INTEGRATED_GRADIENTS, SAMPLED_SHAPLEY

APART = (
    "It was taken out of {group!r}, whose features reach float tensors only together, so integrated gradients cannot "
    "explain it by itself; sampled Shapley can."
)
Metadata = explanation_pb2.ExplanationMetadata


def take_apart(metadata: Metadata, found: Metadata, read: ReadModel) -> None:
    """Takes from features whose group is no longer whole the encoded tensors that are not theirs alone.

    What is left of a group goes by the names that are left in it.

    Args:
        metadata: `found` with overrides merged in; changed in place.
        found: as it was found.
        read: the model.
    """
    for group in {entry.group_name for entry in found.inputs.values() if entry.group_name}:
        members = {name for name, entry in found.inputs.items() if entry.group_name == group}
        stay = {name for name in members if name in metadata.inputs and metadata.inputs[name].group_name == group}
        if len(members) < 2 or stay == members:
            continue
        for name in stay:
            metadata.inputs[name].group_name = "+".join(sorted(stay)) if len(stay) > 1 else ""
        for name in members & set(metadata.inputs):
            _keep_own_tensors(metadata, name, group, read)


def _keep_own_tensors(metadata: Metadata, name: str, group: str, read: ReadModel) -> None:
    entry = metadata.inputs[name]
    together = {other for other, its in metadata.inputs.items() if its.group_name == entry.group_name != ""} | {name}
    encoded = list(entry.encoded_tensor_names) or [tensor for tensor in (entry.encoded_tensor_name,) if tensor]
    own = [tensor for tensor in encoded if tensor not in read.depends or read.depends[tensor] <= together]
    if len(own) == len(encoded):
        return
    entry.encoded_tensor_name, entry.encoded_tensor_names[:] = "", own
    if not own:
        entry.encoded_tensor_dtype = ""
        entry.explainable_by[:] = [method for method in entry.explainable_by if method != INTEGRATED_GRADIENTS]
        entry.explainable_by[:] = list(entry.explainable_by) or [SAMPLED_SHAPLEY]
    entry.finding = APART.format(group=group)
