"""How a model's attributions are distributed, by feature."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.lines import Line2D

from tfx_explain.report.figures.canvas import (
    INK,
    LINE,
    SOFT,
    TITLES,
    Figure,
    attributions_of,
    counted,
    drawn,
    label,
    new_figure,
    thinned,
    unit,
)
from tfx_explain.report.records import ROW, VALUE
from tfx_explain.report.svg import piled, placed
from tfx_explain.storage import columns

# Light to dark all the way, so that it reads without colour too; its yellow is too light on paper.
_MAP, _MAP_ENDS = "cividis", (0.0, 0.9)
_THIRDS = {"lowest third": "v", "middle": "o", "highest third": "^"}
_ROW = 0.42


@drawn
def beeswarm(frame: pd.DataFrame, model: str = columns.CANDIDATE, features: int = 12, rows: int = 1000) -> Figure:
    """Draws a model's attributions, a point a row, coloured and shaped by where the feature's value ranks.

    Nothing is clipped: the axis reaches to the largest attribution.

    Args:
      frame: Of `read_attributions`.
      model: "candidate" or "baseline".
      features: At most so many, the most important ones.
      rows: At most so many, evenly through the frame.

    Raises:
      ValueError: The frame has no attributions of the model.
    """
    frame = frame.reset_index(drop=True)  # Frames put together may have a row's label twice.
    found = attributions_of(frame, model)
    order = found.abs().sum().sort_values(ascending=False, kind="stable").index[:features]
    shown = found.iloc[thinned(len(found), rows)]
    values = frame.loc[shown.index]
    low, high = float(shown[order].to_numpy().min()), float(shown[order].to_numpy().max())
    figure, axes = new_figure(6.5, 1.4 + _ROW * len(order))
    axes.axvline(0, color=SOFT, linewidth=1, zorder=0)
    for place, feature in enumerate(order):
        axes.axhline(place, color=LINE, linewidth=0.6, zorder=0)
        attributions = shown[feature].to_numpy()
        heights = place - 0.8 * (piled(placed(attributions, low, high)) - 0.5)
        _points(axes, attributions, heights, _ranks(values, feature))
    axes.set_yticks(range(len(order)), [label(name) for name in order])
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"attribution{unit(frame, model)}")
    axes.set_title(
        f"{TITLES[model]}: {counted(len(order), found.shape[1], 'feature')}, "
        f"{counted(len(shown), len(found), 'explained row')}"
    )
    _key(figure, axes)
    return figure


def _points(axes: Axes, x: np.ndarray, y: np.ndarray, ranks: np.ndarray) -> None:
    """Draws points, x and y float64 `[rows]`, by their ranks from 0 to 1; NaN: the value is no number."""
    colours = _colours()
    edges = np.linspace(0, 1, len(_THIRDS) + 1)
    for (low, high), marker in zip(pairwise(edges), _THIRDS.values(), strict=True):
        chosen = (ranks >= low) & ((ranks < high) | (high == 1)) & np.isfinite(ranks)
        axes.scatter(x[chosen], y[chosen], s=11, marker=marker, c=colours(ranks[chosen]), linewidths=0)
    plain = np.isnan(ranks)
    axes.scatter(x[plain], y[plain], s=9, marker="s", c=SOFT, linewidths=0)


def _ranks(values: pd.DataFrame, feature: str) -> np.ndarray:
    """Returns where each row's value stands among all, from 0 to 1, float64 `[rows]`; NaN where it is no number."""
    column = (ROW, VALUE, feature)
    if column not in values.columns or not pd.api.types.is_numeric_dtype(values[column]):
        return np.full(len(values), np.nan)
    ranks = pd.Series(values[column].to_numpy(np.float64)).rank(method="average").to_numpy(np.float64)
    low, high = np.fmin.reduce(ranks), np.fmax.reduce(ranks)
    return (ranks - low) / (high - low) if high > low else np.full(len(values), np.nan)


def _colours() -> Colormap:
    return ListedColormap(colormaps[_MAP](np.linspace(*_MAP_ENDS, 256)))


def _key(figure: Figure, axes: Axes) -> None:
    colours = _colours()
    handles = [
        Line2D(
            [], [], linestyle="", marker=marker, markersize=4, color=colours((place + 0.5) / len(_THIRDS)), label=name
        )
        for place, (name, marker) in enumerate(_THIRDS.items())
    ]
    handles.append(Line2D([], [], linestyle="", marker="s", markersize=4, color=SOFT, label="no number"))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        title="the feature's value, by rank",
        labelcolor=INK,
        fontsize=8,
        title_fontsize=8,
        handletextpad=0.1,
    )
