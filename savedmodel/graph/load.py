"""Stage 1: open a SavedModel and choose the signature to explain."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfx_explain.savedmodel.graph.compose import compose
from tfx_explain.savedmodel.graph.errors import MissingOpError, unloadable
from tfx_explain.savedmodel.graph.meta_graph import listed, read_meta_graph
from tfx_explain.savedmodel.graph.signature import Signature
from tfx_explain.savedmodel.graph.tensorflow1 import load_graph
from tfx_explain.savedmodel.graph.tensorflow2 import load_functions

_TEXT_OPS = "tensorflow_text"
XAI_MODEL, XAI_PREPROCESS = "xai_model", "xai_preprocess"
DEFAULT_SIGNATURES = (XAI_MODEL, "serving_default")


def load_signature(
    model_dir: str, signature_name: str | None = None, tags: Sequence[str] = (), preprocess_name: str | None = None
) -> Signature:
    """Loads the SavedModel at `model_dir`.

    Args:
        model_dir: a SavedModel directory, any path that `tf.io.gfile` reads.
        signature_name: the signature to open. Without it: the only one, else `xai_model`, else `serving_default`.
        tags: of the meta graph; empty means "serve", or the only meta graph there is.
        preprocess_name: the signature whose outputs are the inputs of the one opened, to be run first. Without it:
            `xai_preprocess`, where there is one and `xai_model` is opened.

    Raises:
        ValueError: if there is no readable SavedModel, no such signature or meta graph, or if one signature's outputs
            are not the other's inputs; it names what there is.
    """
    try:
        return _loaded(model_dir, signature_name, tags, preprocess_name)
    except MissingOpError:
        if not _brings_ops():
            raise
        return _loaded(model_dir, signature_name, tags, preprocess_name)


def _loaded(model_dir: str, signature_name: str | None, tags: Sequence[str], preprocess_name: str | None) -> Signature:
    meta_graph = read_meta_graph(model_dir, tags)
    try:
        names, load = _opened(model_dir, meta_graph)
        name = choose_signature(names, signature_name, model_dir)
        first = preprocess_name or (XAI_PREPROCESS if name == XAI_MODEL and XAI_PREPROCESS in names else "")
        if not first:
            return load(name)
        return compose(load(choose_signature(names, first, model_dir)), load(name))
    except ValueError:
        raise
    except Exception as error:  # a damaged file makes TensorFlow raise nearly anything
        raise unloadable(model_dir, error) from error


def _brings_ops() -> bool:
    """Whether there are more ops now: those of tensorflow_text, which is large and only loaded where one is missing."""
    if _TEXT_OPS in sys.modules:
        return False
    try:
        importlib.import_module(_TEXT_OPS)
    except (ImportError, OSError, tf.errors.OpError):  # not there, or made for another TensorFlow
        return False
    return True


def _opened(model_dir: str, meta_graph: Any) -> tuple[list[str], Callable[[str], Signature]]:
    """The names of a meta graph's signatures, and what loads one of them."""
    if not meta_graph.HasField("object_graph_def"):  # written by TF 1's API
        return list(meta_graph.signature_def), functools.partial(load_graph, model_dir, meta_graph)
    return load_functions(model_dir, meta_graph)


def choose_signature(names: Sequence[str], wanted: str | None, model_dir: str) -> str:
    """The signature to explain among `names`: the wanted one, the only one, `xai_model` or `serving_default`."""
    present = sorted(name for name in names if not name.startswith("__"))
    if wanted:
        if wanted in present:
            return wanted
        raise ValueError(
            f"The SavedModel {model_dir!r} has no signature {wanted!r}; it has {listed(present)}. "
            "Name one of these as `signature_name`."
        )
    if not present:
        raise ValueError(
            f"The SavedModel {model_dir!r} has no signature, so nothing of it can be served; export it with "
            "tf.saved_model.save(model, directory, signatures=...)."
        )
    if len(present) == 1:
        return present[0]
    for name in DEFAULT_SIGNATURES:
        if name in present:
            return name
    raise ValueError(
        f"The SavedModel {model_dir!r} has {listed(present)} as signatures, none of them "
        f"{' or '.join(DEFAULT_SIGNATURES)}; name the one to explain as `signature_name`."
    )
