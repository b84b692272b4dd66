"""Reading what became of a model: a report for people, tables for notebooks. Reads results only, never models."""

from tfx_explain.report.frame import AttributionFrame, read_attributions
from tfx_explain.report.notebook import load_ipython_extension, running_ipython
from tfx_explain.report.shap_values import to_shap
from tfx_explain.report.views import (
    read_verdict,
    view_attributions,
    view_evaluation,
    view_metadata,
    view_pictures,
    view_tokens,
)

__all__ = [
    "AttributionFrame",
    "load_ipython_extension",
    "read_attributions",
    "read_verdict",
    "to_shap",
    "view_attributions",
    "view_evaluation",
    "view_metadata",
    "view_pictures",
    "view_tokens",
]

if (ipython := running_ipython()) is not None:
    load_ipython_extension(ipython)
