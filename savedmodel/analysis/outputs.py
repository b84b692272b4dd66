"""The outputs that can be explained, the scores behind class ids and labels, and the logits behind probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.analysis.blends import is_added
from tfx_explain.savedmodel.analysis.links import PASSES, Link, find_link, origin
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.graph.flat import node_of
from tfx_explain.savedmodel.graph.signature import TENSORFLOW1
from tfx_explain.savedmodel.metadata.nearest import nearest
from tfx_explain.savedmodel.metadata.rules import INDEPENDENT, LOG_ODDS, SERVED

# Where a score is lost to a choice among classes.
_DECIDES = frozenset(
    {"ArgMax", "TopK", "TopKV2", "Greater", "GreaterEqual", "Less", "LessEqual", "Round", "Rint", "Floor", "Ceil"}
)
# From a class id to what is served of it.
_LABELS = PASSES | frozenset(
    {
        *("Gather", "GatherV2", "GatherNd", "ResourceGather", "ResourceGatherNd", "StridedSlice", "Tile", "Pack"),
        *("LookupTableFind", "LookupTableFindV2", "AsString", "StringJoin", "Select", "SelectV2", "LogicalNot"),
        *("Add", "AddV2", "Sub", "OneHot"),
    }
)


@dataclass(frozen=True)
class Label:
    """A served output that names classes.

    Attributes:
        served: its tensor.
        decision: the tensor at which classes are chosen by their scores.
        scores: the float tensor that they are chosen by, `[rows]` or `[rows, classes]`.
    """

    served: str
    decision: str
    scores: str


@dataclass(frozen=True)
class Outputs:
    """What a signature serves.

    Attributes:
        scores: float tensors `[rows]` or `[rows, outputs]` to explain, by output name; where the output is labels, the
            scores behind them.
        labels: what names the classes of these scores, by the same output name; of an output that is labels, itself.
        served_labels: the names of the outputs in `scores` that are served as labels only.
        fixed: the outputs that depend on no feature, such as the names of all classes.
        elements: of outputs of which one element is explained, its indices.
    """

    scores: Mapping[str, str]
    labels: Mapping[str, Label]
    served_labels: frozenset[str]
    fixed: Mapping[str, str]
    elements: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def takes_element(shape: tf.TensorShape, indices: Sequence[int]) -> bool:
    """Whether `indices` are one for each axis but the rows', or, of rank three and more, one less: all but the last."""
    rank = shape.rank or 0
    return bool(indices) and (len(indices) == rank - 1 or (rank > 2 and len(indices) == rank - 2))


def find_outputs(
    read: ReadModel,
    wanted: str | None = None,
    given: Mapping[str, str] | None = None,
    elements: Mapping[str, Sequence[int]] | None = None,
) -> Outputs:
    """The outputs that can be explained. Labels whose scores are served as well are no outputs of their own.

    Args:
        read: the model.
        wanted: the only output that counts; None: all.
        given: tensors by output name that a person named, in place of what is found for these names.
        elements: by output name, the element that a person chose of it; of outputs that take such, others have none.

    Raises:
        ValueError: if there is none, or not the one that is wanted; it names those that there are.
    """
    tensors = read.graph.outputs
    found = {name: label for name in sorted(tensors) if (label := _find_label(read, tensors[name]))}
    named = {name: tensors.get(tensor, tensor) for name, tensor in (given or {}).items()}
    named = {name: tensor for name, tensor in named.items() if tensor in read.specs}
    shapes = {name: read.specs[tensor].shape for name, tensor in {**tensors, **named}.items()}
    chosen = {
        name: tuple(indices)
        for name, indices in (elements or {}).items()
        if name in shapes and takes_element(shapes[name], indices)
    }
    floats = {
        name: t for name, t in sorted(tensors.items()) if _is_score(read, t) or (name in chosen and _is_float(read, t))
    }
    scores, labels, served_labels = _scores_and_labels(read, wanted, floats, found)
    scores |= named
    served_labels -= {name for name, tensor in named.items() if tensor == tensors.get(name)}
    scores = dict(sorted(scores.items())) or floats
    if not scores:
        raise ValueError(_nothing_to_explain(read))
    if wanted and wanted not in scores:
        advice = _how_to_choose(read, [tensors[wanted]] if wanted in tensors else []) or (
            f"{nearest(wanted, scores)} (as `output_name`)"
        )
        raise ValueError(f"Signature {read.signature.name!r} has no output {wanted!r} that can be explained; {advice}")
    scores = {wanted: scores[wanted]} if wanted else scores
    fixed = {name: tensor for name, tensor in sorted(tensors.items()) if not read.depends[tensor]}
    chosen = {name: indices for name, indices in chosen.items() if name in scores}
    if not chosen and (indices := next(filter(None, (elements or {}).values()), None)):
        there = ", ".join(f"{name!r} {shapes[name]}" for name in scores)
        raise ValueError(
            f"`output_element` {list(indices)} fits no output, of {there}; give an index for each axis but the rows'."
        )
    return Outputs(scores, labels, frozenset(served_labels), fixed, chosen)


