"""Stages 1 to 4 together: one signature of a SavedModel, taken apart."""

from __future__ import annotations

import contextlib
import contextvars
import functools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import tensorflow as tf

from tfx_explain.savedmodel.analysis.depend import dependencies, held_tensors, sources, united
from tfx_explain.savedmodel.analysis.features import Feature, Features
from tfx_explain.savedmodel.analysis.raw_features import find_features, parsed_input
from tfx_explain.savedmodel.analysis.shapes import shaped
from tfx_explain.savedmodel.graph.errors import cause
from tfx_explain.savedmodel.graph.flat import FlatGraph, cut_once, node_of, with_operands
from tfx_explain.savedmodel.graph.from_examples import fed_by_examples
from tfx_explain.savedmodel.graph.inline import inline
from tfx_explain.savedmodel.graph.load import Signature, load_signature


@dataclass(frozen=True)
class ReadModel:
    """A signature, taken apart.

    Attributes:
        signature: as it was saved.
        graph: its flat graph.
        features: its raw features.
        specs: dtype and static shape of the flat graph's tensors.
        counts: number of outputs of the flat graph's nodes.
        depends: the features that the values of each tensor depend on.
        whole: the function that the tensors' shapes were read from; its graph has them under `cut/`.
    """

    signature: Signature
    graph: FlatGraph
    features: Features
    specs: Mapping[str, tf.TensorSpec]
    counts: Mapping[str, int]
    depends: Mapping[str, frozenset[str]]
    whole: Any

    @functools.cached_property
    def alone(self) -> Mapping[str, Sequence[Any]]:
        """By feature, the nodes that depend on it and on no other."""
        found: dict[str, list[Any]] = {name: [] for name in self.features.by_name}
        for node in self.graph.nodes.values():
            carried = united(self.depends[tensor] for tensor in node.input)
            if len(carried) == 1:
                (name,) = carried
                found.setdefault(name, []).append(node)
        return found

    @functools.cached_property
    def sparse(self) -> Mapping[str, Feature]:
        """By each of their tensors, the features whose rows have different numbers of values."""
        return {t: feature for feature in self.features.by_name.values() if feature.is_sparse for t in feature.tensors}

    @property
    def raw_tensors(self) -> list[str]:
        """Every tensor at which rows enter: those of the features, and the serialized examples."""
        raw = [tensor for feature in self.features.by_name.values() for tensor in feature.tensors]
        return [*raw, self.features.serialized] if self.features.serialized else raw

    def held(self, fed: Collection[str], output: str) -> list[str]:
        """The raw tensors that computing `output` from `fed` still reads, by value or only by shape."""
        return held_tensors(self.graph, self.raw_tensors, fed, [output])

    def past(self, fed: Collection[str], outputs: Iterable[str]) -> frozenset[str]:
        """The features whose values still get to `outputs` where the tensors `fed` are fed."""
        left = dependencies(self.graph, sources(self.graph, self.features), self.counts, cut=fed)
        return frozenset().union(*(left[tensor] for tensor in outputs))

    def with_input_shapes(self, shapes: Mapping[str, tf.TensorShape]) -> ReadModel:
        """The same model with the shapes of some of its inputs, by name, written into the signature."""
        specs = self.signature.input_specs
        if all(specs[name].shape.as_proto() == shape.as_proto() for name, shape in shapes.items()):
            return self
        signature = self.signature.with_input_shapes(shapes)
        try:
            return _read(signature, inline(signature))
        except ValueError as error:  # TensorFlow's, of the ops behind
            given = ", ".join(f"{name!r} {shape}" for name, shape in sorted(shapes.items()))
            raise ValueError(
                f"Signature {signature.name!r} takes no rows of the shapes {given}: {cause(error)}. Give others as "
                "input_tensor_shape."
            ) from error

    def with_nodes(self, nodes: Sequence[Any]) -> ReadModel:
        """The same model with nodes behind its own."""
        return _read(self.signature, self.graph.with_nodes(nodes)) if nodes else self

    def with_operands(self, tensors: Collection[str]) -> ReadModel:
        """The same model with a node for each operand that `tensors` name, as `flat.operand` writes them."""
        if all(tensor in self.specs for tensor in tensors):
            return self
        return _read(self.signature, with_operands(self.graph, self.specs, tensors))


# From what was asked for to what was read; None outside of `read_once`.
_Kept: TypeAlias = "dict[tuple[str, str | None, tuple[str, ...], str | None], ReadModel]"
_KEPT: contextvars.ContextVar[_Kept | None] = contextvars.ContextVar("read signatures", default=None)


def read_model(
    model_dir: str, signature_name: str | None, tags: Sequence[str] = (), preprocess_name: str | None = None
) -> ReadModel:
    """Loads and flattens one signature, and the one that runs before it; `load_signature` says which.

    Raises:
        ValueError: if the model cannot be read, or its features cannot be told apart.
    """
    kept = {} if (block := _KEPT.get()) is None else block
    key = (model_dir, signature_name, tuple(tags), preprocess_name)
    if key not in kept:
        read = _load(model_dir, signature_name, tags, preprocess_name)
        named = (model_dir, read.signature.name, tuple(tags), read.signature.preprocess_name or None)
        kept.update({key: read, named: read})
    return kept[key]


@contextlib.contextmanager
def read_once() -> Iterator[None]:
    """Within the block, what was read or cut once is not loaded or cut again: a model is described, then opened."""
    token = _KEPT.set({})
    try:
        with cut_once():
            yield
    finally:
        _KEPT.reset(token)


def _load(model_dir: str, signature_name: str | None, tags: Sequence[str], preprocess_name: str | None) -> ReadModel:
    signature = load_signature(model_dir, signature_name, tags, preprocess_name)
    try:
        graph = inline(signature)
        fed = fed_by_examples(signature, parsed_input(graph))
        return _read(fed, graph if fed is signature else inline(fed))
    except ValueError:
        raise
    except Exception as error:  # a damaged graph can be loaded, and lack what its nodes name
        raise ValueError(
            f"The graph of signature {signature.name!r} of {model_dir!r} is damaged: {cause(error)}. Export it again."
        ) from error


def _read(signature: Signature, graph: FlatGraph) -> ReadModel:
    features = find_features(graph, signature.input_specs)
    graph, specs, whole = shaped(graph)
    counts = dict.fromkeys(graph.nodes, 0)
    for tensor in specs:
        counts[node_of(tensor)] += 1
    depends = dependencies(graph, sources(graph, features), counts)
    past_parser = set().union(*(depends[tensor] for tensor in graph.outputs.values())) - set(features.by_name)
    if past_parser:
        raise ValueError(
            f"Signature {signature.name!r} reads its input {', '.join(map(repr, graph.inputs))} otherwise than "
            "by one tf.Example parser, so its features cannot be told apart; parse everything with tf.io.parse_example."
        )
    return ReadModel(signature, graph, features, specs, counts, depends, whole)
