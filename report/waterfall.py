"""Single rows: those whose attributions changed most, those that pull a failed threshold most, some typical ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tfx_explain.beam.reading.names import row_names
from tfx_explain.report.records import ATTRIBUTION, OUTPUT, ROW, VALUE
from tfx_explain.storage import columns

_ROWS, _STEPS = 2, 8


@dataclass(frozen=True)
class Step:
    """A feature's part of a row's output.

    Attributes:
      feature: The feature; empty: all the others that are not 0.
      value: What the row has, for people, or "missing"; empty where the records don't keep the feature.
      attribution: The candidate's.
      before: The baseline model's; NaN: there is none.
      start: Where its lower end is, as a part of the axis of outputs.
      width: How far it goes, either way.
    """

    feature: str
    value: str
    attribution: float
    before: float
    start: float
    width: float


@dataclass(frozen=True)
class Row:
    """A row.

    Attributes:
      why: Why it is shown.
      baseline: The candidate's output at the baseline.
      output: Its output at the row.
      steps: From the one to the other, the largest first.
      name: What it is called, `row_names`, by which the what-if page finds it.
    """

    why: str
    baseline: float
    output: float
    steps: Sequence[Step]
    name: str = ""


def single_rows(sample: pd.DataFrame, failed: Sequence[str], records: np.ndarray | None = None) -> list[Row]:
    """Returns rows of a sample that tell most.

    Args:
      sample: As `read_attributions` gives it.
      failed: Features that failed.
      records: The same rows as they were read, object `[sampled]`; None: they get no names.
    """
    new = pd.DataFrame(sample[columns.CANDIDATE][ATTRIBUTION])
    values = new.to_numpy(np.float64)
    good = np.isfinite(values).all(axis=1)
    chosen: dict[int, str] = {}
    if columns.BASELINE in sample.columns.get_level_values(0):
        old = pd.DataFrame(sample[columns.BASELINE][ATTRIBUTION]).reindex(columns=new.columns, fill_value=0.0)
        changes = np.abs(values - old.to_numpy(np.float64)).sum(axis=1)
        _choose(chosen, changes, good, "Its attributions are among those that changed most.")
    for feature in (name for name in failed[:2] if name in new.columns):
        sizes = np.abs(new[feature].to_numpy(np.float64))
        _choose(chosen, sizes, good, f"Its attribution of {feature} is among the largest.")
    typical = np.median(values[good], axis=0) if good.any() else np.zeros(values.shape[1])
    _choose(chosen, -np.abs(values - typical).sum(axis=1), good, "It is typical: nearest to the median attributions.")
    names = [""] * len(chosen) if records is None else row_names(records[list(chosen)])
    rows = [_row(sample, new, index, why) for index, why in chosen.items()]
    return [dataclasses.replace(row, name=name) for row, name in zip(rows, names, strict=True)]


def _choose(chosen: dict[int, str], score: np.ndarray, good: np.ndarray, why: str) -> None:
    """Adds the rows with the highest scores that aren't among the chosen."""
    order = np.argsort(-np.where(good & np.isfinite(score), score, -np.inf), kind="stable")
    free = [index for index in order.tolist() if index not in chosen and good[index] and np.isfinite(score[index])]
    chosen |= dict.fromkeys(free[:_ROWS], why)


def _row(sample: pd.DataFrame, new: pd.DataFrame, index: int, why: str) -> Row:
    values = new.iloc[index].to_numpy(np.float64)
    order = np.argsort(-np.abs(values), kind="stable")
    order = order[values[order] != 0]
    shown, rest = order[:_STEPS], order[_STEPS:]
    sizes = [*values[shown], *([values[rest].sum()] if len(rest) else [])]
    names = [*new.columns[shown], *([""] if len(rest) else [])]
    begin, end = (
        float(sample[columns.CANDIDATE, OUTPUT, field].iloc[index])
        for field in (columns.BASELINE_OUTPUT_VALUE, columns.INSTANCE_OUTPUT_VALUE)
    )
    origin = begin if np.isfinite(begin) else 0.0
    ends = origin + np.cumsum([0.0, *sizes])
    low, width = ends.min(), (ends.max() - ends.min()) or 1.0
    steps = [
        Step(
            feature=name,
            value=_shown(sample, (ROW, VALUE, name), index),
            attribution=float(size),
            before=_before(sample, name, index) if name else float("nan"),
            start=float((min(ends[place : place + 2]) - low) / width),
            width=float(abs(size) / width),
        )
        for place, (name, size) in enumerate(zip(names, sizes, strict=True))
    ]
    return Row(why, begin, end, steps)


def _before(sample: pd.DataFrame, feature: str, index: int) -> float:
    column = (columns.BASELINE, ATTRIBUTION, feature)
    return float(sample[column].iloc[index]) if column in sample.columns else float("nan")


def _shown(sample: pd.DataFrame, column: tuple[str, str, str], index: int) -> str:
    if column not in sample.columns:
        return ""
    value: Any = sample[column].iloc[index]
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "missing"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
