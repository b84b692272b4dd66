"""Histograms over bins of equal ratios: sums of counts, so that they merge in any order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RatioBins:
    """Bins of magnitudes, `per_octave` of them in each doubling from 2^`low` to 2^`high`.

    Bin 0 holds what is smaller; what is larger is in the last one.
    """

    low: int
    high: int
    per_octave: int

    @property
    def count(self) -> int:
        """Number of bins, with bin 0."""
        return 1 + (self.high - self.low) * self.per_octave

    def of(self, magnitudes: np.ndarray) -> np.ndarray:
        """Returns each magnitude's bin, int64 of the same shape; magnitudes are at least 0, and not NaN."""
        steps = 1 + np.floor(self.per_octave * (np.log2(np.maximum(magnitudes, 2.0 ** (self.low - 1))) - self.low))
        return np.clip(steps, 0, self.count - 1).astype(np.int64)

    def middle(self, index: int) -> float:
        """Returns the geometric middle of a bin; 0 for bin 0."""
        return 2.0 ** (self.low + (index - 0.5) / self.per_octave) if index else 0.0


def weighted_counts(bins: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """Counts each column's bins.

    Args:
      bins: int `[rows, columns]`, from 0 to `count` - 1.
      weights: float64 `[rows]`.
      count: Number of bins.

    Returns:
      float64 `[columns, count]`.
    """
    in_columns = bins.shape[1]
    places = (bins + count * np.arange(in_columns)).ravel()
    counts = np.bincount(places, np.repeat(weights, in_columns), minlength=in_columns * count)
    return counts.reshape(in_columns, count)
