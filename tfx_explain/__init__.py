"""Explanations of served models inside TFX pipelines: what a model relies on, and a gate on it."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Loads the artifact type when it is asked for here.

    TFX's container entrypoint imports an artifact type of another package by its `TYPE_NAME`, which must be one
    namespace and one name: `tfx_explain.ExplanationMetadata`. Loaded on demand, because it brings TFX along.
    """
    if name == "ExplanationMetadata":
        return importlib.import_module("tfx_explain.components.artifacts").ExplanationMetadata
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
