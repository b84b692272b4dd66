"""Slices by features: what part of the explanation a feature has in each slice."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfx_explain.report.records import ATTRIBUTION
from tfx_explain.report.slicing import Slice
from tfx_explain.storage import columns

CHANGE = "change"
_FEATURES, _SLICES = 12, 40
WHOLE = "Overall"


@dataclass(frozen=True)
class Heat:
    """A table of shares of the total absolute attribution.

    Attributes:
      features: Its columns.
      slices: Its rows: a title, and the rows of the sample in it.
      shares: By model, and by `CHANGE` for candidate minus baseline model, float64 `[slices, features]`.
      features_left_out: How many features have no column.
      slices_left_out: How many slices have no row.
    """

    features: Sequence[str]
    slices: Sequence[tuple[str, int]]
    shares: Mapping[str, np.ndarray]
    features_left_out: int
    slices_left_out: int


def heat(sample: pd.DataFrame, slices: Sequence[Slice], features: Sequence[str], asked: Collection[str] = ()) -> Heat:
    """Returns the table, of the whole and of the slices in which shares differ most.

    Args:
      sample: As `read_attributions` gives it.
      slices: Slices of it.
      features: All features, the ones to show first in front.
      asked: Titles of slices that thresholds failed on, which are shown in any case.
    """
    parts = [one for one in slices if one.is_part]
    masks = np.stack([np.ones(len(sample), bool), *(one.rows for one in parts)]).astype(np.float32)
    models = [model for model in columns.MODELS if model in sample.columns.get_level_values(0)]
    shown = features[:_FEATURES]
    shares = {model: shares_in(pd.DataFrame(sample[model][ATTRIBUTION]), masks, shown) for model in models}
    if len(models) > 1:
        shares[CHANGE] = shares[columns.CANDIDATE] - shares[columns.BASELINE]
    moved = shares[CHANGE] if CHANGE in shares else shares[columns.CANDIDATE] - shares[columns.CANDIDATE][0]
    interest = np.nan_to_num(np.abs(moved).max(axis=1, initial=0))
    # The whole, then what is asked for, then what differs most; shown in the order of the features' names.
    order = sorted(range(1, len(masks)), key=lambda i: (parts[i - 1].title not in asked, -interest[i], i))
    kept = [0, *sorted(order[:_SLICES])]
    titles = [WHOLE, *(one.title for one in parts)]
    return Heat(
        features=shown,
        slices=[(titles[i], int(masks[i].sum())) for i in kept],
        shares={name: values[kept] for name, values in shares.items()},
        features_left_out=len(features) - len(shown),
        slices_left_out=len(masks) - len(kept),
    )


def shares_in(attributions: pd.DataFrame, masks: np.ndarray, features: Sequence[str]) -> np.ndarray:
    """Returns features' shares of the total absolute attribution in some slices, float64 `[slices, features]`.

    Args:
      attributions: `[rows, all features]`; rows that are not finite count nowhere.
      masks: Which rows are in a slice, float32 `[slices, rows]`, 0 or 1.
      features: Those to return; one without attributions has the share 0. NaN in a slice whose attributions are all 0.
    """
    absolute = np.abs(attributions.to_numpy(np.float32))
    absolute[~np.isfinite(absolute).all(axis=1)] = 0.0  # Rows that could not be explained.
    there = attributions.columns.get_indexer(list(features))
    # A feature that a model lacks has the share 0 there.
    sums = np.where(there >= 0, masks @ absolute[:, there], 0.0)
    total = masks @ absolute.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums.astype(np.float64) / total[:, np.newaxis]
