"""Features' parts over runs."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import seaborn
from matplotlib.ticker import PercentFormatter

from tfx_explain.report.figures.canvas import LINE, TITLES, Figure, counted, drawn, label, models_of, new_figure
from tfx_explain.report.frame import totals_of
from tfx_explain.storage import columns

_MARKERS = ("o", "X", "s", "^", "D", "v", "P", "*", "<", ">")


@drawn
def drift(frames: Mapping[str, pd.DataFrame], model: str = columns.CANDIDATE, features: int = 8) -> Figure:
    """Draws features' parts of the total absolute attribution over runs; a run that lacks a feature has no point of it.

    Args:
      frames: By the runs' names, in their order, what `read_attributions` gives of each.
      model: "candidate" or "baseline".
      features: At most so many (and 10 at most), those whose part changed most over the runs, then the largest.

    Raises:
      ValueError: There are no runs, or one has no attributions of the model, or all are 0 in all of them.
    """
    shares = _shares(frames, model)
    order = pd.DataFrame({"range": shares.max() - shares.min(), "size": shares.max()}).sort_values(
        ["range", "size"], ascending=False, kind="stable"
    )
    shown = pd.DataFrame(shares[order.index[: min(features, len(_MARKERS))]])
    figure, axes = new_figure(6.5, 4)
    # By numbers, since runs, and features, of one name once printed would be one.
    lines = pd.DataFrame(shown.to_numpy())
    seaborn.lineplot(
        lines,
        palette=seaborn.color_palette("colorblind", lines.shape[1]),
        markers=list(_MARKERS[: lines.shape[1]]),
        markersize=7,
        legend=False,
        ax=axes,
    )
    # From top to bottom as the lines end.
    ends = [place for place, _ in sorted(enumerate(shown.iloc[-1].fillna(-1)), key=lambda item: -item[1])]
    axes.legend(
        [axes.get_lines()[place] for place in ends],
        # A name that begins with an underscore would be left out.
        [f"\N{NO-BREAK SPACE}{label(shown.columns[place])}" for place in ends],
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        handlelength=3,
    )
    axes.set_xticks(range(len(shown)), [label(name) for name in shown.index])
    if max(len(label(name)) for name in shown.index) * len(shown) > 60:
        for text in axes.get_xticklabels():
            text.set(rotation=30, horizontalalignment="right", rotation_mode="anchor")
    axes.margins(x=0.08)
    axes.set_ylim(0, 1.08 * shown.to_numpy()[~shown.isna().to_numpy()].max())
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.set_ylabel("part of the total |attribution|")
    features_shown, runs = counted(shown.shape[1], shares.shape[1], "feature"), counted(len(shown), len(shown), "run")
    axes.set_title(f"{TITLES[model]}: {features_shown}, {runs}")
    return figure


def _shares(frames: Mapping[str, pd.DataFrame], model: str) -> pd.DataFrame:
    """Returns parts, `[runs, features]`; NaN: the run lacks the feature."""
    if not frames:
        raise ValueError("There are no runs; give a frame of each, by its name.")
    for run, frame in frames.items():
        if model not in models_of(frame):
            raise ValueError(f"There are no attributions of the model {model!r} in the run {run!r}.")
    totals = [totals_of(frame)[model] for frame in frames.values()]
    rows = [dict(zip(one.features, one.shares().tolist(), strict=True)) for one in totals]
    shares = pd.DataFrame(rows, index=list(frames)).dropna(axis=1, how="all")
    if shares.empty:
        raise ValueError(f"All attributions of the model {model!r} are 0 in all runs; there are no parts to draw.")
    return shares
