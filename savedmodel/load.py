"""Stage 1: open a SavedModel and choose the signature to explain."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2  # the one proto of a SavedModel that has no public alias

from tfx_explain.savedmodel.errors import cause
from tfx_explain.savedmodel.signature import TENSORFLOW2, Signature
from tfx_explain.savedmodel.tensorflow1 import load_graph

DEFAULT_SIGNATURES = ("xai_model", "serving_default")
_SERVE = "serve"


def load_signature(model_dir: str, signature_name: str | None = None, tags: Sequence[str] = ()) -> Signature:
    """Loads the SavedModel at `model_dir`.

    Args:
        model_dir: a TF 2 SavedModel directory, any path that `tf.io.gfile` reads.
        signature_name: the signature to open. Without it: the only one, else `xai_model`, else `serving_default`.
        tags: of the meta graph; empty means "serve", or the only meta graph there is.

    Raises:
        ValueError: if there is no readable SavedModel, or no such signature or meta graph; it names what there is.
    """
    meta_graph = _meta_graph(model_dir, tags)
    if not meta_graph.HasField("object_graph_def"):  # written by TF 1's API
        name = choose_signature(list(meta_graph.signature_def), signature_name, model_dir)
        return load_graph(model_dir, meta_graph, name)
    try:
        root = tf.saved_model.load(model_dir, tags=list(meta_graph.meta_info_def.tags))
    except Exception as error:  # a damaged file makes TensorFlow raise nearly anything
        raise ValueError(f"The SavedModel {model_dir!r} cannot be loaded: {cause(error)}. Export it again.") from error
    name = choose_signature(list(root.signatures), signature_name, model_dir)
    function = root.signatures[name]
    specs = function.structured_input_signature[1]
    captured = function.captured_inputs
    placeholders = list(function.inputs)
    arguments = placeholders[: len(placeholders) - len(captured)]
    if len(arguments) != len(specs):
        raise ValueError(
            f"Signature {name!r} of {model_dir!r} takes composite (sparse or ragged) tensors; "
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
        op_defs={op.name: op for op in meta_graph.meta_info_def.stripped_op_list.op},
        function=_Rooted(root, function),
    )


def choose_signature(names: Sequence[str], wanted: str | None, model_dir: str) -> str:
    """The signature to explain among `names`: the wanted one, the only one, `xai_model` or `serving_default`."""
    present = sorted(name for name in names if not name.startswith("__"))
    if wanted:
        if wanted in present:
            return wanted
        raise ValueError(
            f"The SavedModel {model_dir!r} has no signature {wanted!r}; it has {_listed(present)}. "
            "Name one of these as signature_name."
        )
    if len(present) == 1:
        return present[0]
    for name in DEFAULT_SIGNATURES:
        if name in present:
            return name
    raise ValueError(
        f"The SavedModel {model_dir!r} has {_listed(present)} as signatures, none of them "
        f"{' or '.join(DEFAULT_SIGNATURES)}; name the one to explain as signature_name."
    )


@dataclass(frozen=True)
class _Rooted:
    """A signature function together with the object that owns its variables and tables."""

    root: Any
    function: Any

    def __call__(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.function(**inputs)


def _meta_graph(model_dir: str, tags: Sequence[str]) -> Any:
    path = os.path.join(model_dir, "saved_model.pb")
    if not tf.io.gfile.exists(path):
        raise ValueError(
            f"{model_dir!r} is not a SavedModel directory: it has no saved_model.pb. Give the directory that "
            "`tf.saved_model.save` wrote."
        )
    saved_model = saved_model_pb2.SavedModel()
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            saved_model.ParseFromString(file.read())
    except DecodeError as error:
        raise ValueError(f"{path!r} is damaged and cannot be parsed; export the model again.") from error
    graphs = list(saved_model.meta_graphs)
    wanted = set(tags) or {_SERVE}
    exact = [graph for graph in graphs if set(graph.meta_info_def.tags) == wanted]
    if not exact and not tags and len(graphs) == 1:
        exact = graphs
    if not exact:
        there = "; ".join(_listed(sorted(graph.meta_info_def.tags)) for graph in graphs) or "none"
        raise ValueError(
            f"The SavedModel {model_dir!r} has no meta graph tagged {_listed(sorted(wanted))}; there is: {there}. "
            "Set `tags` in the explanation metadata."
        )
    return exact[0]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
