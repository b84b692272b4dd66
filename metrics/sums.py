"""What every metric here is computed from: sums over a slice's explained rows, in one pass for all metrics."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma

from tfx_explain.metrics import columns, rows

_NAME = "_tfx_explain_attribution_sums"  # TFMA keeps names with a leading underscore out of its results.
_SIGNED, _ABSOLUTE = range(2)
_EXPLAINED, _FAILED, _WEIGHT, _GAP, _ERROR, _MISSED = range(6)


@dataclass
class AttributionSums:
    """Sums over the rows of one slice and model; adding two of them is associative.

    A row whose attributions are missing or not all finite counts as failed and enters no other sum.
    """

    features: tuple[str, ...] = ()
    by_feature: np.ndarray = field(default_factory=lambda: np.zeros((2, 0)))  # [2, features]: signed, absolute
    scalars: np.ndarray = field(default_factory=lambda: np.zeros(6))

    @property
    def signed(self) -> np.ndarray:
        """Weighted sums of attributions, [features]."""
        return self.by_feature[_SIGNED]

    @property
    def absolute(self) -> np.ndarray:
        """Weighted sums of absolute attributions, [features]."""
        return self.by_feature[_ABSOLUTE]

    @property
    def explained_rows(self) -> float:
        """Number of rows with attributions, unweighted."""
        return float(self.scalars[_EXPLAINED])

    @property
    def failed_rows(self) -> float:
        """Number of rows without, unweighted."""
        return float(self.scalars[_FAILED])

    @property
    def weight(self) -> float:
        """Sum of the example weights of the explained rows; their number where there are no weights."""
        return float(self.scalars[_WEIGHT])

    @property
    def completeness_gap(self) -> float:
        """Weighted sum of |sum of attributions - (instance output - baseline output)|."""
        return float(self.scalars[_GAP])

    @property
    def approximation_error(self) -> float:
        """Weighted sum of the errors that the method reported."""
        return float(self.scalars[_ERROR])

    @property
    def tolerance_missed(self) -> float:
        """Weighted number of explained rows whose error stayed above the tolerance."""
        return float(self.scalars[_MISSED])

    def add(self, other: AttributionSums) -> None:
        """Adds sums over other rows.

        Raises:
          ValueError: The two are over different features.
        """
        if not self.features:
            self.features, self.by_feature = other.features, other.by_feature.copy()
        elif other.features:
            if self.features != other.features:
                different = sorted(set(self.features) ^ set(other.features))
                raise ValueError(
                    f"Attribution records disagree about their features: {different} are in some records only. "
                    "Records of different models or Explainers can't be evaluated together."
                )
            self.by_feature += other.by_feature
        self.scalars = self.scalars + other.scalars


class _Row(NamedTuple):
    features: tuple[str, ...]
    values: np.ndarray  # [features]
    scalars: np.ndarray


class _RowPreprocessor(tfma.metrics.Preprocessor):
    """Makes one `_Row` of an extract, once, before TFMA hands it to every slice that it belongs to."""

    def __init__(self, model_name: str, output_name: str, example_weighted: bool) -> None:
        super().__init__(name=_NAME)
        self._model_name, self._output_name = model_name, output_name
        self._example_weighted = example_weighted

    def process(self, extracts: Mapping[str, Any]) -> Iterator[_Row]:
        explained = rows.attributions(extracts, self._model_name)
        scalars = np.zeros(6)
        if explained is None:
            scalars[_FAILED] = 1
            yield _Row((), np.zeros(0), scalars)
            return
        features, values = explained
        field = functools.partial(rows.explanation, extracts, self._model_name)
        weight = rows.weight(extracts, self._model_name, self._output_name, self._example_weighted)
        expected = field(columns.INSTANCE_OUTPUT_VALUE) - field(columns.BASELINE_OUTPUT_VALUE)
        scalars[_EXPLAINED] = 1
        scalars[_WEIGHT] = weight
        scalars[_GAP] = weight * abs(values.sum() - expected)
        scalars[_ERROR] = weight * field(columns.APPROXIMATION_ERROR)
        scalars[_MISSED] = weight * (1 - field(columns.TOLERANCE_MET))
        yield _Row(features, weight * values, scalars)


class _SumsCombiner(beam.CombineFn):
    def __init__(self, key: tfma.metrics.MetricKey) -> None:
        self._key = key

    def create_accumulator(self) -> AttributionSums:
        return AttributionSums()

    def add_input(self, accumulator: AttributionSums, row: _Row) -> AttributionSums:
        accumulator.add(AttributionSums(row.features, np.stack([row.values, np.abs(row.values)]), row.scalars))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[AttributionSums]) -> AttributionSums:
        result = AttributionSums()
        for accumulator in accumulators:
            result.add(accumulator)
        return result

    def extract_output(self, accumulator: AttributionSums) -> dict[tfma.metrics.MetricKey, AttributionSums]:
        return {self._key: accumulator}


def sums_computation(model_name: str, output_name: str, example_weighted: bool) -> tfma.metrics.MetricComputation:
    """Returns the computation of `AttributionSums`; TFMA runs equal ones of several metrics once.

    Args:
      model_name: Of the model spec; empty where the config has one model.
      output_name: Becomes part of the key; attribution records explain one output.
      example_weighted: Whether example weights apply.
    """
    key = tfma.metrics.MetricKey(_NAME, model_name, output_name, example_weighted=example_weighted)
    preprocessor = _RowPreprocessor(model_name, output_name, example_weighted)
    return tfma.metrics.MetricComputation(keys=[key], preprocessors=[preprocessor], combiner=_SumsCombiner(key))
