"""The part of a SavedModel to open: one of its meta graphs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from google.protobuf import text_format
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2  # the one proto of a SavedModel that has no public alias

from tfx_explain.savedmodel.graph.errors import cause

_SERVE = "serve"
_OTHER_USES = {"train", "eval", "tpu"}  # tags of meta graphs beside the one that is served here
_METRICS = "evaluation_only/"  # begins the names of an EvalSavedModel's collections
_TRANSFORM = "transform_signature"
_SERVING_FOLDER = "Format-Serving"
_DEEPEST = 4  # folders between the one given and a model's, as Estimators have them in `export/NAME/TIMESTAMP`
_LISTED = 10
_MOST_BYTES = 2**31  # of a protocol buffer

GRAPH_FILES = ("saved_model.pb", "saved_model.pbtxt")


def read_meta_graph(model_dir: str, tags: Sequence[str]) -> Any:
    """The MetaGraphDef with exactly these tags; without any: "serve", or the only one that is for serving, or at all.

    Raises:
        ValueError: if there is no readable SavedModel, or no such meta graph, or if the SavedModel is not for serving.
    """
    graphs = list(read_saved_model(model_dir).meta_graphs)
    wanted = set(tags) or {_SERVE}
    exact = [graph for graph in graphs if set(graph.meta_info_def.tags) == wanted]
    if not exact and not tags:
        for_serving = [graph for graph in graphs if not _OTHER_USES.intersection(graph.meta_info_def.tags)]
        exact = next((found for found in (for_serving, graphs) if len(found) == 1), [])
    if not exact:
        there = "; ".join(listed(sorted(graph.meta_info_def.tags)) for graph in graphs) or "none"
        raise ValueError(
            f"The SavedModel {model_dir!r} has no meta graph tagged {listed(sorted(wanted))}; there is: {there}. "
            "Name the tags of one of them as `tags`."
        )
    _refuse_other_uses(model_dir, exact[0])
    return exact[0]


def _refuse_other_uses(model_dir: str, graph: Any) -> None:
    """Checks that a meta graph makes predictions."""
    is_metrics = any(name.startswith(_METRICS) for name in graph.collection_def)
    if is_metrics or set(graph.signature_def) == {"eval"}:
        beside = os.path.join(os.path.dirname(model_dir.rstrip("/")), _SERVING_FOLDER)
        there = f", {beside!r}" if tf.io.gfile.exists(beside) else f" (`{_SERVING_FOLDER}` in TFX's Model artifact)"
        raise ValueError(
            f"{model_dir!r} is an EvalSavedModel, which TFMA evaluates: it takes labels and gives metrics. Give the "
            f"folder of the model that is served in its place{there}."
        )
    if _TRANSFORM in graph.signature_def:
        raise ValueError(_transform_graph(model_dir))


def _transform_graph(model_dir: str) -> str:
    return (
        f"{model_dir!r} is the graph of tf.Transform, which makes features, not predictions. Give the folder of the "
        f"model that the Trainer exported with it (`{_SERVING_FOLDER}` in TFX's Model artifact)."
    )


def read_saved_model(model_dir: str) -> saved_model_pb2.SavedModel:
    """Reads the graphs of a SavedModel.

    Raises:
        ValueError: if there is none, or it cannot be read.
    """
    path, text_path = (os.path.join(model_dir, name) for name in GRAPH_FILES)
    saved_model = saved_model_pb2.SavedModel()
    try:
        if tf.io.gfile.exists(path):
            size = tf.io.gfile.stat(path).length
            if size >= _MOST_BYTES:
                raise ValueError(
                    f"{path!r} has {size / 2**30:.1f} GiB, more than TensorFlow reads; export the model with its "
                    "large constants as variables."
                )
            with tf.io.gfile.GFile(path, "rb") as file:
                saved_model.ParseFromString(file.read())
        elif tf.io.gfile.exists(text_path):
            with tf.io.gfile.GFile(text_path, "r") as file:
                text_format.Parse(file.read(), saved_model)
        else:
            raise ValueError(_no_savedmodel(model_dir))
    except (DecodeError, text_format.ParseError, UnicodeDecodeError) as error:
        raise ValueError(
            f"The graph of SavedModel {model_dir!r} is damaged and cannot be parsed; export the model again."
        ) from error
    except tf.errors.OpError as error:
        raise ValueError(
            f"The SavedModel {model_dir!r} cannot be read: {cause(error)}. Check its path and rights."
        ) from error
    return saved_model


def _no_savedmodel(model_dir: str) -> str:
    if not tf.io.gfile.exists(model_dir):
        return f"There is no SavedModel directory {model_dir!r}; give the directory that the model was exported to."
    if not tf.io.gfile.isdir(model_dir):
        return (
            f"{model_dir!r} is a file, not a SavedModel directory. Load a .keras or .h5 file with Keras, and export it "
            "with model.export(directory)."
        )
    if tf.io.gfile.exists(os.path.join(model_dir, "transform_fn")):
        return _transform_graph(model_dir)
    models: list[str] = []
    for depth in range(1, _DEEPEST + 1):
        found = tf.io.gfile.glob(os.path.join(model_dir, *["*"] * depth, "saved_model.pb"))
        models += [os.path.relpath(os.path.dirname(path), model_dir) for path in sorted(found)]
    models = [name for name in models if os.path.basename(name) != "Format-TFMA"][:_LISTED] or models
    hint = (
        f"Give one of those in it: {listed(models)}" if models else "Give the directory that the model was exported to"
    )
    return f"{model_dir!r} is not a SavedModel directory: it has no saved_model.pb. {hint}."


def listed(names: Sequence[str]) -> str:
    """Names for a sentence."""
    return ", ".join(repr(name) for name in names) or "none"
