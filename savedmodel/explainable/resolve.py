"""From metadata, by whomever it was written, to the tensors of one model: every mismatch is found and named."""

from __future__ import annotations

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.explainable.inputs import Inputs, encoded_names
from tfx_explain.savedmodel.explainable.lookup import Lookup
from tfx_explain.savedmodel.explainable.plans import Explained
from tfx_explain.savedmodel.metadata.rules import contradictions, wrong_values

Parameters = explanation_pb2.ExplanationParameters


def resolve(
    metadata: explanation_pb2.ExplanationMetadata, read: ReadModel, output_name: str, output_scale: int
) -> Explained:
    """Finds everything that the metadata names.

    Raises:
        ValueError: with one line for each wrong name, dtype or shape, and the nearest name that exists.
    """
    lookup = Lookup(read, [*wrong_values(metadata), *contradictions(metadata)])
    output, num_outputs = _output(metadata, lookup, output_name, output_scale)
    inputs = Inputs(metadata.inputs, lookup)
    plans = inputs.plans()
    baselines, encoded_baselines = inputs.baselines(plans)
    if lookup.problems:
        raise ValueError(
            "The explanation metadata does not fit the model:\n" + "\n".join(f"  {line}" for line in lookup.problems)
        )
    plans = {name: plan for name, plan in plans.items() if plan.sources & read.depends[output]}
    return Explained(plans, inputs.groups(plans), baselines, encoded_baselines, output, num_outputs)


def operands_named(metadata: explanation_pb2.ExplanationMetadata) -> list[str]:
    """Every encoded tensor that the metadata names; among them may be operands, which the graph has no node for."""
    return [tensor for given in metadata.inputs.values() for tensor in encoded_names(given)]


def _output(
    metadata: explanation_pb2.ExplanationMetadata, lookup: Lookup, output_name: str, scale: int
) -> tuple[str, int | None]:
    """The tensor to explain, '' where it is not found, and the size of its last axis."""
    read = lookup.read
    name = _output_name(metadata, lookup, output_name)
    if not name:
        return "", None
    given = metadata.outputs[name]
    where = f"outputs[{name!r}]"
    graph_outputs = read.graph.outputs
    wanted = given.output_tensor_name or name
    served = graph_outputs.get(wanted, wanted)
    if served not in read.specs:
        lookup.unknown(f"{where}.output_tensor_name", served, [*graph_outputs, *read.specs])
        return "", None
    lookup.check_dtype(f"{where}.output_tensor_dtype", given.output_tensor_dtype, read.specs[served].dtype)
    logits = lookup.tensor(f"{where}.logits_tensor_name", given.logits_tensor_name) if given.logits_tensor_name else ""
    if scale == Parameters.LOGITS and not logits:
        lookup.problems.append(f"{where}.logits_tensor_name: there is none; explain the output as it is SERVED")
    tensor = served if scale == Parameters.SERVED or not logits else logits
    lookup.check_float(where, tensor)
    spec = read.specs[tensor]
    if spec.shape.rank is not None and spec.shape.rank not in (1, 2):
        lookup.problems.append(f"{where}: {tensor!r} has shape {spec.shape}; it must be [rows] or [rows, outputs]")
    num_outputs = spec.shape[1:].num_elements()
    if num_outputs is None and wanted in read.signature.output_specs:
        # The signature may know more; logits have as many elements as what is made of them.
        num_outputs = read.signature.output_specs[wanted].shape[1:].num_elements()
    names = len(given.index_name_mapping.list_value.values)
    if names and num_outputs and names != num_outputs:
        lookup.problems.append(f"{where}.index_name_mapping: names {names} classes; {tensor!r} has {num_outputs}")
    return tensor, num_outputs


def _output_name(metadata: explanation_pb2.ExplanationMetadata, lookup: Lookup, wanted: str) -> str:
    there = sorted(metadata.outputs)
    if wanted and wanted not in there:
        lookup.unknown("output_name", wanted, there)
        return ""
    if not wanted and len(there) != 1:
        listed = ", ".join(map(repr, there)) or "none"
        lookup.problems.append(f"outputs: there are {listed}; choose one as output_name")
        return ""
    return wanted or there[0]
