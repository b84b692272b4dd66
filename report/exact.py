"""Sums that are exact, and so the same in whatever order numbers come, and however they are split among workers."""

from __future__ import annotations

from typing import Any

import numpy as np

_MANTISSA = 53
_HALF = 27  # Bits of the lower part of a mantissa: a thousand million of either part add up within 64 bits.
_SMALLEST = 1073  # Of `frexp`'s exponents, below 0.


class ExactSums:
    """Sums of the columns of float64 `[rows, columns]`, added a batch at a time.

    A float64 is a whole number times a power of two. Whole numbers of the same power are added up as such, in two
    halves; what they come to is rounded once, at the end. At most 2^36 rows can be added.
    """

    def __init__(self, columns: int) -> None:
        """Makes the sums of no rows."""
        self._is_odd = np.zeros(columns, bool)
        self._by_exponent: dict[int, np.ndarray] = {}

    @classmethod
    def from_dict(cls, said: dict[str, Any]) -> ExactSums:
        """Returns sums from what `to_dict` made of them."""
        sums = cls(len(said["is_odd"]))
        sums._is_odd = np.array(said["is_odd"], bool)
        sums._by_exponent = {int(exponent): np.array(halves) for exponent, halves in said["by_exponent"].items()}
        return sums

    def to_dict(self) -> dict[str, Any]:
        """Returns the sums as JSON has them."""
        by_exponent = {str(exponent): halves.tolist() for exponent, halves in self._by_exponent.items()}
        return {"is_odd": self._is_odd.tolist(), "by_exponent": by_exponent}

    def add(self, values: np.ndarray) -> None:
        """Adds float64 `[rows, columns]`, at most 2^26 rows; NaN or infinity makes a column's sum NaN."""
        finite = np.isfinite(values)
        self._is_odd |= ~finite.all(axis=0)
        mantissas, exponents = np.frexp(np.where(finite, values, 0.0))
        whole = np.ldexp(mantissas, _MANTISSA).astype(np.int64)
        first = int(exponents.min(initial=0))
        count, columns = int(exponents.max(initial=0)) - first + 1, len(self._is_odd)
        places = ((exponents - first) * columns + np.arange(columns)).ravel()
        halves = whole >> _HALF, whole & (2**_HALF - 1)
        # Exact, because these are whole numbers below 2^53.
        sums = [np.bincount(places, half.ravel(), count * columns).reshape(count, columns) for half in halves]
        found = np.stack(sums, axis=1).astype(np.int64)
        for index in np.flatnonzero(found.any(axis=(1, 2))).tolist():
            self._add(first + index, found[index])

    def merge(self, other: ExactSums) -> None:
        """Adds what was added to other sums."""
        self._is_odd = self._is_odd | other._is_odd
        for exponent, halves in other._by_exponent.items():
            self._add(exponent, halves)

    def values(self) -> np.ndarray:
        """Returns the sums, each the float64 that is nearest to it, `[columns]`."""
        total = np.zeros(len(self._is_odd), object)
        for exponent, (high, low) in self._by_exponent.items():
            total += (high.astype(object) * 2**_HALF + low.astype(object)) * 2 ** (exponent + _SMALLEST)
        sums = np.array([one / 2 ** (_SMALLEST + _MANTISSA) for one in total], np.float64)
        return np.where(self._is_odd, np.nan, sums)

    def _add(self, exponent: int, halves: np.ndarray) -> None:
        self._by_exponent[exponent] = self._by_exponent.get(exponent, 0) + halves
