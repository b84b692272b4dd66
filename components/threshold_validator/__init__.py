"""The gate: blesses a model when its metrics and its reasons stay within bounds.

The component is imported when it is first used: the gate's library needs TFMA, but not TFX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfx_explain.components.threshold_validator.component import ThresholdValidator

__all__ = ["ThresholdValidator"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tfx_explain.components.threshold_validator.component import ThresholdValidator

    return ThresholdValidator
