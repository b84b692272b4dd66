"""Attributions in TFMA's extracts: one array a batch, of which TFMA hands each record's row to the metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow_model_analysis as tfma

from tfx_explain.storage import columns

EXPLANATIONS_KEY = "tfx_explain"
NOT_EXPLAINED = -1  # The output index where a record doesn't explain a class.
_LAYOUT, _NUMBERS = "layout", "numbers"


class ModelRows(NamedTuple):
    """One model's attributions of some records; NaN where a record lacks a value.

    Attributes:
      features: Names, sorted; none where the records lack the model.
      attributions: float64 `[rows, features]`, in the unit of the explained output.
      fields: float64 `[rows, fields]`, in the order of `columns.FIELDS`.
    """

    features: tuple[str, ...]
    attributions: np.ndarray
    fields: np.ndarray

    @property
    def explained(self) -> np.ndarray:
        """Which rows have attributions, all of them finite: bool `[rows]`."""
        return np.logical_and(np.isfinite(self.attributions).all(axis=1), bool(self.features))

    def field(self, name: str) -> np.ndarray:
        """Returns one of `columns.FIELDS`, float64 `[rows]`."""
        return self.fields[:, columns.FIELDS.index(name)]

    def take(self, rows: np.ndarray) -> ModelRows:
        """Returns some of the rows."""
        return ModelRows(self.features, self.attributions[rows], self.fields[rows])

    def spread(self, rows: np.ndarray, count: int) -> ModelRows:
        """Returns `count` rows that lack everything, but for `rows`, int `[these rows]`, which are these."""
        result = ModelRows(self.features, *(np.full((count, part.shape[1]), np.nan) for part in self[1:]))
        result.attributions[rows], result.fields[rows] = self.attributions, self.fields
        return result


@dataclass(frozen=True)
class Layout:
    """What the numbers in a record's extract are: by class and model, its features, then `columns.FIELDS`.

    The class '' is the first one of each record.
    """

    models: tuple[tuple[str, str, tuple[str, ...]], ...]

    def locate(self, model_name: str, class_name: str) -> tuple[tuple[str, ...], slice]:
        """Returns a model's features and where its numbers are; of an only model, whatever it is called."""
        start, names = 0, list(dict.fromkeys(name for _, name, _ in self.models))
        for of_class, name, features in self.models:
            end = start + len(features) + len(columns.FIELDS)
            if of_class == class_name and (name == model_name or len(names) == 1):
                return features, slice(start, end)
            start = end
        raise ValueError(f"The extracts have attributions of {names}, not {model_name!r} and class {class_name!r}.")


def to_extracts(by_class: Mapping[str, Mapping[str, ModelRows]], with_dictionaries: bool) -> dict[str, Any]:
    """Returns a batch's extracts.

    Args:
      by_class: By class, '' for the first one of each record, and by the name of the model spec; the same records for
        each.
      with_dictionaries: Whether to add `tfma.ATTRIBUTIONS_KEY`, `{feature: float64 [rows]}` (by model above that, where
        there are several), which TFMA's own attribution metrics read and which costs more than all the rest.
    """
    every = [(of_class, name, model) for of_class, models in by_class.items() for name, model in models.items()]
    layout = Layout(tuple((of_class, name, model.features) for of_class, name, model in every))
    numbers = np.hstack([part for *_, model in every for part in (model.attributions, model.fields)])
    extracts: dict[str, Any] = {
        EXPLANATIONS_KEY: {_LAYOUT: np.full(len(numbers), layout, dtype=object), _NUMBERS: numbers}
    }
    if with_dictionaries:
        dictionaries = {
            name: dict(zip(model.features, model.attributions.T, strict=True)) for name, model in by_class[""].items()
        }
        extracts[tfma.ATTRIBUTIONS_KEY] = dictionaries if len(dictionaries) > 1 else next(iter(dictionaries.values()))
    return extracts


def read_record(
    extracts: Mapping[str, Any], model_names: Sequence[str], class_name: str
) -> tuple[tuple[tuple[str, ...], ...], np.ndarray | None]:
    """Returns the features of some models, and their numbers in one record, float64 [numbers], for `split`.

    The numbers are None where the record doesn't explain the class.

    Raises:
      ValueError: There are none, because the extractor is missing.
    """
    found = extracts.get(EXPLANATIONS_KEY)
    if found is None:
        raise ValueError(
            "The extracts have no attributions: add tfx_explain.metrics.attributions_extractor(eval_config) to the "
            "extractors and read records that an Explainer wrote; in an Evaluator, set "
            "module_path='tfx_explain.beam.evaluator'."
        )
    layout: Layout = found[_LAYOUT].item()
    features, places = zip(*(layout.locate(name, class_name) for name in model_names), strict=True)
    numbers = [found[_NUMBERS][place] for place in places]
    if numbers[0][len(features[0]) + columns.FIELDS.index(columns.OUTPUT_INDEX)] == NOT_EXPLAINED:
        return features, None
    return features, np.concatenate(numbers)


def split(features: Sequence[tuple[str, ...]], numbers: np.ndarray) -> list[ModelRows]:
    """Takes the numbers of several records, float64 `[rows, numbers]` as `read_record` gives them, apart by model."""
    result, start = [], 0
    for names in features:
        middle = start + len(names)
        end = middle + len(columns.FIELDS)
        result.append(ModelRows(names, numbers[:, start:middle], numbers[:, middle:end]))
        start = end
    return result


def weight(extracts: Mapping[str, Any], model_name: str, output_name: str) -> float:
    """Returns the record's example weight.

    Raises:
      ValueError: The record has no weight, or several.
    """
    weights = extracts.get(tfma.EXAMPLE_WEIGHTS_KEY)
    for key in (model_name, output_name):
        weights = weights.get(key) if key and isinstance(weights, Mapping) else weights
    if weights is None:
        raise ValueError(
            "The metrics are weighted by example, but the records lack the weights: check example_weight_key in "
            "the EvalConfig's model_specs against the records' features."
        )
    array = np.asarray(weights, np.float64)
    if array.size != 1:
        raise ValueError(f"An example weight is one number per record, got an array {array.shape}.")
    return array.item()
