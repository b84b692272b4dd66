"""Signatures whose rows a dense tensor cannot hold made signatures on tf.Examples: a parser is put before them.

So it is with sparse inputs, given as three tensors, and with inputs beside serialized tf.Examples, which are read from
the same examples under the input's name.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfx_explain.savedmodel.graph.compose import compose
from tfx_explain.savedmodel.graph.signature import Signature

_EXAMPLES = "examples"
# `x_indices`, `x_values`, `x_shape`, as people name them; `x`, `x_1`, `x_2`, as Keras does.
_NAMING = (
    (re.compile(r"(?P<of>.*?)[_/.:-]?(?P<part>indices|values|(?:dense_)?shape)"), ("indices", "values", "shape")),
    (re.compile(r"(?P<of>.+?)(?P<part>|_1|_2)"), ("", "_1", "_2")),
)


@dataclass(frozen=True)
class SparseInput:
    """The names of the inputs that make one sparse tensor `[rows, values]`, and that of the feature it holds."""

    name: str
    indices: str
    values: str
    dense_shape: str

    @property
    def parts(self) -> tuple[str, str, str]:
        """The inputs in TensorFlow's order."""
        return self.indices, self.values, self.dense_shape


def fed_by_examples(signature: Signature, serialized: str) -> Signature:
    """The signature on tf.Examples alone where rows need that, else as it is.

    Args:
        signature: any.
        serialized: the input that is serialized tf.Examples; '' where there is none.

    Raises:
        ValueError: if a dense input beside those has a row of unknown shape.
    """
    specs = signature.input_specs
    sparse = list(_sparse_inputs(specs))
    if not sparse and (not serialized or len(specs) == 1):
        return signature
    dense = {name: specs[name] for name in specs if name != serialized}
    for name in (name for tensor in sparse for name in tensor.parts):
        del dense[name]
    for name, spec in dense.items():
        if spec.shape.rank is None or not spec.shape.rank or not spec.shape[1:].is_fully_defined():
            raise ValueError(
                f"Input {name!r} of the signature, beside {'serialized tf.Examples' if serialized else 'sparse ones'}, "
                f"has shape {spec.shape}; export one whose dense inputs are [None, ...] with the other axes known."
            )
    parser = _parser(signature, serialized, sparse, dense)
    return dataclasses.replace(
        compose(parser, signature),
        preprocess_name=signature.preprocess_name,
        saved_names=_names(signature, sparse, dense),
    )


def _sparse_inputs(specs: Mapping[str, tf.TensorSpec]) -> Iterator[SparseInput]:
    for pattern, parts in _NAMING:
        groups: dict[str, dict[str, str]] = {}
        for name in specs:
            match = pattern.fullmatch(name)
            if match:
                groups.setdefault(match["of"], {})[match["part"].removeprefix("dense_")] = name
        for of, names in groups.items():
            found = [specs[names[part]] for part in parts] if names.keys() == set(parts) else []
            # Where names do not say so, shapes must: a matrix, a vector and a number a row look alike.
            if (
                found
                and _is_sparse(*found)
                and ("values" in names or (found[2].shape.rank == 1 and found[2].shape[0] == 2))
            ):
                yield SparseInput(of or names[parts[1]], *(names[part] for part in parts))


def _is_sparse(indices: tf.TensorSpec, values: tf.TensorSpec, dense_shape: tf.TensorSpec) -> bool:
    shapes = (indices.shape, [None, 2]), (values.shape, [None]), (dense_shape.shape, [2])
    fit = all(shape.is_compatible_with(wanted) for shape, wanted in shapes)
    return fit and indices.dtype == dense_shape.dtype == tf.int64 and dense_shape.shape.rank in (None, 1)


def _parser(
    signature: Signature, serialized: str, sparse: list[SparseInput], dense: Mapping[str, tf.TensorSpec]
) -> Signature:
    """The signature from examples to the inputs of another."""
    specs = signature.input_specs
    features: dict[str, Any] = {t.name: tf.io.VarLenFeature(_parsed_as(specs[t.values].dtype)) for t in sparse}
    features |= {n: tf.io.FixedLenFeature(s.shape[1:].as_list(), _parsed_as(s.dtype)) for n, s in dense.items()}

    def parse(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(examples, features)
        inputs = {serialized: tf.identity(examples)} if serialized else {}
        for tensor in sparse:
            value = parsed[tensor.name]
            inputs |= zip(tensor.parts, (value.indices, value.values, value.dense_shape), strict=True)
        inputs |= {name: parsed[name] for name in dense}
        return {name: tf.cast(inputs[name], specs[name].dtype) for name in specs}

    takes = tf.TensorSpec([None], tf.string, _EXAMPLES)
    function = tf.function(parse, input_signature=[takes]).get_concrete_function()
    graph_def = function.graph.as_graph_def()
    name = "rows"
    while any(node.name.startswith(f"{name}/") for node in signature.graph_def.node):
        name += "_"
    (examples,) = function.inputs
    outputs = function.structured_outputs
    return Signature(
        name=name,
        framework=signature.framework,
        inputs={_EXAMPLES: examples.name},
        input_specs={_EXAMPLES: takes},
        outputs={key: tensor.name for key, tensor in zip(sorted(outputs), function.outputs, strict=True)},
        output_specs={key: tf.TensorSpec(tensor.shape, tensor.dtype) for key, tensor in outputs.items()},
        captures={},
        graph_def=graph_def,
        op_defs={},
        function=function,
    )


def _names(signature: Signature, sparse: list[SparseInput], dense: Mapping[str, tf.TensorSpec]) -> dict[str, str]:
    """The features and outputs by all the names that there are for them."""
    features = {part: tensor.name for tensor in sparse for part in tensor.parts} | {name: name for name in dense}
    saved = {saved: features.get(name, name) for saved, name in signature.saved_names.items()}
    return saved | features | {signature.inputs[name]: feature for name, feature in features.items()}


def _parsed_as(dtype: tf.DType) -> tf.DType:
    if dtype == tf.string:
        return dtype
    return tf.float32 if dtype.is_floating else tf.int64
