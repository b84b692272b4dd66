"""Stage 3: the model's raw features and their tensors: behind a tf.Example parser, else the signature's inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfx_explain.savedmodel.flat import FlatGraph, node_of

_PARSERS = ("ParseExampleV2", "ParseExample")
_PROTO_OPS = ("ParseExample", "ParseSingle", "ParseSequence", "DecodeProto")


@dataclass(frozen=True)
class Feature:
    """One raw feature.

    Attributes:
        name: the tf.Example's key, or the signature input's name.
        values: the tensor of its values: `[rows, ...]`, of a sparse feature `[values]`.
        dtype: of the values.
        shape: static shape of `values`.
        indices: of a sparse feature, the tensor `[values, 2]` of (row, position); else ''.
        dense_shape: of a sparse feature, the tensor (rows, longest row); else ''.
        required: whether an example without a value cannot be parsed.
    """

    name: str
    values: str
    dtype: tf.DType
    shape: tf.TensorShape
    indices: str = ""
    dense_shape: str = ""
    required: bool = True

    @property
    def is_sparse(self) -> bool:
        """Whether rows have different numbers of values."""
        return bool(self.indices)

    @property
    def tensors(self) -> tuple[str, ...]:
        """Every tensor that is fed for this feature."""
        return (self.values, self.indices, self.dense_shape) if self.is_sparse else (self.values,)


@dataclass(frozen=True)
class Features:
    """What a signature reads.

    Attributes:
        by_name: the raw features.
        examples_input: the signature input that takes serialized tf.Examples, or ''.
    """

    by_name: Mapping[str, Feature]
    examples_input: str


def find_features(graph: FlatGraph, input_specs: Mapping[str, tf.TensorSpec]) -> Features:
    """Finds the raw features of a signature.

    Raises:
        ValueError: if the parser is used in a way that rows cannot be fed behind it.
    """
    _refuse_other_parsers(graph)
    parsers = [node for node in graph.nodes.values() if node.op in _PARSERS]
    if not parsers:
        return Features({name: _from_input(graph, name, spec) for name, spec in input_specs.items()}, "")
    examples = {_through_identity(graph, node.input[0]) for node in parsers}
    names = {tensor: name for name, tensor in graph.inputs.items()}
    if len(examples) > 1 or not examples <= set(names):
        raise ValueError(
            "The signature's tf.Example parser reads " + ", ".join(sorted(examples)) + " instead of one signature "
            "input as it is; export a signature that hands its input straight to tf.io.parse_example."
        )
    found: dict[str, Feature] = {}
    for parser in parsers:
        for feature in _parsed(graph, parser):
            if feature.name in found:
                raise ValueError(
                    f"Feature {feature.name!r} is parsed by several of the signature's parsers "
                    f"({', '.join(repr(node.name) for node in parsers)}); export one that parses each feature once."
                )
            found[feature.name] = feature
    examples_input = names[examples.pop()]
    if len(input_specs) > 1:
        raise ValueError(
            f"The signature takes {', '.join(map(repr, input_specs))}, serialized tf.Examples and other inputs beside "
            f"them; export one that takes {examples_input!r} alone."
        )
    return Features(dict(sorted(found.items())), examples_input)


def _from_input(graph: FlatGraph, name: str, spec: tf.TensorSpec) -> Feature:
    if spec.shape.rank in (None, 0) or spec.shape[0] is not None:
        raise ValueError(
            f"Input {name!r} of the signature has shape {spec.shape}, which leaves no axis open for rows; export one "
            "whose inputs are [None, ...]."
        )
    return Feature(name, graph.inputs[name], spec.dtype, spec.shape)


def _refuse_other_parsers(graph: FlatGraph) -> None:
    inside = [node for function in graph.functions.values() for node in function.node_def]
    outside = [node for node in graph.nodes.values() if node.op not in _PARSERS]
    for node in [*outside, *inside]:
        if node.op.startswith(_PROTO_OPS):
            raise ValueError(
                f"The signature parses its rows with {node.op} (node {node.name!r}), behind which rows cannot be fed; "
                "export one that parses whole batches with tf.io.parse_example, outside of loops and conditions."
            )


def _parsed(graph: FlatGraph, parser: Any) -> Iterator[Feature]:
    sparse_types = [tf.as_dtype(t) for t in parser.attr["sparse_types"].list.type]
    dense_types = [tf.as_dtype(t) for t in parser.attr["Tdense"].list.type]
    dense_shapes = [tf.TensorShape(shape) for shape in parser.attr["dense_shapes"].list.shape]
    if "ragged_value_types" in parser.attr and parser.attr["ragged_value_types"].list.type:
        raise ValueError(
            f"Parser {parser.name!r} parses ragged features, which cannot be explained yet; parse them as "
            "tf.io.VarLenFeature."
        )
    num_sparse = len(sparse_types)
    keys, defaults = _keys_and_defaults(graph, parser, num_sparse, len(dense_types))
    for i, (key, dtype) in enumerate(zip(keys[:num_sparse], sparse_types, strict=True)):
        yield Feature(
            name=key,
            values=f"{parser.name}:{num_sparse + i}",
            dtype=dtype,
            shape=tf.TensorShape([None]),
            indices=f"{parser.name}:{i}",
            dense_shape=f"{parser.name}:{2 * num_sparse + i}",
            required=False,
        )
    for i, (key, dtype, shape) in enumerate(zip(keys[num_sparse:], dense_types, dense_shapes, strict=True)):
        default = static_value(graph, defaults[i])
        yield Feature(
            name=key,
            values=f"{parser.name}:{3 * num_sparse + i}",
            dtype=dtype,
            shape=tf.TensorShape([None]).concatenate(shape),
            required=default is not None and default.size == 0,
        )


def _keys_and_defaults(graph: FlatGraph, parser: Any, num_sparse: int, num_dense: int) -> tuple[list[str], list[str]]:
    """Keys of the sparse, then of the dense features, and the tensors of the dense features' defaults."""
    inputs = list(parser.input)
    if parser.op == "ParseExampleV2":  # serialized, names, sparse_keys, dense_keys, ragged_keys, dense_defaults...
        keys = [key for tensor in inputs[2:4] for key in _constant(graph, tensor, parser)]
        defaults = inputs[5 : 5 + num_dense]
    else:  # serialized, names, one input a sparse key, one a dense key, dense_defaults...
        keys = [key for tensor in inputs[2 : 2 + num_sparse + num_dense] for key in _constant(graph, tensor, parser)]
        defaults = inputs[2 + num_sparse + num_dense :]
    return keys, defaults


def _constant(graph: FlatGraph, tensor: str, parser: Any) -> list[str]:
    value = static_value(graph, tensor)
    if value is None:
        raise ValueError(f"The feature keys of parser {parser.name!r} are computed in the graph; make them constants.")
    return [key.decode() for key in value.reshape(-1)]


def static_value(graph: FlatGraph, tensor: str) -> Any:
    """The constant or captured value of `tensor` as a numpy array, or None where it is computed."""
    tensor = _through_identity(graph, tensor)
    node = graph.nodes[node_of(tensor)]
    if node.op == "Const":
        return tf.make_ndarray(node.attr["value"].tensor)
    if node.name in graph.captures and graph.captures[node.name].dtype not in (tf.resource, tf.variant):
        return graph.captures[node.name].numpy()
    return None


def _through_identity(graph: FlatGraph, tensor: str) -> str:
    node = graph.nodes[node_of(tensor)]
    while node.op == "Identity":
        tensor = node.input[0]
        node = graph.nodes[node_of(tensor)]
    return tensor
