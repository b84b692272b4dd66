"""Adding rows up, many at a time: what TFMA's combiners need, so that a metric is a function of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma

from tfx_explain.metrics import rows
from tfx_explain.storage import columns

# Enough rows to make numpy's cost of a call small, few enough numbers for the memory of thousands of slices: of
# thousands of features, rows that wait may not take much more than their sums.
_ROWS_PER_FOLD = 256
_NUMBERS_PER_FOLD = 2**13
_LEAST_ROWS_PER_FOLD = 4

Features = tuple[tuple[str, ...], ...]
# From some rows, a `ModelRows` a model, and their weights, float64 [rows], to what is added up: arrays, or counters.
Fold = Callable[[Sequence[rows.ModelRows], np.ndarray], Any]
# From the sums by features (of each model; records of one Explainer have the same) to a value.
Finish = Callable[[Mapping[Features, Any]], Any]


class _Row(NamedTuple):
    features: Features
    numbers: np.ndarray
    weight: float


@dataclass
class _Block:
    """Sums over rows with the same features, and rows that are not in them yet."""

    total: Any = None
    waiting: list[tuple[np.ndarray, float]] = field(default_factory=list)


def row_computation(
    key: tfma.metrics.MetricKey, model_names: Sequence[str], fold: Fold, finish: Finish, class_name: str
) -> tfma.metrics.MetricComputation:
    """Returns a computation over rows; TFMA runs equal ones of several metrics once.

    Args:
      key: Of the result; also says whose example weights apply, if any. Two computations of one key are the same.
      model_names: The models whose attributions it takes.
      fold: Rows to a sum.
      finish: Sums to the value.
      class_name: The class that it is about; empty: the first one of each record.
    """
    return tfma.metrics.MetricComputation(
        keys=[key],
        preprocessors=[_RowPreprocessor(key, model_names, class_name)],
        combiner=_Combiner(key, fold, finish, len(model_names)),
    )


def added_up(by_features: Mapping[Features, np.ndarray]) -> np.ndarray:
    """Returns the sum over all rows; the arrays must not depend on the features."""
    return np.sum(list(by_features.values()), axis=0)


def _rows_per_fold(numbers: int) -> int:
    return min(_ROWS_PER_FOLD, max(_LEAST_ROWS_PER_FOLD, _NUMBERS_PER_FOLD // numbers))


class _RowPreprocessor(tfma.metrics.Preprocessor):
    """Makes one `_Row` of an extract, once, before TFMA hands it to every slice that it belongs to."""

    def __init__(self, key: tfma.metrics.MetricKey, model_names: Sequence[str], class_name: str) -> None:
        super().__init__(name=key.name)
        self._key, self._model_names, self._class_name = key, tuple(model_names), class_name

    def process(self, extracts: Mapping[str, Any]) -> Iterator[_Row]:
        features, numbers = rows.read_record(extracts, self._model_names, self._class_name)
        if numbers is None:  # the class is not explained in this record
            return
        key = self._key
        weight = rows.weight(extracts, key.model_name, key.output_name) if key.example_weighted else 1.0
        yield _Row(features, numbers, weight)


class _Combiner(beam.CombineFn):
    def __init__(self, key: tfma.metrics.MetricKey, fold: Fold, finish: Finish, models: int) -> None:
        self._key, self._fold, self._finish = key, fold, finish
        self._models = models

    def create_accumulator(self) -> dict[Features, _Block]:
        return {}

    def add_input(self, accumulator: dict[Features, _Block], row: _Row) -> dict[Features, _Block]:
        block = accumulator.setdefault(row.features, _Block())
        block.waiting.append((row.numbers, row.weight))
        if len(block.waiting) >= _rows_per_fold(len(row.numbers)):
            accumulator[row.features] = _Block(self._total(row.features, block))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[dict[Features, _Block]]) -> dict[Features, _Block]:
        """Adds up in new arrays: jackknife hands the same accumulator to several samples."""
        result: dict[Features, _Block] = {}
        for accumulator in accumulators:
            for features, block in accumulator.items():
                total = self._total(features, block)
                before = result[features].total if features in result else None
                result[features] = _Block(total if before is None else before + total)
        return result

    def compact(self, accumulator: dict[Features, _Block]) -> dict[Features, _Block]:
        return self.merge_accumulators([accumulator])

    def extract_output(self, accumulator: dict[Features, _Block]) -> dict[tfma.metrics.MetricKey, Any]:
        sums = {features: self._total(features, block) for features, block in accumulator.items()}
        return {self._key: self._finish(sums or self._of_no_rows())}

    def _of_no_rows(self) -> dict[Features, Any]:
        """Sums where no record of a slice explains the class."""
        features = ((),) * self._models
        none = np.empty((0, self._models * len(columns.FIELDS)))
        return {features: self._fold(rows.split(features, none), np.empty(0))}

    def _total(self, features: Features, block: _Block) -> Any:
        if block.waiting:
            numbers, weights = zip(*block.waiting, strict=True)
            of_waiting = self._fold(rows.split(features, np.stack(numbers)), np.asarray(weights))
            return of_waiting if block.total is None else block.total + of_waiting
        assert block.total is not None
        return block.total
