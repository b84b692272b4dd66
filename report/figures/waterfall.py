"""One row: from the output at the baseline to that at the row."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from tfx_explain.report.figures.canvas import (
    COLOURS,
    HATCHES,
    INK,
    LINE,
    SOFT,
    TITLES,
    Figure,
    attributions_of,
    drawn,
    label,
    new_figure,
    signed,
    unit,
)
from tfx_explain.report.records import OUTPUT, ROW, VALUE
from tfx_explain.storage import columns

_UP, _DOWN = columns.CANDIDATE, columns.BASELINE  # Whose colours these are elsewhere.


@drawn
def waterfall(frame: pd.DataFrame, row: int, model: str = columns.CANDIDATE, features: int = 10) -> Figure:
    """Draws how a row's attributions add up to its output, the largest first.

    Args:
      frame: Of `read_attributions`.
      row: The row's place in the frame, from 0.
      model: "candidate" or "baseline".
      features: At most so many by name; the others stand together in a bar.

    Raises:
      ValueError: There is no such row, or it could not be explained.
    """
    if not 0 <= row < len(frame):
        raise ValueError(f"row={row}: the frame has the rows 0 to {len(frame) - 1}.")
    one = frame.iloc[[row]]
    found = attributions_of(one, model).iloc[0]
    order = [name for name in found.abs().sort_values(ascending=False, kind="stable").index if found[name]]
    names, rest = order[:features], order[features:]
    sizes = np.array([*found[names], *([found[rest].sum()] if rest else [])])
    begin, end = (
        float(one[model, OUTPUT, field].iloc[0])
        for field in (columns.BASELINE_OUTPUT_VALUE, columns.INSTANCE_OUTPUT_VALUE)
    )
    figure, axes = new_figure(6.5, 1.35 + 0.28 * max(len(sizes), 1))
    axes.axvline(begin, color=SOFT, linewidth=1, linestyle=":", zorder=0)
    axes.axvline(end, color=SOFT, linewidth=1, linestyle="--", zorder=0)
    _steps(axes, sizes, begin)
    others = [f"{len(rest)} others"] if rest else []
    axes.set_yticks(range(len(sizes)), [*(_name(one, name) for name in names), *others])
    axes.set_ylim(len(sizes) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.use_sticky_edges = False
    axes.margins(x=0.12)
    ends = signed(f"{begin:.4g} at the baseline (dotted), {end:.4g} at the row (dashed)")
    axes.set_xlabel(f"output{unit(frame, model)}\n{ends}")
    axes.set_title(f"{TITLES[model]}, row {row:,}")
    return figure


def _steps(axes: Axes, sizes: np.ndarray, begin: float) -> None:
    """Draws bars from where the one before ends, sizes float64 `[bars]`; up and down differ by colour and hatching."""
    starts = begin + np.cumsum(sizes) - sizes
    for kind, chosen in ((_UP, np.flatnonzero(sizes > 0)), (_DOWN, np.flatnonzero(sizes < 0))):
        bars = axes.barh(
            chosen,
            sizes[chosen],
            0.7,
            starts[chosen],
            color=COLOURS[kind],
            hatch=HATCHES[kind],
            linewidth=0,
            edgecolor="white",
        )
        texts = [signed(f"{size:+.3g}") for size in sizes[chosen]]
        for text in axes.bar_label(bars, texts, padding=3, fontsize=8, color=INK):
            text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8})
    for place, start in enumerate(starts[1:]):
        axes.plot([start, start], [place - 0.35, place + 1.35], color=LINE, linewidth=0.8, zorder=0)


def _name(one: pd.DataFrame, feature: str) -> str:
    column = (ROW, VALUE, feature)
    value = one[column].iloc[0] if column in one.columns else None
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return label(feature)
    return f"{label(feature)} = {label(f'{value:.6g}' if isinstance(value, float) else value)}"
