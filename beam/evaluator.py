"""Attributions inside TFX's own Evaluator, whose thresholds can then be on `tfx_explain.metrics`.

```python
evaluator = Evaluator(..., eval_config=eval_config, module_path="tfx_explain.beam.evaluator")
```

The Evaluator looks up `custom_extractors` here. To explain otherwise than by default, call it in a module of your own:

```python
def custom_extractors(eval_shared_model, eval_config, tensor_adapter_config):
    parameters = ExplanationParameters(sampled_shapley_attribution={"path_count": 10})
    return evaluator.custom_extractors(
        eval_shared_model, eval_config, tensor_adapter_config, parameters=parameters
    )
```
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma
from apache_beam.utils import shared
from tensorflow_model_analysis.proto import config_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from tfx_explain.beam.explain import ExplainedBatch, RowExplainer
from tfx_explain.beam.explaining.job import ExplanationJob, load_models
from tfx_explain.beam.reading.batches import RowBatch
from tfx_explain.metrics import configs
from tfx_explain.metrics.extractor import model_rows
from tfx_explain.metrics.map_extracts import map_extracts
from tfx_explain.metrics.maps import measures_of
from tfx_explain.metrics.rows import to_extracts
from tfx_explain.metrics.token_extracts import token_extracts
from tfx_explain.metrics.tokens import tokens_asked
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, metadata_from_json
from tfx_explain.savedmodel.metadata.metadata import INTEGRATED_GRADIENTS
from tfx_explain.storage import columns
from tfx_explain.storage.tfrecords import as_records

_STAGE_NAME = "ExtractComputedAttributions"
_METADATA_FILE = "explanation_metadata.json"


def custom_extractors(
    eval_shared_model: tfma.types.MaybeMultipleEvalSharedModels,
    eval_config: config_pb2.EvalConfig,
    tensor_adapter_config: Any = None,
    *,
    metadata: explanation_pb2.ExplanationMetadata | None = None,
    parameters: explanation_pb2.ExplanationParameters | None = None,
) -> list[tfma.extractors.Extractor]:
    """Returns TFMA's extractors, behind one that explains every record by the candidate and the baseline model.

    A record that can't be explained counts in `FailedRows`; TFMA's other metrics see it all the same. Features that
    are globs in `eval_config` are replaced in place, since that is the config that the Evaluator goes on with.

    Args:
      eval_shared_model: The models, as the Evaluator loads them.
      eval_config: With TFMA's defaults filled in, as the Evaluator does.
      tensor_adapter_config: Is passed on to TFMA's extractors.
      metadata: The candidate's explanation metadata. None: `explanation_metadata.json` in the SavedModel's folder,
        where AI Explanations expects it, or else what `generate_metadata` finds; without statistics of the data,
        baselines are zeros and empty strings then.
      parameters: Method, output, tolerance. None: integrated gradients where all features can be explained by them,
        else sampled Shapley values; of the output that the model spec's `prediction_key` names, where there are
        several; of the classes that the metrics name, if each of them names one, with the maps and tokens they want.

    Raises:
      ValueError: The config has no metric over attributions or names an unknown feature, or a model can't be explained.
    """
    if not configs.attribution_config(eval_config).metrics_specs:
        raise ValueError(
            "module_path='tfx_explain.beam.evaluator' explains every record, but the EvalConfig has no metric over "
            "attributions; take one of tfx_explain.metrics into its metrics_specs."
        )
    job = _job(eval_shared_model, eval_config, metadata, parameters)
    features = load_models(job)[columns.CANDIDATE].features
    eval_config.CopyFrom(configs.with_features(eval_config, features))
    configs.verify_features(eval_config, features)
    explain = tfma.extractors.Extractor(_STAGE_NAME, beam.ParDo(_ExplainDoFn(job, eval_config)))
    return [
        explain,
        *tfma.default_extractors(
            eval_shared_model=eval_shared_model, eval_config=eval_config, tensor_adapter_config=tensor_adapter_config
        ),
    ]


class _ExplainDoFn(beam.DoFn):
    """Adds attributions to batched extracts."""

    def __init__(self, job: ExplanationJob, eval_config: config_pb2.EvalConfig) -> None:
        self._job = job
        self._models = configs.models_by_spec(eval_config)
        self._classes = sorted({"", *configs.class_names(eval_config)})
        metrics = configs.metric_instances(eval_config)
        self._maps, self._tokens = measures_of(metrics), tokens_asked(metrics)
        self._with_dictionaries = tfma.metrics.has_attributions_metrics(eval_config.metrics_specs)
        self._shared = shared.Shared()
        self._explainer: RowExplainer | None = None

    def setup(self) -> None:
        self._explainer = self._shared.acquire(lambda: RowExplainer(self._job))

    def process(self, extracts: dict[str, Any]) -> Iterator[dict[str, Any]]:
        assert self._explainer is not None
        batch = extracts[tfma.ARROW_RECORD_BATCH_KEY]
        rows = batch.column(batch.schema.get_field_index(tfma.constants.ARROW_INPUT_COLUMN)).flatten().to_pylist()
        explained = self._explainer.explain(RowBatch(as_records(rows)))
        # The attributions are read as they would be from what an Explainer writes; the features are the same in every
        # batch, one without any record too.
        found = ExamplesToRecordBatchDecoder().DecodeBatch(explained.records.tolist())
        places, features = _explained_places(rows, explained), self._explainer.features
        by_class = {
            one: {
                name: model_rows(found, of, features, one).spread(places, len(rows))
                for name, of in self._models.items()
            }
            for one in self._classes
        }
        spread = places, len(rows)
        yield {
            **extracts,
            **to_extracts(by_class, self._with_dictionaries),
            **map_extracts(found, self._models, self._maps, spread),
            **token_extracts(found, self._models, self._tokens, spread),
        }


def _explained_places(rows: list[bytes], explained: ExplainedBatch) -> np.ndarray:
    """Returns the row numbers of the attribution records, which are in the rows' order; equal rows fail alike."""
    letters = map(tf.train.Example.FromString, explained.dead_letters)
    failed = {letter.features.feature["record"].bytes_list.value[0] for letter in letters}
    return np.flatnonzero([row not in failed for row in rows])


