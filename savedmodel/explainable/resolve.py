"""From metadata, by whomever it was written, to the tensors of one model: every mismatch is found and named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from google.protobuf import struct_pb2

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.analysis.links import find_link
from tfx_explain.savedmodel.analysis.outputs import takes_element
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.scores import Score
from tfx_explain.savedmodel.explainable.inputs import Inputs, encoded_names
from tfx_explain.savedmodel.explainable.lookup import Lookup
from tfx_explain.savedmodel.explainable.plans import Explained, ExplainedOutput
from tfx_explain.savedmodel.metadata.rules import (
    EXCLUSIVE,
    INDEPENDENT,
    LOG_ODDS,
    LOGITS,
    SERVED,
    contradictions,
    wrong_values,
)

Parameters = explanation_pb2.ExplanationParameters
# Of a softmax over a single class.
ONE_CLASS = (
    "a softmax over one class is 1 for every row, so it has no log-odds; export a sigmoid, or explain its logits "
    "(output_scale: LOGITS, or explained_quantity 'logits' in the metadata)"
)


def resolve(
    metadata: explanation_pb2.ExplanationMetadata,
    read: ReadModel,
    output_name: str,
    output_scale: int,
    output_element: Sequence[int] = (),
) -> Explained:
    """Finds everything that the metadata names.

    Raises:
        ValueError: with one line for each wrong name, dtype or shape, and the nearest name that exists.
    """
    lookup = Lookup(read, [*wrong_values(metadata), *contradictions(metadata)])
    output = _output(metadata, lookup, output_name, output_scale, output_element)
    inputs = Inputs(metadata.inputs, lookup)
    plans = inputs.plans()
    baselines, encoded_baselines = inputs.baselines(plans)
    if lookup.problems or output is None:
        raise ValueError(
            "The explanation metadata does not fit the model:\n" + "\n".join(f"  {line}" for line in lookup.problems)
        )
    plans = {name: plan for name, plan in plans.items() if plan.sources & read.depends[output.score.tensor]}
    return Explained(plans, inputs.groups(plans), baselines, encoded_baselines, output)


def operands_named(metadata: explanation_pb2.ExplanationMetadata) -> list[str]:
    """Every encoded tensor that the metadata names; among them may be operands, which the graph has no node for."""
    return [tensor for given in metadata.inputs.values() for tensor in encoded_names(given)]


def _output(
    metadata: explanation_pb2.ExplanationMetadata, lookup: Lookup, output_name: str, scale: int, element: Sequence[int]
) -> ExplainedOutput | None:
    """What is explained, None where it is not found."""
    read = lookup.read
    name = _output_name(metadata, lookup, output_name)
    if not name:
        return None
    given = metadata.outputs[name]
    where = f"outputs[{name!r}]"
    graph_outputs = read.graph.outputs
    wanted = given.output_tensor_name or name
    served = graph_outputs.get(wanted, wanted)
    if served not in read.specs:
        lookup.unknown(f"{where}.output_tensor_name", served, [*graph_outputs, *read.specs])
        return None
    lookup.check_dtype(f"{where}.output_tensor_dtype", given.output_tensor_dtype, read.specs[served].dtype)
    logits = _logits(lookup, where, given)
    classes, quantity = _quantity(lookup, where, given, served, logits, scale)
    tensor = served if quantity == SERVED or not logits else logits
    lookup.check_float(where, tensor)
    inside, place = _element(lookup, where, tensor, tuple(element or given.output_element))
    num_outputs = read.specs[tensor].shape[1 + len(inside) :].num_elements()
    picked = tuple(given.logits_indices) if tensor == logits else ()
    if num_outputs is not None and not all(-num_outputs <= place < num_outputs for place in picked):
        lookup.problems.append(f"{where}.logits_indices: {tensor!r} has places 0 to {num_outputs - 1}")
    if num_outputs is None and wanted in read.signature.output_specs:
        # The signature may know more; logits have as many elements as what is made of them.
        num_outputs = read.signature.output_specs[wanted].shape[1 + len(inside) :].num_elements()
    # A sigmoid's own logit is the log-odds of both classes, but for the sign.
    is_contrast = quantity == LOG_ODDS and classes == EXCLUSIVE and min(picked, default=0) >= 0
    if is_contrast and num_outputs == 1:
        lookup.problems.append(f"{where}: {ONE_CLASS}")
    num_outputs = len(picked) or num_outputs
    names = tuple(_leaves(given.index_name_mapping))
    if place is not None and num_outputs is not None:
        picked, names, num_outputs = (picked[place] if picked else place,), names[place : place + 1], 1
    if names and num_outputs and len(names) != num_outputs:
        lookup.problems.append(f"{where}.index_name_mapping: names {len(names)} classes; {tensor!r} has {num_outputs}")
    return ExplainedOutput(Score(tensor, num_outputs, is_contrast, picked, inside), quantity, classes, names)


def _element(lookup: Lookup, where: str, tensor: str, indices: tuple[int, ...]) -> tuple[tuple[int, ...], int | None]:
    """Where in a row the outputs are that are explained, and which of them is, if only one."""
    shape = lookup.read.specs[tensor].shape
    if not indices:
        if (shape.rank or 1) > 2:
            places = [0] * (int(shape.rank or 0) - 1)
            lookup.problems.append(
                f"{where}: {tensor!r} has shape {shape}; choose an element of its rows by output_element, here or in "
                f"the parameters, such as {places}, or {places[:-1]} for all of the last axis"
            )
        return (), None
    if not takes_element(shape, indices):
        rank = "of unknown rank" if shape.rank is None else f"of shape {shape}, so give {shape.rank - 1}"
        lookup.problems.append(
            f"{where}.output_element: {list(indices)} are {len(indices)} indices; {tensor!r} is {rank}"
        )
        return (), None
    for index, size in zip(indices, shape[1:], strict=False):
        if size is not None and not -size <= index < size:
            lookup.problems.append(
                f"{where}.output_element: {list(indices)} is outside of {tensor!r}, of shape {shape}"
            )
    if len(indices) < (shape.rank or 0) - 1:
        return indices, None
    if shape[-1] is None:
        lookup.problems.append(f"{where}.output_element: the last axis of {tensor!r} has no known size; leave it out")
    return indices[:-1], indices[-1] % (shape[-1] or 1)


def _logits(lookup: Lookup, where: str, given: explanation_pb2.OutputMetadata) -> str:
    """The tensor of the logits, '' where none is named; it may be that of an output."""
    name = given.logits_tensor_name
    return lookup.tensor(f"{where}.logits_tensor_name", lookup.read.graph.outputs.get(name, name)) if name else ""


def _quantity(
    lookup: Lookup, where: str, given: explanation_pb2.OutputMetadata, served: str, logits: str, scale: int
) -> tuple[str, str]:
    """The output's classes, and which quantity is explained of it."""
    link = find_link(lookup.read, served) if logits else None
    classes = given.classes or (link.classes if link and link.logits == logits else "")
    is_known = bool(classes) or (bool(logits) and lookup.read.specs[logits].shape[1:].num_elements() == 1)
    by_default = given.explained_quantity or (LOG_ODDS if logits and is_known else LOGITS if logits else SERVED)
    chosen: dict[int, str] = {Parameters.LOG_ODDS: LOG_ODDS, Parameters.LOGITS: LOGITS, Parameters.SERVED: SERVED}
    quantity = chosen.get(scale, by_default)
    if quantity != SERVED and not logits:
        lookup.problems.append(f"{where}.logits_tensor_name: there is none; explain the output as it is SERVED")
    elif quantity == LOG_ODDS and not is_known:
        lookup.problems.append(
            f"{where}.classes: log-odds take to know what {logits!r} are logits of; say {EXCLUSIVE!r} (one class is "
            f"right, a softmax) or {INDEPENDENT!r} (each by itself, a sigmoid), or explain them as LOGITS"
        )
    return classes, quantity


def _leaves(names: struct_pb2.Value) -> Iterator[str]:
    """Class names in the order of the outputs, also where they stand in lists of lists."""
    if names.HasField("list_value"):
        for value in names.list_value.values:
            yield from _leaves(value)
    elif names.HasField("string_value"):
        yield names.string_value


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
