"""What all figures share: how they look, how names stand on them, and what is shown of the rows."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from typing import Any, ParamSpec

import matplotlib
import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from tfx_explain.proto.printable import printable
from tfx_explain.report.records import ATTRIBUTION, OUTPUT
from tfx_explain.storage import columns

Given = ParamSpec("Given")

INK, SOFT, LINE = "#1c2128", "#57606a", "#d0d7de"
COLOURS = {columns.CANDIDATE: "#0b62b8", columns.BASELINE: "#d08a00"}
HATCHES = {columns.CANDIDATE: "", columns.BASELINE: "//////"}
MARKERS = {columns.CANDIDATE: "o", columns.BASELINE: "X"}
TITLES = {columns.CANDIDATE: "candidate", columns.BASELINE: "baseline model"}
_QUANTITIES = {"log_odds": "log-odds", "logits": "logits", "served": "served output"}
_LONG = 40
_DPI, _SHOWN_DPI = 192, 96
# The look does not depend on what a notebook set: a dark style would leave white words on white paper.
_STYLE = {
    "axes.edgecolor": SOFT,
    "axes.facecolor": "white",
    "axes.grid": False,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.unicode_minus": True,
    "figure.facecolor": "white",
    "font.size": 9,
    "hatch.color": "white",
    "legend.frameon": False,
    "text.color": INK,
    "text.usetex": False,
    "xtick.color": INK,
    "ytick.color": INK,
}


class Figure(matplotlib.figure.Figure):
    """A figure of matplotlib that pyplot knows nothing of, and that a notebook shows nevertheless."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=_DPI)
        # As wide as it is meant to be, with more pixels than that.
        width, height = (int(size * _SHOWN_DPI) for size in self.get_size_inches())
        return buffer.getvalue(), {"width": width, "height": height}


def drawn(function: Callable[Given, Figure]) -> Callable[Given, Figure]:
    """Makes what a function draws look the same wherever it is drawn."""

    @functools.wraps(function)
    def draw(*args: Given.args, **kwargs: Given.kwargs) -> Figure:
        with matplotlib.rc_context(_STYLE):
            return function(*args, **kwargs)

    return draw


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Returns an empty figure, in inches, and its axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def label(name: Any) -> str:
    """Returns a name as a figure can show it: on one line, not too long, and `$` as it stands, not as a formula."""
    text = printable(str(name))
    text = text if len(text) <= _LONG else f"{text[: _LONG - 1]}\N{HORIZONTAL ELLIPSIS}"
    return text.replace("$", r"\$")


def models_of(frame: pd.DataFrame) -> list[str]:
    """Returns the models that a frame has attributions of.

    Raises:
      ValueError: There are none.
    """
    there = {column[:2] for column in frame.columns}
    models = [model for model in columns.MODELS if (model, ATTRIBUTION) in there]
    if not models:
        raise ValueError("There are no attributions in this frame; give what `read_attributions` returns.")
    return models


def attributions_of(frame: pd.DataFrame, model: str) -> pd.DataFrame:
    """Returns a model's attributions of the rows that could be explained, float64.

    Raises:
      ValueError: There are none.
    """
    if model not in models_of(frame):
        raise ValueError(f"There are no attributions of the model {model!r} in this frame.")
    found = pd.DataFrame(frame[model][ATTRIBUTION]).astype(np.float64)
    explained = np.isfinite(found.to_numpy()).all(axis=1)
    if not explained.any():
        raise ValueError(f"No row in this frame has all its attributions of the model {model!r}.")
    return found.loc[explained]


def unit(frame: pd.DataFrame, model: str) -> str:
    """Returns in what attributions are, in brackets behind a space; empty where the records don't say it."""
    column = (model, OUTPUT, columns.EXPLAINED_QUANTITY)
    said = frame[column].dropna().unique() if column in frame.columns else []
    return f" ({_QUANTITIES.get(said[0], label(said[0]))})" if len(said) == 1 else ""


def signed(text: str) -> str:
    """Returns a text with real minus signs in its numbers."""
    return text.replace("-", "\N{MINUS SIGN}")


def counted(shown: int, every: int, what: str) -> str:
    """Returns "1,000 of 5,391 rows", "5,391 rows"."""
    whole = f"{every:,} {what}{'' if every == 1 else 's'}"
    return whole if shown == every else f"{shown:,} of {whole}"


def thinned(count: int, most: int) -> np.ndarray:
    """Returns places of at most so many of `count` rows, evenly, int `[shown rows]`."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
