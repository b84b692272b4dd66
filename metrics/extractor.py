"""TFMA extractor that turns the columns of attribution records into attributions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.metrics import configs
from tfx_explain.metrics.rows import ModelRows, to_extracts
from tfx_explain.storage import columns

_STAGE_NAME = "ExtractAttributions"


def attributions_extractor(eval_config: config_pb2.EvalConfig) -> tfma.extractors.Extractor:
    """Returns the extractor that TFMA's and this package's attribution metrics need on attribution records.

    It takes the columns named in `columns.py` out of the Arrow record batch, so it runs before TFMA's
    `FeaturesExtractor`, and adds what the metrics read (`rows.to_extracts`). The model spec with `is_baseline` reads
    the baseline model's columns, the other one the candidate's. Where a record explains several outputs, the first
    counts. A value that a record lacks is NaN.

    Args:
      eval_config: The config with its defaults filled in (`tfma.utils.update_eval_config_with_defaults`).
    """
    models = configs.models_by_spec(eval_config)
    with_dictionaries = tfma.metrics.has_attributions_metrics(eval_config.metrics_specs)
    return tfma.extractors.Extractor(stage_name=_STAGE_NAME, ptransform=beam.Map(_extract, models, with_dictionaries))


def _extract(extracts: dict[str, Any], models: Mapping[str, str], with_dictionaries: bool) -> dict[str, Any]:
    batch = extracts[tfma.ARROW_RECORD_BATCH_KEY]
    attributed = {model: columns.attributed_features(batch.schema.names, model) for model in models.values()}
    by_model = {name: model_rows(batch, model, attributed[model]) for name, model in models.items()}
    original = [name for name in batch.schema.names if not columns.is_explanation_column(name)]
    rest = pa.RecordBatch.from_arrays([batch.column(batch.schema.get_field_index(n)) for n in original], original)
    return {
        # TFMA's attribution metrics ask for predictions, which nobody reads here.
        tfma.PREDICTIONS_KEY: None,
        **extracts,
        tfma.ARROW_RECORD_BATCH_KEY: rest,
        **to_extracts(by_model, with_dictionaries),
    }


def model_rows(batch: pa.RecordBatch, model: str, features: tuple[str, ...]) -> ModelRows:
    """Returns the attributions of `columns.CANDIDATE` or `columns.BASELINE` in attribution records, maybe in none."""
    attributions = np.empty((batch.num_rows, len(features)))
    for index, feature in enumerate(features):
        attributions[:, index] = _first_values(batch, columns.attribution_column(model, feature))
    fields = [_first_values(batch, columns.field_column(model, field)) for field in columns.FIELDS]
    return ModelRows(features, attributions, np.stack(fields, axis=1))


def _first_values(batch: pa.RecordBatch, column: str) -> np.ndarray:
    """Returns the first value of each list in a column as float64 [rows], NaN where there is none."""
    result = np.full(batch.num_rows, np.nan)
    index = batch.schema.get_field_index(column)
    if index < 0 or pa.types.is_null(batch.schema.field(index).type):
        return result
    lists = batch.column(index)
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    filled = np.flatnonzero(lengths)
    starts = np.cumsum(lengths) - lengths  # `flatten` leaves the values of null lists out.
    result[filled] = np.asarray(lists.flatten(), np.float64)[starts[filled]]
    return result
