"""The gate: from evidence on disk to a verdict. A library of its own, which needs TFMA, but not TFX's components."""

from tfx_explain.gate.calibration.suggest import suggest

__all__ = ["suggest"]
