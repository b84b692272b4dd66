"""Every feature's part of the explanation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter

from tfx_explain.report.figures.canvas import (
    COLOURS,
    HATCHES,
    INK,
    TITLES,
    Figure,
    counted,
    drawn,
    label,
    models_of,
    new_figure,
)
from tfx_explain.report.frame import totals_of
from tfx_explain.report.importance import importances


@drawn
def importance(frame: pd.DataFrame, features: int = 20) -> Figure:
    """Draws every feature's part of the total absolute attribution, with its 95% interval, the largest on top.

    Args:
      frame: Of `read_attributions`.
      features: At most so many, the candidate's most important ones.

    Raises:
      ValueError: The frame has no attributions.
    """
    models, found = models_of(frame), importances(totals_of(frame))
    shown = found[:features]
    figure, axes = new_figure(6.5, 1.1 + 0.16 * len(shown) * (len(models) + 0.5))
    height = 0.8 / len(models)
    for place, model in enumerate(models):
        parts = [one.parts.get(model) for one in shown]
        shares = np.array([part.share if part else np.nan for part in parts])
        ends = np.array([[part.low, part.high] if part else [np.nan] * 2 for part in parts]).reshape(-1, 2).T
        axes.barh(
            np.arange(len(shown)) + (place - (len(models) - 1) / 2) * height,
            shares,
            height * 0.92,
            xerr=np.abs(ends - shares) if np.isfinite(ends).any() else None,
            color=COLOURS[model],
            hatch=HATCHES[model],
            edgecolor="white",
            linewidth=0,
            error_kw={"ecolor": INK, "elinewidth": 1, "capsize": 1.5},
            label=TITLES[model],
        )
    axes.set_yticks(range(len(shown)), [label(one.feature) for one in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("part of the total |attribution|, 95% interval")
    axes.set_title(f"{counted(len(shown), len(found), 'feature')}, {counted(len(frame), len(frame), 'row')}")
    if len(models) > 1:
        axes.legend(loc="lower right")
    return figure
