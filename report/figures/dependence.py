"""A feature's attributions over its value."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter

from tfx_explain.metrics.naming import unknown_name
from tfx_explain.report.figures.canvas import (
    COLOURS,
    MARKERS,
    SOFT,
    TITLES,
    Figure,
    attributions_of,
    counted,
    drawn,
    label,
    models_of,
    new_figure,
    thinned,
    unit,
)
from tfx_explain.report.records import ROW, VALUE

_CATEGORIES = 12
_SPREAD = 0.25
_LARGE = 100_000  # Numbers that are shorter as 100k.


@drawn
def dependence(frame: pd.DataFrame, feature: str, rows: int = 1000) -> Figure:
    """Draws a feature's attributions over its value, a point a row and model.

    Args:
      frame: Of `read_attributions`.
      feature: The feature, whose values the records must have.
      rows: At most so many, evenly through the frame.

    Raises:
      ValueError: The frame lacks the feature's attributions or values.
    """
    models = [model for model in models_of(frame) if feature in attributions_of(frame, model).columns]
    if not models:
        known = {name for model in models_of(frame) for name in attributions_of(frame, model).columns}
        raise ValueError(f"The attributions have an {unknown_name('feature', feature, known)}")
    if (ROW, VALUE, feature) not in frame.columns:
        raise ValueError(
            f"The records don't hold the values of {feature!r} (kept_features), so nothing can be over it."
        )
    # Frames put together may have a row's label twice.
    some = frame.iloc[thinned(len(frame), rows)].reset_index(drop=True)
    x, ticks = _axis(pd.Series(some[ROW, VALUE, feature]))
    figure, axes = new_figure(6.5, 4)
    axes.axhline(0, color=SOFT, linewidth=1, zorder=0)
    seaborn.scatterplot(
        _points(x, {model: pd.Series(attributions_of(some, model)[feature]) for model in models}),
        x="value",
        y="attribution",
        hue="model",
        style="model",
        palette={TITLES[model]: COLOURS[model] for model in models},
        markers={TITLES[model]: MARKERS[model] for model in models},
        s=22,
        alpha=0.7,
        linewidth=0.3,
        legend=False,
        ax=axes,
    )
    _write_ticks(axes, x, ticks)
    if len(models) > 1:
        handles = [
            Line2D([], [], linestyle="", marker=MARKERS[model], color=COLOURS[model], label=TITLES[model])
            for model in models
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), handletextpad=0.1)
    left_out = counted(int(x.isna().sum()), int(x.isna().sum()), "row")
    axes.set_xlabel(label(feature) + (f" ({left_out} of other values left out)" if x.isna().any() else ""))
    axes.set_ylabel(f"attribution{unit(frame, models[0])}")
    axes.set_title(f"{label(feature)}, {counted(len(some), len(frame), 'row')}")
    return figure


def _points(x: pd.Series, of_models: dict[str, pd.Series]) -> pd.DataFrame:
    """Returns where each row stands for each model, as long as it stands somewhere."""
    parts = list(of_models.values())
    return pd.DataFrame(
        {
            "value": pd.concat([x.reindex(part.index) for part in parts]).to_numpy(),
            "attribution": np.concatenate(parts),
            "model": np.repeat([TITLES[model] for model in of_models], [len(part) for part in parts]),
        }
    ).dropna()


def _write_ticks(axes: Axes, x: pd.Series, ticks: list[str]) -> None:
    """Writes the names of places, or large numbers short."""
    if ticks:
        turned = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if max(map(len, ticks)) > 8 else {}
        axes.set_xticks(range(len(ticks)), ticks, **turned)
        axes.set_xlim(-0.5, len(ticks) - 0.5)
    elif np.abs(x.to_numpy(np.float64)).max(initial=0, where=x.notna().to_numpy()) >= _LARGE:
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def _axis(values: pd.Series) -> tuple[pd.Series, list[str]]:
    """Returns where values stand, float64 `[rows]`, NaN if nowhere, and names of places 0, 1, ...; none of numbers."""
    if pd.api.types.is_numeric_dtype(values):
        return values.astype(np.float64), []
    texts = values.map(str, na_action="ignore")
    commonest = sorted(texts.value_counts().items(), key=lambda item: (-item[1], str(item[0])))[:_CATEGORIES]
    names = sorted(str(name) for name, _ in commonest)
    places = texts.map({name: float(place) for place, name in enumerate(names)}).astype(np.float64)
    # Beside each other within a category, by the order of the rows, so that points don't lie on each other.
    spread = (np.arange(len(texts)) * 0.618034 % 1 - 0.5) * 2 * _SPREAD
    return places + spread, [label(name) for name in names]
