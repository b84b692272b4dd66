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
_MOST_BYTES = 2**31  # of a protocol buffer


def read_meta_graph(model_dir: str, tags: Sequence[str]) -> Any:
    """The MetaGraphDef with exactly these tags; without any: "serve", or the only one there is.

    Raises:
        ValueError: if there is no readable SavedModel, or no such meta graph; it names those that there are.
    """
    graphs = list(_read(model_dir).meta_graphs)
    wanted = set(tags) or {_SERVE}
    exact = [graph for graph in graphs if set(graph.meta_info_def.tags) == wanted]
    if not exact and not tags and len(graphs) == 1:
        exact = graphs
    if not exact:
        there = "; ".join(listed(sorted(graph.meta_info_def.tags)) for graph in graphs) or "none"
        raise ValueError(
            f"The SavedModel {model_dir!r} has no meta graph tagged {listed(sorted(wanted))}; there is: {there}. "
            "Set `tags` in the explanation metadata."
        )
    return exact[0]


def _read(model_dir: str) -> saved_model_pb2.SavedModel:
    path, text_path = (os.path.join(model_dir, name) for name in ("saved_model.pb", "saved_model.pbtxt"))
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
        raise ValueError(f"The SavedModel {model_dir!r} cannot be read: {cause(error)}.") from error
    return saved_model


def _no_savedmodel(model_dir: str) -> str:
    if not tf.io.gfile.exists(model_dir):
        return f"There is no SavedModel directory {model_dir!r}; give the directory that the model was exported to."
    if not tf.io.gfile.isdir(model_dir):
        return (
            f"{model_dir!r} is a file, not a SavedModel directory. Load a .keras or .h5 file with Keras, and export it "
            "with model.export(directory)."
        )
    inside = [name.rstrip("/") for name in sorted(tf.io.gfile.listdir(model_dir))]
    models = [name for name in inside if tf.io.gfile.exists(os.path.join(model_dir, name, "saved_model.pb"))]
    hint = (
        f"Give one of those in it: {listed(models)}" if models else "Give the directory that the model was exported to"
    )
    return f"{model_dir!r} is not a SavedModel directory: it has no saved_model.pb. {hint}."


def listed(names: Sequence[str]) -> str:
    """Names for a sentence."""
    return ", ".join(repr(name) for name in names) or "none"
