"""TFMA extractor that turns the columns of attribution records into attributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.metrics import configs
from tfx_explain.metrics.lists import places_of, values_at
from tfx_explain.metrics.map_extracts import Measure, map_extracts
from tfx_explain.metrics.maps import measures_of
from tfx_explain.metrics.rows import NOT_EXPLAINED, ModelRows, to_extracts
from tfx_explain.metrics.token_extracts import Asked, token_extracts
from tfx_explain.metrics.tokens import tokens_asked
from tfx_explain.storage import columns

_STAGE_NAME = "ExtractAttributions"


def attributions_extractor(eval_config: config_pb2.EvalConfig) -> tfma.extractors.Extractor:
    """Returns the extractor that TFMA's and this package's attribution metrics need on attribution records.

    It takes the columns named in `columns.py` out of the Arrow record batch, so it runs before TFMA's
    `FeaturesExtractor`, and adds what the metrics read (`rows.to_extracts`). The model spec with `is_baseline` reads
    the baseline model's columns, the other one the candidate's. Where a record explains several classes, the first
    counts, and those that metrics name (`class_name`). A value that a record lacks is NaN.

    Args:
      eval_config: The config with its defaults filled in (`tfma.utils.update_eval_config_with_defaults`).
    """
    models = configs.models_by_spec(eval_config)
    with_dictionaries = tfma.metrics.has_attributions_metrics(eval_config.metrics_specs)
    instances = configs.metric_instances(eval_config)
    measures, asked = measures_of(instances), tokens_asked(instances)
    classes = sorted({"", *configs.class_names(eval_config)})
    extract = beam.Map(_extract, models, classes, with_dictionaries, measures, asked)
    return tfma.extractors.Extractor(stage_name=_STAGE_NAME, ptransform=extract)


def _extract(
    extracts: dict[str, Any],
    models: Mapping[str, str],
    classes: Sequence[str],
    with_dictionaries: bool,
    measures: Sequence[Measure],
    asked: Sequence[Asked],
) -> dict[str, Any]:
    batch = extracts[tfma.ARROW_RECORD_BATCH_KEY]
    attributed = {model: columns.attributed_features(batch.schema.names, model) for model in models.values()}
    by_class = {
        of_class: {name: model_rows(batch, model, attributed[model], of_class) for name, model in models.items()}
        for of_class in classes
    }
    original = [name for name in batch.schema.names if not columns.is_explanation_column(name)]
    rest = pa.RecordBatch.from_arrays([batch.column(batch.schema.get_field_index(n)) for n in original], original)
    return {
        # TFMA's attribution metrics ask for labels and predictions, which nobody reads here.
        tfma.LABELS_KEY: None,
        tfma.PREDICTIONS_KEY: None,
        **extracts,
        tfma.ARROW_RECORD_BATCH_KEY: rest,
        **to_extracts(by_class, with_dictionaries),
        **map_extracts(batch, models, measures),
        **token_extracts(batch, models, asked),
    }


def model_rows(batch: pa.RecordBatch, model: str, features: tuple[str, ...], class_name: str = "") -> ModelRows:
    """Returns the attributions of `columns.CANDIDATE` or `columns.BASELINE` in attribution records, maybe in none.

    Args:
      batch: The records.
      model: Which model's.
      features: The features that the model's records have attributions of.
      class_name: Of which class; empty: of the first one of each record. Where a record doesn't explain it, the output
        index is `NOT_EXPLAINED` and all else is NaN.
    """
    places = places_of(batch, class_name)
    attributions = np.empty((batch.num_rows, len(features)))
    for index, feature in enumerate(features):
        attributions[:, index] = values_at(batch, columns.attribution_column(model, feature), places)
    fields = [values_at(batch, columns.field_column(model, field), places) for field in columns.FIELDS]
    fields[columns.FIELDS.index(columns.OUTPUT_INDEX)][places < 0] = NOT_EXPLAINED
    return ModelRows(features, attributions, np.stack(fields, axis=1))
