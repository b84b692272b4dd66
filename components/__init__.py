"""TFX components that put a model's reasons into its release process.

They are imported when they are first used: `tfx-explain validate` takes the gate's library from here, and must not wait
for TFX.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfx_explain.components.explainer import Explainer
    from tfx_explain.components.metadata_generator import MetadataGenerator
    from tfx_explain.components.threshold_validator import ThresholdValidator

__all__ = ["Explainer", "MetadataGenerator", "ThresholdValidator"]

_HOMES = {
    "Explainer": "explainer",
    "MetadataGenerator": "metadata_generator",
    "ThresholdValidator": "threshold_validator",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
