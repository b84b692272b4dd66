"""Slices by features, as heat with numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn
from matplotlib import colormaps
from matplotlib.colors import Colormap, ListedColormap

from tfx_explain.report.figures.canvas import INK, TITLES, Figure, counted, drawn, label, models_of, new_figure
from tfx_explain.report.frame import totals_of
from tfx_explain.report.heat import CHANGE, heat
from tfx_explain.report.importance import importances
from tfx_explain.report.slicing import slices_of

_WORDS = {
    CHANGE: "candidate minus baseline model, percentage points",
    **{m: f"{t}, percent" for m, t in TITLES.items()},
}


@drawn
def slices(frame: pd.DataFrame, show: str = "") -> Figure:
    """Draws each feature's part of the explanation in slices of the raw features, as the report's table has them.

    Args:
      frame: Of `read_attributions`.
      show: "candidate", "baseline", or "change" for the one minus the other; empty: the change where there is a
        baseline model.

    Raises:
      ValueError: The frame has no attributions of what is to be shown.
    """
    models = models_of(frame)
    found = heat(frame, slices_of(frame), [one.feature for one in importances(totals_of(frame))])
    show = show or (CHANGE if CHANGE in found.shares else models[0])
    if show not in found.shares:
        raise ValueError(f"show={show!r}: of this frame there are {', '.join(map(repr, found.shares))}.")
    shares = 100 * found.shares[show]
    most = float(np.nanmax(np.abs(shares), initial=1.0))
    figure, axes = new_figure(max(6.5, 2.6 + 0.6 * len(found.features)), 1.7 + 0.24 * len(found.slices))
    seaborn.heatmap(
        shares,
        ax=axes,
        annot=True,
        fmt="+.1f" if show == CHANGE else ".1f",
        annot_kws={"fontsize": 7.5, "color": INK},
        cmap=_colours(show == CHANGE),
        vmin=-most if show == CHANGE else 0,
        vmax=most,
        linewidths=0.5,
        linecolor="white",
        cbar=False,
        xticklabels=[label(name) for name in found.features],
        yticklabels=[f"{label(title)} ({count:,})" for title, count in found.slices],
    )
    axes.tick_params(length=0)
    for text in axes.get_xticklabels():
        text.set(rotation=40, horizontalalignment="right", rotation_mode="anchor")
    for text in axes.get_yticklabels():
        text.set_rotation(0)
    # Above the names of slices, too, which take much of the width.
    figure.suptitle(f"Part of the explanation: {_WORDS[show]}", x=0.01, ha="left", fontsize=11)
    if found.features_left_out:
        left_out = counted(found.features_left_out, found.features_left_out, "less important feature")
        axes.set_xlabel(f"{left_out} left out")
    return figure


def _colours(is_change: bool) -> Colormap:
    """Returns colours that are safe for the colour-blind and light enough for dark numbers, which say it, too."""
    name, low, high = ("PuOr_r", 0.2, 0.8) if is_change else ("Purples", 0.0, 0.6)
    return ListedColormap(colormaps[name](np.linspace(low, high, 256)))
