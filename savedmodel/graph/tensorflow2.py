"""Stage 1 for SavedModels of TensorFlow 2: signatures are functions of an object that is loaded whole."""

from __future__ import annotations

import functools
from collections.abc import Callable
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
    op_defs = {op.name: op for op in meta_graph.meta_info_def.stripped_op_list.op}
    return list(root.signatures), functools.partial(_signature, root, op_defs)


def _signature(root: Any, op_defs: Any, name: str) -> Signature:
    function = root.signatures[name]
    specs = function.structured_input_signature[1]
    captured = function.captured_inputs
    placeholders = list(function.inputs)
    arguments = placeholders[: len(placeholders) - len(captured)]
    if len(arguments) != len(specs):
        raise ValueError(
            f"Signature {name!r} takes composite (sparse or ragged) tensors; "
            "export one whose inputs are dense tensors or serialized tf.Examples."
        )
    return Signature(
        name=name,
        framework=TENSORFLOW2,
        inputs={key: tensor.name for key, tensor in zip(sorted(specs), arguments, strict=True)},
        input_specs={key: specs[key] for key in sorted(specs)},
        outputs={
            key: tensor.name for key, tensor in zip(sorted(function.structured_outputs), function.outputs, strict=True)
        },
        output_specs=dict(function.structured_outputs),
        captures={p.op.name: c for p, c in zip(placeholders[len(arguments) :], captured, strict=True)},
        graph_def=function.graph.as_graph_def(),
        op_defs=op_defs,
        function=_Rooted(root, function),
    )


@dataclass(frozen=True)
class _Rooted:
    """A signature function together with the object that owns its variables and tables."""

    root: Any
    function: Any

    def __call__(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.function(**inputs)
