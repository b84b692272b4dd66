"""The values that a feature is tried at: numbers between those observed, or the commonest values."""

from __future__ import annotations

import collections
import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import tensorflow as tf

from tfx_explain.savedmodel import Feature
from tfx_explain.whatif.asking.values import Values, is_editable

# The ends of a curve, as quantiles of the sampled rows: what is rarer would squeeze the rest together.
_ENDS = (0.01, 0.99)
_POINTS, _FEW, _CATEGORIES = 41, 12, 12


@dataclass(frozen=True)
class Domain:
    """What a feature is tried at.

    Attributes:
      values: In order: numbers ascending, others the commonest first; a missing value, if some rows have none, is last.
      is_numeric: Whether they are single numbers with an order.
    """

    values: tuple[Values, ...]
    is_numeric: bool

    def beside(self, other: Values, own: Values) -> tuple[tuple[Values, ...], int]:
        """Returns the values with two more among them, and the place of `own`."""
        every = dict.fromkeys([*map(tuple, self.values), tuple(other), tuple(own)])
        if () in every and () not in (*self.values, tuple(own)):
            del every[()]
        ordered = list(every)
        if self.is_numeric and all(len(values) <= 1 for values in every):
            ordered.sort(key=lambda values: (not values, values))
        return tuple(ordered), ordered.index(tuple(own))


def domain(column: pa.Array, feature: Feature, is_category: bool) -> Domain:
    """Returns what to try a feature at.

    Args:
      column: Its values in a sample of rows, `[rows]`.
      feature: The feature.
      is_category: Whether its numbers are names.
    """
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    missing: tuple[Values, ...] = ((),) if not feature.required and (lengths == 0).any() else ()
    if feature.dtype != tf.string and not is_category and lengths.max(initial=0) == 1:
        return Domain((*_numbers(column, feature), *missing), is_numeric=True)
    counts = collections.Counter(tuple(values) for values in column.to_pylist() if values)
    commonest = sorted(counts, key=lambda values: (-counts[values], values))
    typed = [_typed(values, feature) for values in commonest[:_CATEGORIES]]
    return Domain((*(values for values in typed if is_editable(values)), *missing), is_numeric=False)


def _numbers(column: pa.Array, feature: Feature) -> list[Values]:
    """Numbers to try, ascending: those that occur if they are few, else evenly between two quantiles."""
    found = column.flatten().to_numpy(zero_copy_only=False)
    found = np.sort(found[np.isfinite(found)])
    distinct = np.unique(found)
    if len(distinct) > _FEW:
        low, high = np.quantile(found, _ENDS)
        distinct = _round(np.linspace(low, high, _POINTS))
    if feature.dtype.is_floating:
        return [(number,) for number in np.unique(distinct.astype(np.float32))]
    return [(int(number),) for number in np.unique(np.rint(distinct))]


def _round(points: np.ndarray) -> np.ndarray:
    """Evenly spaced numbers, none of them moved by more than a twentieth of a step."""
    step = float(points[1] - points[0])
    return np.round(points, 1 - math.floor(math.log10(step))) if step > 0 else points


def _typed(values: tuple, feature: Feature) -> Values:
    return tuple(np.float32(value) for value in values) if feature.dtype.is_floating else values
