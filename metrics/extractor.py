"""TFMA extractor that turns the columns of attribution records into attributions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.metrics import columns

EXPLANATIONS_KEY = "tfx_explain"
_STAGE_NAME = "ExtractAttributions"


def attributions_extractor(eval_config: config_pb2.EvalConfig) -> tfma.extractors.Extractor:
    """Returns the extractor that TFMA's and this package's attribution metrics need on attribution records.

    It takes the columns named in `columns.py` out of the Arrow record batch, so it runs before TFMA's
    `FeaturesExtractor`, and adds two extracts:

    - `tfma.ATTRIBUTIONS_KEY`: `{feature: float64 [rows]}`, the shape that TFMA's own attribution metrics read;
    - `EXPLANATIONS_KEY`: `{field: float64 [rows]}` for `columns.FIELDS`.

    Both are keyed by model name above that where the config has more than one model. The model spec with `is_baseline`
    reads the baseline model's columns, the other one the candidate's. A value that a record lacks is NaN.

    Args:
      eval_config: The config with its defaults filled in (`tfma.utils.update_eval_config_with_defaults`).
    """
    models = {s.name: columns.BASELINE if s.is_baseline else columns.CANDIDATE for s in eval_config.model_specs}
    return tfma.extractors.Extractor(stage_name=_STAGE_NAME, ptransform=beam.Map(_extract, models))


def _extract(extracts: dict[str, Any], models: Mapping[str, str]) -> dict[str, Any]:
    batch = extracts[tfma.ARROW_RECORD_BATCH_KEY]
    attributions, explanations = {}, {}
    for name, model in models.items():
        features = columns.attributed_features(batch.schema.names, model)
        attributions[name] = {f: _scalars(batch, columns.attribution_column(model, f)) for f in features}
        explanations[name] = {f: _scalars(batch, columns.field_column(model, f)) for f in columns.FIELDS}
    if len(models) == 1:
        (attributions,), (explanations,) = attributions.values(), explanations.values()
    original = [name for name in batch.schema.names if not columns.is_explanation_column(name)]
    rest = pa.RecordBatch.from_arrays([batch.column(batch.schema.get_field_index(n)) for n in original], original)
    return {
        # TFMA's attribution metrics ask for predictions, which nobody reads here.
        tfma.PREDICTIONS_KEY: None,
        **extracts,
        tfma.ARROW_RECORD_BATCH_KEY: rest,
        tfma.ATTRIBUTIONS_KEY: attributions,
        EXPLANATIONS_KEY: explanations,
    }


def _scalars(batch: pa.RecordBatch, column: str) -> np.ndarray:
    """Returns a column of one-value lists as float64 [rows], NaN where the list is missing or empty."""
    result = np.full(batch.num_rows, np.nan)
    index = batch.schema.get_field_index(column)
    if index < 0 or pa.types.is_null(batch.schema.field(index).type):
        return result
    lists = batch.column(index)
    rows = np.asarray(pc.list_parent_indices(lists))
    if len(np.unique(rows)) != len(rows):
        raise ValueError(f"Column {column!r} of the attribution records has several values in a record; it takes one.")
    result[rows] = np.asarray(lists.flatten(), np.float64)
    return result
