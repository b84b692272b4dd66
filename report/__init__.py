"""Reading what became of a model: a report for people, tables for notebooks. Reads results only, never models."""

from tfx_explain.report.frame import read_attributions, to_shap

__all__ = ["read_attributions", "to_shap"]
