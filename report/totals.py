"""Sums over all rows, in one pass and bounded memory: every feature's part, and how good the attributions are."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from tfx_explain.metrics.extractor import model_rows
from tfx_explain.metrics.naming import unknown_name
from tfx_explain.metrics.rows import ModelRows
from tfx_explain.metrics.sums import completeness_gaps
from tfx_explain.storage import columns

_NORMAL_95 = 1.959964


@dataclass
class Totals:
    """Sums over the explained rows of one model.

    Attributes:
      features: Names, sorted.
      rows: Rows whose attributions are there and finite.
      failed: Other rows.
      signed: Sums of attributions, float64 `[features]`.
      absolute: Sums of absolute attributions, float64 `[features]`.
      squared: Sums of squared attributions, float64 `[features]`.
      with_size: Sums of |attribution| times the row's size, float64 `[features]`; a row's size is the sum of its
        absolute attributions.
      size_squared: Sum of the squared sizes.
      gap: Sum of |sum of attributions - (instance output - baseline output)|.
      error: Sum of the errors that the method stated.
      missed: Rows whose error is above the tolerance.
    """

    features: tuple[str, ...]
    rows: int = 0
    failed: int = 0
    signed: np.ndarray = field(init=False)
    absolute: np.ndarray = field(init=False)
    squared: np.ndarray = field(init=False)
    with_size: np.ndarray = field(init=False)
    size_squared: float = 0.0
    gap: float = 0.0
    error: float = 0.0
    missed: float = 0.0

    def __post_init__(self) -> None:
        self.signed, self.absolute, self.squared, self.with_size = np.zeros((4, len(self.features)))

    def add(self, batch: pa.RecordBatch, model: str, class_name: str) -> None:
        """Adds records.

        Args:
          batch: The records.
          model: `columns.CANDIDATE` or `columns.BASELINE`.
          class_name: The class; empty: the first one of each record.

        Raises:
          ValueError: They are of other features.
        """
        there = columns.attributed_features(batch.schema.names, model)
        if odd := sorted(set(there) ^ set(self.features)):
            raise ValueError(
                f"Attribution records disagree about their features: {', '.join(odd[:5])} are in some records only. "
                "Records of different models or Explainers can't be reported together."
            )
        self.add_rows(model_rows(batch, model, self.features, class_name))

    def add_rows(self, found: ModelRows) -> None:
        """Adds rows of the model's attributions, whose features are these."""
        good = found.take(found.explained)
        absolute = np.abs(good.attributions)
        sizes = absolute.sum(axis=1)
        self.rows += len(sizes)
        self.failed += len(found.attributions) - len(sizes)
        self.signed += good.attributions.sum(axis=0)
        self.absolute += absolute.sum(axis=0)
        self.squared += (absolute**2).sum(axis=0)
        self.with_size += sizes @ absolute
        self.size_squared += float(sizes @ sizes)
        self.gap += float(completeness_gaps(good).sum())
        self.error += float(good.field(columns.APPROXIMATION_ERROR).sum())
        self.missed += float((1 - good.field(columns.TOLERANCE_MET)).sum())

    def shares(self) -> np.ndarray:
        """Returns each feature's part of the total absolute attribution, float64 `[features]`; NaN if all are 0."""
        with np.errstate(invalid="ignore"):
            return self.absolute / self.absolute.sum()

    def half_widths(self) -> np.ndarray:
        """Returns how far the 95% intervals of the shares reach either way, float64 `[features]`; NaN: not known.

        A share is a ratio of two sums over rows; by the delta method its variance is that of the rows' residuals
        |a| - share * size, divided by the rows and by the squared mean size. Rows count as independent.
        """
        shares, total = self.shares(), self.absolute.sum()
        if self.rows < 2 or not total:
            return np.full(len(self.features), np.nan)
        residuals = self.squared - 2 * shares * self.with_size + shares**2 * self.size_squared
        variance = np.maximum(residuals, 0) / (self.rows - 1)
        return _NORMAL_95 * np.sqrt(variance * self.rows) / total

    def index(self, feature: str) -> int:
        """Returns where a feature is.

        Raises:
          ValueError: It isn't there.
        """
        if feature not in self.features:
            raise ValueError(f"The attributions have an {unknown_name('feature', feature, self.features)}")
        return self.features.index(feature)
