"""Parts of the page for notebooks: what a thing shows of itself where it is the last line of a cell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from tfx_explain.report.importance import importances, movements
from tfx_explain.report.page import Page, render_part
from tfx_explain.report.quality import Split, trust, which_class
from tfx_explain.report.totals import Totals
from tfx_explain.storage import columns

_STYLE = "style.css"
_FEATURES = 200  # Of thousands, a notebook would get megabytes with each look.
_LIGHT = re.compile(r":root\{([^}]*)\}")
_DARK = re.compile(r"prefers-color-scheme: ?dark\)\{:root\{([^}]*)\}")
# More than once, to weigh more than what a notebook says of all tables.
_SCOPE = ".tfx-explain" * 3
# What notebooks say of these elements, and the page doesn't.
_NOTEBOOK = (
    "&{margin:0;padding:.25rem .75rem;font-size:.875rem}h1,h2{margin-top:.5rem}tr{background:none}"
    "table{table-layout:auto}.importance thead th{white-space:normal}"
    "th,td{padding:.2rem .4rem}.importance .bars{min-width:5rem;padding:.35rem .4rem}"
    "dt,dd{display:block;float:none;width:auto;font-weight:400}"
)


def fragment(template: str, page: Page, **shown: Any) -> str:
    """Returns a part of a page as HTML that may stand among others: its style holds for itself alone.

    It is light or dark as JupyterLab and Notebook are, elsewhere as the system is.

    Args:
      template: The template's name.
      page: What it shows.
      **shown: What else it shows.
    """
    shown = {"page": page, "decision": page.decision, **shown}
    return render_part("fragment.html", template=template, style=Markup(_style()), **shown)


def explained(
    template: str, totals: Mapping[str, Totals], rows: int, splits: Sequence[Split] = (), **shown: Any
) -> str:
    """Returns what attributions say together, as `fragment` does.

    Args:
      template: The template's name.
      totals: By model.
      rows: How many records these are of.
      splits: What the Explainer says of them.
      **shown: What else it shows.
    """
    found = importances(totals)
    page = Page(
        None,
        rows=rows,
        importances=found[:_FEATURES],
        movements=list(movements(found)) if columns.BASELINE in totals else (),
        trust={model: trust(total) for model, total in totals.items()},
        splits=splits,
        which_class=which_class(splits, ""),
    )
    return fragment(template, page, features_left_out=len(found) - len(page.importances), **shown)


def _style() -> str:
    """Returns the page's style, nested so that it holds within fragments alone."""
    style = render_part(_STYLE)
    themes = {"true": _LIGHT.search(style), "false": _DARK.search(style)}
    assert all(themes.values())
    nested = re.sub(r"(:root|\bbody)(?=\{)", "&", style)
    followed = "".join(
        f'body[data-jp-theme-light="{is_light}"] {_SCOPE}{{{colours[1]};color-scheme:{scheme}}}'
        for (is_light, colours), scheme in zip(themes.items(), ("light", "dark"), strict=True)
        if colours
    )
    return f"{_SCOPE}{{{nested}{_NOTEBOOK}}}{followed}"
