"""Numbers over runs, as pictures and as a table."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfx_explain.report.history.run import FIRST, LAST_BLESSED, Run
from tfx_explain.report.svg import line, path, placed, spans
from tfx_explain.storage import columns

FEATURES, RUNS = 40, 40
_PICTURES = 24
SHARE = "share"
KINDS = ("blessed", "blocked", "undecided")


@dataclass(frozen=True)
class Course:
    """A number over runs.

    Attributes:
      title: What it is.
      course: The `d` of a path from run to run.
      points: That of the runs of each of `KINDS`.
      intervals: That of the 95% intervals; empty: there are none.
      high: The upper end of the axis, which begins at 0.
      is_share: Whether it is a share, or a difference of shares.
      first: The number in the first run that has one.
      last: In the last run that has one.
    """

    title: str
    course: str
    points: Sequence[str]
    intervals: str
    high: float
    is_share: bool
    first: float
    last: float


@dataclass(frozen=True)
class Table:
    """Features by runs.

    Attributes:
      features: Its rows, the one whose share moved most first.
      runs: Its columns, the last runs.
      values: By `SHARE`, `LAST_BLESSED` and `FIRST`: the share, and the share minus that of the run compared with,
        float64 `[features, runs]`; NaN where there is nothing.
      features_left_out: How many features have no row.
      runs_left_out: How many runs have no column.
    """

    features: Sequence[str]
    runs: Sequence[Run]
    values: Mapping[str, np.ndarray]
    features_left_out: int
    runs_left_out: int


class Shares:
    """Every feature's share in every run."""

    def __init__(self, runs: Sequence[Run]) -> None:
        """Keeps the runs, in their order."""
        self.runs = runs
        self._parts = [{one.feature: one.parts.get(columns.CANDIDATE) for one in run.importances} for run in runs]

    @functools.cached_property
    def features(self) -> list[str]:
        """All features, the one whose share moved most first."""
        names = {name for parts in self._parts for name in parts}
        moved = {name: self._span(name) for name in names}
        return sorted(names, key=lambda name: (-moved[name], name))

    def of(self, feature: str) -> np.ndarray:
        """Returns a feature's shares, float64 `[runs]`; 0 in a run without the feature, NaN in one without shares."""
        return self._numbers(feature, "share")

    def course(self, feature: str) -> Course:
        """Returns the picture of a feature, from 0 to the largest end of an interval."""
        low, high = (self._numbers(feature, end) for end in ("low", "high"))
        return _course(feature, self.of(feature), self.runs, low, high)

    def _numbers(self, feature: str, field: str) -> np.ndarray:
        found = [
            (getattr(parts[feature], field) if parts.get(feature) else 0.0) if parts else np.nan
            for parts in self._parts
        ]
        return np.array(found, np.float64)

    def _span(self, feature: str) -> float:
        shares = self.of(feature)
        return float(np.ptp(shares[np.isfinite(shares)])) if np.isfinite(shares).any() else 0.0


def feature_courses(shares: Shares) -> list[Course]:
    """Returns pictures of the features that moved most."""
    return [shares.course(feature) for feature in shares.features[:_PICTURES]]


def drift_courses(runs: Sequence[Run]) -> list[Course]:
    """Returns pictures of how far runs are from the last blessed one before them, and from the first one."""
    words = {LAST_BLESSED: "the last blessed run before", FIRST: "the first run"}
    found = []
    for name, against in words.items():
        drifts = [run.drift.get(name) for run in runs]
        changes, ndcgs = ([getattr(d, field) if d else np.nan for d in drifts] for field in ("change", "ndcg"))
        # How far from 1, so that the largest is the worst in both.
        found.append(_course(f"Largest change of a share against {against}", np.array(changes), runs))
        title = f"1 \N{MINUS SIGN} NDCG of the ranking against {against}"
        found.append(_course(title, 1 - np.array(ndcgs), runs, is_share=False))
    return [course for course in found if course.course]


def table(shares: Shares) -> Table:
    """Returns the features that moved most, by the last runs."""
    features, runs = shares.features[:FEATURES], list(shares.runs[-RUNS:])
    values = np.array([shares.of(feature) for feature in features]).reshape(len(features), len(shares.runs))
    found = {SHARE: values}
    for name in (LAST_BLESSED, FIRST):
        against = [run.drift[name].run - 1 if name in run.drift else None for run in shares.runs]
        other = [np.full(len(features), np.nan) if at is None else values[:, at] for at in against]
        found[name] = values - np.array(other).T if other else values
    last = {name: numbers[:, -RUNS:] for name, numbers in found.items()}
    left_out = len(shares.features) - len(features), len(shares.runs) - len(runs)
    return Table(features, runs, last, *left_out)


def _course(
    title: str,
    values: np.ndarray,
    runs: Sequence[Run],
    lows: np.ndarray | None = None,
    highs: np.ndarray | None = None,
    is_share: bool = True,
) -> Course:
    none = np.full(len(values), np.nan)
    lows, highs = (none if ends is None else ends for ends in (lows, highs))
    finite, ends = np.isfinite(values), np.concatenate([values, highs])
    top = float(ends.max(initial=0.0, where=np.isfinite(ends))) or 1.0
    x = (np.arange(len(values)) + 0.5) / len(values)
    y = placed(values, 0.0, top)
    kinds = np.array([_kind(run) for run in runs])
    points = [path(x[mask], y[mask]) for mask in (finite & (kinds == kind) for kind in range(len(KINDS)))]
    intervals = spans(x, placed(lows, 0.0, top), placed(highs, 0.0, top))
    known = values[finite]
    first, last = (float(known[at]) if len(known) else np.nan for at in (0, -1))
    return Course(title, line(x, y), points, intervals, top, is_share, first, last)


def _kind(run: Run) -> int:
    return 2 if run.decision is None else 1 - int(run.decision.blessed)
