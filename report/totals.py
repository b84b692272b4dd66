"""Sums over all rows, in bounded memory: every feature's part, and how good the attributions are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from tfx_explain.metrics.extractor import model_rows
from tfx_explain.metrics.rows import ModelRows
from tfx_explain.metrics.sums import completeness_gaps
from tfx_explain.report.exact import ExactSums
from tfx_explain.storage import columns

_NORMAL_95 = 1.959964
_AT_ONCE = 4096  # Rows: a frame may have all of them.


class Totals:
    """Sums over the explained rows of one model; the same in whatever order, and by however many workers, rows come.

    Attributes:
      features: Names, sorted.
      rows: Rows whose attributions are there and finite.
      failed: Other rows.
    """

    def __init__(
        self, features: tuple[str, ...], rows: int = 0, failed: int = 0, sums: ExactSums | None = None
    ) -> None:
        """Makes the totals of no rows, or of those that were added up elsewhere."""
        self.features, self.rows, self.failed = features, rows, failed
        self._sums = sums or ExactSums(4 * len(features) + 4)
        self._values: list[np.ndarray] | None = None

    @classmethod
    def from_dict(cls, said: dict[str, Any]) -> Totals:
        """Returns totals from what `to_dict` made of them."""
        return cls(tuple(said["features"]), said["rows"], said["failed"], ExactSums.from_dict(said["sums"]))

    def to_dict(self) -> dict[str, Any]:
        """Returns the totals as JSON has them."""
        return {"features": self.features, "rows": self.rows, "failed": self.failed, "sums": self._sums.to_dict()}

    def add(self, batch: pa.RecordBatch, model: str, class_name: str) -> None:
        """Adds records, which have these features.

        Args:
          batch: The records.
          model: `columns.CANDIDATE` or `columns.BASELINE`.
          class_name: The class; empty: the first one of each record.
        """
        self.add_rows(model_rows(batch, model, self.features, class_name))

    def add_rows(self, found: ModelRows) -> None:
        """Adds rows of the model's attributions, whose features are these."""
        for start in range(0, len(found.attributions), _AT_ONCE):
            self._add(ModelRows(self.features, *(part[start : start + _AT_ONCE] for part in found[1:])))

    def merge(self, other: Totals) -> None:
        """Adds the rows of others, with the same features."""
        self._sums.merge(other._sums)
        self.rows += other.rows
        self.failed += other.failed
        self._values = None

    @property
    def signed(self) -> np.ndarray:
        """Sums of attributions, float64 `[features]`."""
        return self._part(0)

    @property
    def absolute(self) -> np.ndarray:
        """Sums of absolute attributions, float64 `[features]`."""
        return self._part(1)

    @property
    def gap(self) -> float:
        """Sum of |sum of attributions - (instance output - baseline output)|."""
        return float(self._part(4)[1])

    @property
    def error(self) -> float:
        """Sum of the errors that the method stated."""
        return float(self._part(4)[2])

    @property
    def missed(self) -> float:
        """Rows whose error is above the tolerance."""
        return float(self._part(4)[3])

    def shares(self) -> np.ndarray:
        """Returns each feature's part of the total absolute attribution, float64 `[features]`; NaN if all are 0."""
        with np.errstate(invalid="ignore"):
            return self.absolute / self.absolute.sum()

    def half_widths(self) -> np.ndarray:
        """Returns how far the 95% intervals of the shares reach either way, float64 `[features]`; NaN: not known.

        A share is a ratio of two sums over rows; by the delta method its variance is that of the rows' residuals
        |a| - share * size, divided by the rows and by the squared mean size; a row's size is the sum of its absolute
        attributions. Rows count as independent.
        """
        shares, total = self.shares(), self.absolute.sum()
        if self.rows < 2 or not total:
            return np.full(len(self.features), np.nan)
        squared, with_size, size_squared = self._part(2), self._part(3), self._part(4)[0]
        residuals = squared - 2 * shares * with_size + shares**2 * size_squared
        variance = np.maximum(residuals, 0) / (self.rows - 1)
        return _NORMAL_95 * np.sqrt(variance * self.rows) / total

    def _add(self, found: ModelRows) -> None:
        good = found.take(found.explained)
        signed = np.ascontiguousarray(good.attributions)
        absolute = np.abs(signed)
        sizes = absolute.sum(axis=1, keepdims=True)
        fields = [completeness_gaps(good), good.field(columns.APPROXIMATION_ERROR)]
        fields += [1 - good.field(columns.TOLERANCE_MET)]
        self._sums.add(np.hstack([signed, absolute, absolute**2, sizes * absolute, sizes**2, np.stack(fields, axis=1)]))
        self.rows += len(signed)
        self.failed += len(found.attributions) - len(signed)
        self._values = None

    def _part(self, number: int) -> np.ndarray:
        """Returns some of the sums: by feature the signed, absolute, squared, and by size; then the others."""
        if self._values is None:
            self._values = np.split(self._sums.values(), np.arange(1, 5) * len(self.features))
        return self._values[number]