def _job(
    eval_shared_model: tfma.types.MaybeMultipleEvalSharedModels,
    eval_config: config_pb2.EvalConfig,
    metadata: explanation_pb2.ExplanationMetadata | None,
    parameters: explanation_pb2.ExplanationParameters | None,
) -> ExplanationJob:
    specs = {of: name for name, of in configs.models_by_spec(eval_config).items()}
    spec = next(spec for spec in eval_config.model_specs if spec.name == specs[columns.CANDIDATE])
    shared_models = tfma.utils.verify_and_update_eval_shared_models(eval_shared_model) or []
    # TFMA leaves an only model without a name, whatever its spec says.
    folders = {model.model_name or spec.name: model.model_path for model in shared_models}
    element = parameters.output_element if parameters else ()
    metadata = metadata or _metadata(folders[spec.name], spec.signature_name, element)
    return ExplanationJob(
        model_dir=folders[spec.name],
        metadata=metadata,
        parameters=parameters or _parameters(metadata, spec.prediction_key, eval_config),
        baseline_model_dir=folders[specs[columns.BASELINE]] if columns.BASELINE in specs else "",
    ).completed()


def _metadata(
    model_dir: str, signature_name: str, output_element: Sequence[int]
) -> explanation_pb2.ExplanationMetadata:
    path = os.path.join(model_dir, _METADATA_FILE)
    if tf.io.gfile.exists(path):
        with tf.io.gfile.GFile(path) as file:
            return metadata_from_json(file.read())
    return generate_metadata(model_dir, signature_name=signature_name or None, output_element=output_element)


def _parameters(
    metadata: explanation_pb2.ExplanationMetadata, prediction_key: str, eval_config: config_pb2.EvalConfig
) -> explanation_pb2.ExplanationParameters:
    classes = configs.class_names(eval_config)
    several = len(metadata.outputs) > 1 and prediction_key in metadata.outputs
    result = explanation_pb2.ExplanationParameters(
        output_name=prediction_key if several else "", class_names=classes if all(classes) else ()
    )
    if not all(INTEGRATED_GRADIENTS in entry.explainable_by for entry in metadata.inputs.values()):
        result.sampled_shapley_attribution.SetInParent()
    metrics = configs.metric_instances(eval_config)
    result.tokens.features.extend(sorted({one.feature for one in tokens_asked(metrics)}))
    wanted = measures_of(metrics)
    result.keep_maps = bool(wanted)
    result.measure_maps = any(measure.kind in columns.AREAS_OF_MAPS for measure in wanted)
    return result
