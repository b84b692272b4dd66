"""Stage 3: finds the model's raw features: behind a tf.Example parser, else the signature's inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfx_explain.savedmodel.analysis.features import Feature, Features
from tfx_explain.savedmodel.graph.flat import FlatGraph, in_order, node_of, source, static_value

_PARSERS = ("ParseExampleV2", "ParseExample")
_PROTO_OPS = ("ParseExample", "ParseSingle", "ParseSequence", "DecodeProto")


def find_features(graph: FlatGraph, input_specs: Mapping[str, tf.TensorSpec]) -> Features:
    """Finds the raw features of a signature.

    Raises:
        ValueError: if the parser is used in a way that rows cannot be fed behind it.
    """
    _refuse_other_parsers(graph)
    for name, spec in input_specs.items():
        _refuse_without_rows(name, spec)
    parsers = [node for node in graph.nodes.values() if node.op in _PARSERS]
    if not parsers:
        return Features({n: Feature(n, graph.inputs[n], spec.dtype, spec.shape) for n, spec in input_specs.items()})
    serialized = {source(graph, node.input[0]) for node in parsers}
    inputs = {name for name, tensor in graph.inputs.items() if tensor in upstream(graph, serialized)}
    if len(serialized) > 1 or len(inputs) != 1:
        raise ValueError(
            "The signature's tf.Example parsers read " + ", ".join(sorted(serialized)) + ", which do not all come from "
            "one and the same signature input; export a signature that parses one input with tf.io.parse_example."
        )
    (tensor,), (name,) = serialized, inputs
    found: dict[str, Feature] = {}
    for feature in (feature for parser in parsers for feature in _parsed(graph, parser)):
        if feature.name in found:
            raise ValueError(
                f"Feature {feature.name!r} is parsed by several of the signature's parsers "
                f"({', '.join(repr(node.name) for node in parsers)}); export one that parses each feature once."
            )
        found[feature.name] = feature
    return Features(dict(sorted(found.items())), tensor, name if graph.inputs[name] == tensor else "")


def parsed_input(graph: FlatGraph) -> str:
    """The signature input that tf.Example parsers read; '' where there is none, or not one alone."""
    serialized = {node.input[0] for node in graph.nodes.values() if node.op in _PARSERS}
    reached = upstream(graph, serialized)
    inputs = [name for name, tensor in graph.inputs.items() if tensor in reached]
    return inputs[0] if len(inputs) == 1 else ""


def upstream(graph: FlatGraph, tensors: Iterable[str]) -> set[str]:
    """`tensors` and all that they are computed from."""
    tensors = set(tensors)
    nodes = in_order(graph.nodes, tensors)
    return tensors.union(*(node.input for node in nodes.values()))


def _refuse_without_rows(name: str, spec: tf.TensorSpec) -> None:
    if spec.shape.rank == 0 or (spec.shape.rank is not None and spec.shape[0] is not None):
        raise ValueError(
            f"Input {name!r} of the signature has shape {spec.shape}, which leaves no axis open for rows; export one "
            "whose inputs are [None, ...]."
        )


def _refuse_other_parsers(graph: FlatGraph) -> None:
    inside = [node for function in graph.functions.values() for node in function.node_def]
    outside = [node for node in graph.nodes.values() if node.op not in _PARSERS]
    for node in [*outside, *inside]:
        if node.op.startswith(_PROTO_OPS):
            raise ValueError(
                f"The signature parses its rows with {node.op} (node {node.name!r}), behind which rows cannot be fed; "
                "export one that parses whole batches with tf.io.parse_example, outside of loops and conditions."
            )


@dataclass(frozen=True)
class _Layout:
    """A parser's types and keys: sparse, dense and ragged features, in the order of its outputs."""

    sparse: Mapping[str, tf.DType]
    dense: Mapping[str, tf.DType]
    ragged: Mapping[str, tf.DType]
    defaults: list[str]


def _parsed(graph: FlatGraph, parser: Any) -> Iterator[Feature]:
    """The features that the node `parser` parses, each with the parser's outputs as its tensors.

    Raises:
        ValueError: if the keys are not constants.
    """
    layout = _layout(graph, parser)
    num_sparse, num_dense = len(layout.sparse), len(layout.dense)

    def output(block: int, i: int) -> str:
        return f"{parser.name}:{block + i}"

    for i, (key, dtype) in enumerate(layout.sparse.items()):
        indices, values, shape = (output(n * num_sparse, i) for n in range(3))
        yield Feature(key, values, dtype, tf.TensorShape([None]), indices, shape, required=False)
    shapes = [tf.TensorShape(shape) for shape in parser.attr["dense_shapes"].list.shape]
    for i, (key, dtype) in enumerate(layout.dense.items()):
        default = static_value(graph, _before_reshape(graph, layout.defaults[i]))
        required = default is not None and default.size == 0
        shape = tf.TensorShape([None]).concatenate(shapes[i])
        filling = () if default is None else tuple(default.reshape(-1).tolist())
        yield Feature(key, output(3 * num_sparse, i), dtype, shape, required=required, default=filling)
    first = 3 * num_sparse + num_dense
    for i, (key, dtype) in enumerate(layout.ragged.items()):
        splits = output(first + len(layout.ragged), i)
        yield Feature(key, output(first, i), dtype, tf.TensorShape([None]), row_splits=splits, required=False)


def _before_reshape(graph: FlatGraph, tensor: str) -> str:
    """The constant that tf.io.FixedLenFeature gives the shape of a row."""
    node = graph.nodes[node_of(source(graph, tensor))]
    return node.input[0] if node.op == "Reshape" else tensor


def _layout(graph: FlatGraph, parser: Any) -> _Layout:
    sparse_types, dense_types, ragged_types = (
        [tf.as_dtype(kind) for kind in parser.attr[key].list.type] if key in parser.attr else []
        for key in ("sparse_types", "Tdense", "ragged_value_types")
    )
    inputs = list(parser.input)
    if parser.op == "ParseExampleV2":  # serialized, names, sparse_keys, dense_keys, ragged_keys, dense_defaults...
        keys = [key for tensor in inputs[2:5] for key in _constant(graph, tensor, parser)]
        defaults = inputs[5:]
    else:  # serialized, names, one input a sparse key, one a dense key, dense_defaults...
        count = len(sparse_types) + len(dense_types)
        keys = [key for tensor in inputs[2 : 2 + count] for key in _constant(graph, tensor, parser)]
        defaults = inputs[2 + count :]
    named = iter(keys)
    sparse, dense, ragged = (
        {next(named): dtype for dtype in types} for types in (sparse_types, dense_types, ragged_types)
    )
    return _Layout(sparse, dense, ragged, defaults)


def _constant(graph: FlatGraph, tensor: str, parser: Any) -> list[str]:
    value = static_value(graph, tensor)
    if value is None:
        raise ValueError(f"The feature keys of parser {parser.name!r} are computed in the graph; make them constants.")
    return [key.decode() for key in value.reshape(-1)]
