"""What most metrics here are computed from: sums over a slice's explained rows, in one pass for all of them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow_model_analysis as tfma

from tfx_explain.metrics.accumulate import Features, row_computation
from tfx_explain.metrics.naming import of_class, positions
from tfx_explain.metrics.rows import ModelRows
from tfx_explain.storage import columns

_NAME = "_tfx_explain_attribution_sums"  # TFMA keeps names with a leading underscore out of its results.
_SCALARS = 6


@dataclass(frozen=True)
class AttributionSums:
    """Sums over the rows of one slice and model.

    A row whose attributions are missing or not all finite counts as failed and enters no other sum.

    Attributes:
      features: Names, sorted; none where no row has attributions.
      signed: Weighted sums of attributions, `[features]`.
      absolute: Weighted sums of absolute attributions, `[features]`.
      explained_rows: Number of rows with attributions, unweighted.
      failed_rows: Number of rows without, unweighted.
      weight: Sum of the example weights of the explained rows; their number where there are no weights.
      completeness_gap: Weighted sum of |sum of attributions - (instance output - baseline output)|.
      approximation_error: Weighted sum of the errors that the method reported.
      tolerance_missed: Weighted number of explained rows whose error stayed above the tolerance.
    """

    features: tuple[str, ...]
    signed: np.ndarray
    absolute: np.ndarray
    explained_rows: float
    failed_rows: float
    weight: float
    completeness_gap: float
    approximation_error: float
    tolerance_missed: float

    # What the metrics of every feature read, found once: thousands of features have a metric each.

    @functools.cached_property
    def places(self) -> Mapping[str, int]:
        """Where each feature stands among the others."""
        return positions(self.features)

    @functools.cached_property
    def size(self) -> float:
        """The sum of `absolute`."""
        return float(self.absolute.sum())

    @functools.cached_property
    def ranks(self) -> np.ndarray:
        """1 + the number of features whose absolute attributions are above a feature's, int64 `[features]`."""
        rising = np.sort(self.absolute[~np.isnan(self.absolute)])
        return 1 + len(rising) - np.searchsorted(rising, self.absolute, side="right")


def sums_computation(
    model_name: str, output_name: str, example_weighted: bool, class_name: str = ""
) -> tfma.metrics.MetricComputation:
    """Returns the computation of `AttributionSums`.

    Args:
      model_name: Of the model spec; empty where the config has one model.
      output_name: Becomes part of the key; attribution records explain one output.
      example_weighted: Whether example weights apply.
      class_name: The class; empty: the first one of each record.
    """
    key = tfma.metrics.MetricKey(
        of_class(_NAME, class_name), model_name, output_name, example_weighted=example_weighted
    )
    return row_computation(key, [model_name], _fold, _finish, class_name)


def completeness_gaps(model: ModelRows) -> np.ndarray:
    """Returns |sum of attributions - (instance output - baseline output)|, float64 `[rows]`."""
    expected = model.field(columns.INSTANCE_OUTPUT_VALUE) - model.field(columns.BASELINE_OUTPUT_VALUE)
    return np.abs(model.attributions.sum(axis=1) - expected)


def only_features(by_features: Mapping[Features, np.ndarray]) -> Features | None:
    """Returns the features that all records share; None where no record has any.

    Raises:
      ValueError: They don't.
    """
    known = [features for features in by_features if any(features)]
    if len(known) > 1:
        every = [{name for of_model in features for name in of_model} for features in known]
        different = sorted(set.union(*every) - set.intersection(*every))
        raise ValueError(
            f"Attribution records disagree about their features: {different} are in some records only. "
            "Records of different models or Explainers can't be evaluated together."
        )
    return known[0] if known else None


def _fold(models: Sequence[ModelRows], weights: np.ndarray) -> np.ndarray:
    """Returns `_SCALARS` numbers, then the signed sums, then the absolute ones."""
    (model,) = models
    explained = model.explained
    good, weights = model.take(explained), weights[explained]
    scalars = [
        explained.sum(),
        len(explained) - explained.sum(),
        weights.sum(),
        weights @ completeness_gaps(good),
        weights @ good.field(columns.APPROXIMATION_ERROR),
        weights @ (1 - good.field(columns.TOLERANCE_MET)),
    ]
    return np.concatenate([scalars, weights @ good.attributions, weights @ np.abs(good.attributions)])


def _finish(by_features: Mapping[Features, np.ndarray]) -> AttributionSums:
    known = only_features(by_features)
    (features,) = known or ((),)
    scalars: list[float] = np.sum([total[:_SCALARS] for total in by_features.values()], axis=0).tolist()
    signed, absolute = np.split(by_features[known][_SCALARS:] if known else np.zeros(0), 2)
    return AttributionSums(features, signed, absolute, *scalars)