def _scores_and_labels(
    read: ReadModel, wanted: str | None, floats: Mapping[str, str], found: Mapping[str, Label]
) -> tuple[dict[str, str], dict[str, Label], set[str]]:
    """The scores to explain, what names their classes, and the names of those that are served as labels only.

    Args:
        read: the model.
        wanted: the only output that counts; None: all.
        floats: the outputs that are scores, by name.
        found: the outputs that are labels, by name.
    """
    scores = {name: tensor for name, tensor in floats.items() if name not in found and read.depends[tensor]}
    labels: dict[str, Label] = {}
    served_labels = set()
    for name, label in found.items():
        behind = _behind(read, label.scores)
        owners = [other for other, tensor in scores.items() if behind & _behind(read, tensor)]
        if not owners or name == wanted:
            scores[name] = label.scores
            served_labels.add(name)
        for owner in {*owners, name} & scores.keys():
            labels.setdefault(owner, label)
    return scores, labels, served_labels


def _nothing_to_explain(read: ReadModel) -> str:
    tensors = read.graph.outputs
    specs = {name: read.specs[tensor] for name, tensor in tensors.items()}
    there = ", ".join(f"{name!r} ({spec.dtype.name} {spec.shape})" for name, spec in specs.items())
    advice = _how_to_choose(read, tensors.values()) or (
        "export one that serves float scores, [rows] or [rows, outputs], or labels that are chosen by such scores."
    )
    return f"Signature {read.signature.name!r} has no output to explain, only {there}; {advice}"


def _how_to_choose(read: ReadModel, tensors: Iterable[str]) -> str:
    """How to choose an element of the first output of rank three and more; '' where there is none."""
    for shape in (read.specs[tensor].shape for tensor in tensors if _is_float(read, tensor)):
        if (shape.rank or 0) > 2:
            places = [0] * (int(shape.rank or 0) - 1)
            return (
                f"choose the element of a row of shape {list(shape[1:])} that is explained, by its indices, such as "
                f"`output_element` {places}, or {places[:-1]} for all of the last axis."
            )
    return ""


def describe_outputs(metadata: explanation_pb2.ExplanationMetadata, read: ReadModel, outputs: Outputs) -> list[str]:
    """Adds the outputs to `metadata`; returns the tensors to explain: logits where the model has them."""
    by_graph = read.signature.framework == TENSORFLOW1
    names = {} if by_graph else {tensor: name for name, tensor in sorted(read.graph.outputs.items(), reverse=True)}
    links = _links(read, outputs)
    tensors = []
    for name, tensor in outputs.scores.items():
        served = read.graph.outputs.get(name, "") if by_graph else name
        is_label = name in outputs.served_labels
        link = links.get(name, Link("", ""))
        metadata.outputs[name].CopyFrom(
            explanation_pb2.OutputMetadata(
                output_tensor_name=served if read.graph.outputs.get(name) == tensor else names.get(tensor, tensor),
                output_tensor_dtype=read.specs[tensor].dtype.name,
                logits_tensor_name=link.logits,
                served_tensor_name=served if is_label else "",
                classes=_classes(read, link),
                explained_quantity=LOG_ODDS if link.logits else SERVED,
                logits_indices=link.picked,
                output_element=outputs.elements.get(name, ()),
            )
        )
        # What was added to the graph says no more of where gradients pass than what is served.
        tensors.append(tensor if not link.logits or is_added(link.logits) else link.logits)
    return tensors


def _links(read: ReadModel, outputs: Outputs) -> dict[str, Link]:
    """How each output is made of logits, if it is; of one that is the logits of another, that they are its own."""
    behind = [label.scores for label in outputs.labels.values()]
    made = [link for each in (*outputs.scores.values(), *behind) if (link := find_link(read, each))]
    of_logits = {origin(read, link.logits): link.logits_classes for link in made}
    links = {}
    for name, tensor in outputs.scores.items():
        classes = of_logits.get(origin(read, tensor))
        found = Link(tensor, classes) if classes else find_link(read, tensor)
        # An element's logit is at the same place, if the logits have the output's axes.
        if found and (name not in outputs.elements or _have_same_axes(read, tensor, found)):
            links[name] = found
    return links


def _have_same_axes(read: ReadModel, tensor: str, link: Link) -> bool:
    return not link.picked and read.specs[link.logits].shape.rank == read.specs[tensor].shape.rank


def _classes(read: ReadModel, link: Link) -> str:
    """The link's classes; '' where a sigmoid makes a single score."""
    width = len(link.picked) or (read.specs[link.logits].shape[1:].num_elements() if link.logits else None)
    return "" if link.classes == INDEPENDENT and width == 1 else link.classes


def _behind(read: ReadModel, tensor: str) -> set[str]:
    """Where the values of `tensor` come from, and the logits that they are made of."""
    link = find_link(read, tensor)
    return {origin(read, each) for each in (tensor, link.logits if link and not link.picked else "") if each}


def _find_label(read: ReadModel, served: str) -> Label | None:
    """What `served` is chosen by, where it names classes."""
    tensor, decision = served, ""
    while not (decision and _is_score(read, tensor) and read.graph.nodes[node_of(tensor)].op not in _DECIDES):
        node = read.graph.nodes[node_of(tensor)]
        carrying = {other for other in node.input if read.depends[other]}
        if len(carrying) != 1 or node.op not in _DECIDES | _LABELS:
            return None
        (source,) = carrying
        floors = node.op == "Cast" and read.specs[source].dtype.is_floating and not _is_float(read, tensor)
        if floors or node.op in _DECIDES:
            decision = tensor
        tensor = source
    return Label(served, decision, tensor)


def _is_float(read: ReadModel, tensor: str) -> bool:
    return read.specs[tensor].dtype.is_floating


def _is_score(read: ReadModel, tensor: str) -> bool:
    return _is_float(read, tensor) and read.specs[tensor].shape.rank in (None, 1, 2)
