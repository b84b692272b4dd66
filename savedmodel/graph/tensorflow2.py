"""Stage 1 for SavedModels of TensorFlow 2: signatures are functions of an object that is loaded whole."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfx_explain.savedmodel.graph.errors import unloadable
from tfx_explain.savedmodel.graph.signature import TENSORFLOW2, Signature
from tfx_explain.storage.paths import plain


def load_functions(model_dir: str, meta_graph: Any) -> tuple[list[str], Callable[[str], Signature]]:
    """Loads a model; returns the names of its signatures, and what gives one of them.

    Raises:
        ValueError: if it cannot be loaded.
    """
    try:
        root = tf.saved_model.load(plain(model_dir), tags=list(meta_graph.meta_info_def.tags))
    except Exception as error:  # a damaged file makes TensorFlow raise nearly anything
        raise unloadable(model_dir, error) from error
    return list(root.signatures), functools.partial(_signature, root, meta_graph)


def _signature(root: Any, meta_graph: Any, name: str) -> Signature:
    function = root.signatures[name]
    given = function.structured_input_signature[1]
    specs = {key: spec for name in sorted(given) for key, spec in _parts(name, given[name]).items()}
    captured = function.captured_inputs
    placeholders = list(function.inputs)
    arguments = placeholders[: len(placeholders) - len(captured)]
    if len(arguments) != len(specs):
        raise ValueError(
            f"Signature {name!r} takes composite tensors that are not sparse matrices; "
            "export one whose inputs are dense or sparse tensors, or serialized tf.Examples."
        )
    return Signature(
        name=name,
        framework=TENSORFLOW2,
        inputs={key: tensor.name for key, tensor in zip(specs, arguments, strict=True)},
        input_specs=specs,
        outputs={
            key: tensor.name for key, tensor in zip(sorted(function.structured_outputs), function.outputs, strict=True)
        },
        output_specs=dict(function.structured_outputs),
        captures={p.op.name: c for p, c in zip(placeholders[len(arguments) :], captured, strict=True)},
        graph_def=function.graph.as_graph_def(),
        op_defs={op.name: op for op in meta_graph.meta_info_def.stripped_op_list.op},
        function=_Rooted(root, function, given),
        saved_names=_saved_names(meta_graph.signature_def[name]),
    )


def _parts(name: str, spec: Any) -> dict[str, tf.TensorSpec]:
    """The tensors that make an input, by name: a sparse one is three."""
    if not isinstance(spec, tf.SparseTensorSpec):
        return {name: spec}
    shapes = {"indices": ([None, spec.shape.rank], tf.int64), "values": ([None], spec.dtype)}
    shapes["shape"] = [spec.shape.rank], tf.int64
    return {f"{name}_{part}": tf.TensorSpec(shape, dtype) for part, (shape, dtype) in shapes.items()}


def _saved_names(definition: Any) -> dict[str, str]:
    """The signature's outputs and inputs by the tensors that a SignatureDef has for them."""
    infos = [*definition.outputs.items(), *definition.inputs.items()]
    return {info.name: key for key, info in infos if info.WhichOneof("encoding") == "name"}


@dataclass(frozen=True)
class _Rooted:
    """A signature function together with the object that owns its variables and tables."""

    root: Any
    function: Any
    specs: Mapping[str, Any]

    def __call__(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        packed = {}
        for name, spec in self.specs.items():
            parts = [inputs[part] for part in _parts(name, spec)]
            packed[name] = parts[0] if len(parts) == 1 else tf.SparseTensor(*parts)
        return self.function(**packed)
