"""IPython told how to show what has no `_repr_html_` of its own: messages, and objects of rooms below this one."""

from __future__ import annotations

import sys
from typing import Any

from tfx_explain.gate.saying.verdict import Verdict
from tfx_explain.proto import explanation_pb2
from tfx_explain.report.views import view_metadata, view_verdict


def load_ipython_extension(ipython: Any) -> None:
    """Shows verdicts and explanation metadata as HTML: what `%load_ext tfx_explain.report` does."""
    html = ipython.display_formatter.formatters["text/html"]
    html.for_type(Verdict, lambda verdict: view_verdict(verdict)._repr_html_())
    html.for_type(explanation_pb2.ExplanationMetadata, lambda metadata: view_metadata(metadata)._repr_html_())


def running_ipython() -> Any:
    """Returns the IPython that this runs in, None if it runs in none."""
    running = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return running() if running else None
