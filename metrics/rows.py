"""Reading one record's attributions and weight out of TFMA's extracts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow_model_analysis as tfma

from tfx_explain.metrics.extractor import EXPLANATIONS_KEY


def attributions(extracts: Mapping[str, Any], model_name: str) -> tuple[tuple[str, ...], np.ndarray] | None:
    """Returns a model's features, sorted, and their attributions, float64 [features].

    None for a row that failed: its attributions are missing or not all finite.

    Args:
      extracts: One record's.
      model_name: Of the model spec; empty where the config has one model.

    Raises:
      ValueError: There are no attributions at all, because the extractor is missing.
    """
    if tfma.ATTRIBUTIONS_KEY not in extracts:
        raise ValueError(
            "The extracts have no attributions: add tfx_explain.metrics.attributions_extractor(eval_config) "
            "to the extractors, and read records that an Explainer wrote."
        )
    by_feature = _of_model(extracts[tfma.ATTRIBUTIONS_KEY], model_name)
    features = tuple(sorted(by_feature))
    values = np.asarray([_scalar(by_feature[f]) for f in features], np.float64)
    return (features, values) if features and np.isfinite(values).all() else None


def explanation(extracts: Mapping[str, Any], model_name: str, field: str) -> float:
    """Returns one of `columns.FIELDS`; NaN where it is unknown."""
    fields = _of_model(extracts.get(EXPLANATIONS_KEY) or {}, model_name)
    return _scalar(fields[field]) if field in fields else float("nan")


def weight(extracts: Mapping[str, Any], model_name: str, output_name: str, example_weighted: bool) -> float:
    """Returns the record's example weight; 1 where the metric isn't weighted.

    Raises:
      ValueError: The metric is weighted and the record has no weight.
    """
    if not example_weighted:
        return 1.0
    weights = extracts.get(tfma.EXAMPLE_WEIGHTS_KEY)
    for key in (model_name, output_name):
        weights = weights.get(key) if key and isinstance(weights, Mapping) else weights
    if weights is None:
        raise ValueError(
            "The metrics are weighted by example, but the records lack the weights: check example_weight_key in "
            "the EvalConfig's model_specs against the records' features."
        )
    return _scalar(weights)


def _of_model(extract: Mapping[str, Any], model_name: str) -> Mapping[str, Any]:
    return extract.get(model_name, {}) if model_name else extract


def _scalar(value: Any) -> float:
    array = np.asarray(value, np.float64)
    if array.size != 1:
        raise ValueError(f"An attribution, weight or output is one number per record, got an array {array.shape}.")
    return array.item()
