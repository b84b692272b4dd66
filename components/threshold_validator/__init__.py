"""The gate: blesses a model when its metrics and its reasons stay within bounds."""

from tfx_explain.components.threshold_validator.component import ThresholdValidator

__all__ = ["ThresholdValidator"]
