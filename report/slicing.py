"""Slices of a sample by its raw features: by value, or by ranges of numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from tfx_explain.proto.printable import printable
from tfx_explain.report.records import ROW, VALUE

MIN_ROWS = 20
_MIN_PART = 0.005
_VALUES = 8
_QUARTERS = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Slice:
    """Some rows of a sample.

    Attributes:
      title: For people: "sex:Male" as TFMA prints it, "age from 30 to below 40".
      feature: The raw feature that it is by.
      rows: Which rows of the sample, bool `[rows]`.
      is_part: Whether the slices of the feature that say so have no row in common.
    """

    title: str
    feature: str
    rows: np.ndarray
    is_part: bool


def slices_of(sample: pd.DataFrame) -> list[Slice]:
    """Returns slices of some of the rows, at least 20 and half a percent, in the order of the features' names.

    A text, and a number of few values, gives a slice for each of its 8 commonest values; any other number one for each
    quarter, and for what is above and below each quartile; and one for the rows that lack it. A feature with several
    values in a row gives none.

    Args:
      sample: As `read_attributions` gives it.
    """
    if ROW not in sample.columns.get_level_values(0):
        return []
    least = max(MIN_ROWS, _MIN_PART * len(sample))
    return [
        one
        for name, values in sorted(sample[ROW][VALUE].items())
        for one in _of_feature(str(name), values)
        if one.rows.sum() >= least and not one.rows.all()
    ]


def _of_feature(name: str, values: pd.Series) -> Iterator[Slice]:
    is_number = pd.api.types.is_numeric_dtype(values)
    if not is_number and any(isinstance(value, list) for value in values):
        return
    yield Slice(printable(f"{name} missing"), name, values.isna().to_numpy(), is_part=True)
    distinct = values.value_counts(sort=True)
    if is_number and len(distinct) > _VALUES:
        yield from _ranges(name, values.to_numpy(np.float64))
        return
    # By number of rows, then by value, so that equal numbers of rows are no matter of order.
    commonest = sorted(distinct.items(), key=lambda item: (-item[1], str(item[0])))[:_VALUES]
    for value, _ in commonest:
        yield Slice(printable(f"{name}:{value}"), name, values.to_numpy() == value, is_part=True)


def _ranges(name: str, values: np.ndarray) -> Iterator[Slice]:
    edges = _edges(values)
    shown = [f"{edge:.6g}" for edge in edges]
    for edge, at in zip(edges, shown, strict=True):
        yield Slice(printable(f"{name} below {at}"), name, values < edge, is_part=edge == edges[0])
    for (low, high), (from_, to) in zip(pairwise(edges), pairwise(shown), strict=True):
        yield Slice(printable(f"{name} from {from_} to below {to}"), name, (values >= low) & (values < high), True)
    for edge, at in zip(edges, shown, strict=True):
        yield Slice(printable(f"{name} at least {at}"), name, values >= edge, is_part=edge == edges[-1])


def _edges(values: np.ndarray) -> list[float]:
    """Returns the quartiles, each once; where many values are the smallest, what comes next stands for it."""
    found = np.unique(values[~np.isnan(values)])
    quartiles = np.nanquantile(values, _QUARTERS, method="higher")
    return np.unique(np.maximum(quartiles, found[1])).tolist()
