"""ThresholdValidator component."""

from tfx_explain.components.threshold_validator.component import ThresholdValidator

__all__ = ["ThresholdValidator"]
