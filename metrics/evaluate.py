"""Evaluating attribution records with TFMA: a Beam pipeline from TFRecords to a ModelEvaluation's files."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tensorflow_model_analysis.evaluators import metrics_plots_and_validations_evaluator as stock_evaluator
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer as stock_writer
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from tfx_explain.metrics import configs
from tfx_explain.metrics.compute import ComputeMetrics, computes_plainly
from tfx_explain.metrics.extractor import attributions_extractor
from tfx_explain.proto.printable import first_line, text_of
from tfx_explain.storage import columns
from tfx_explain.storage.integrity import add_digests, read_whole, records_digest
from tfx_explain.storage.paths import matching
from tfx_explain.storage.sink import write_records, write_text

_CONFIG_FILE = "eval_config.json"
# What is written of an evaluation, by kind of metric, and how TFMA's writer makes messages of it; its validations
# aren't: nothing is validated here.
_WRITTEN: Mapping[str, tuple[type, Callable[[Any], Any]]] = {
    tfma.METRICS_KEY: (
        metric_types.MetricKey,
        functools.partial(tfma.writers.convert_slice_metrics_to_proto, add_metrics_callbacks=[]),
    ),
    tfma.ATTRIBUTIONS_KEY: (metric_types.AttributionsKey, stock_writer.convert_slice_attributions_to_proto),
}
_LEFT_OUT = ("ExtractLabels", "ExtractMaterializedPredictions")
_BATCH_SIZE = 1000


@dataclass(frozen=True)
class RecordsSummary:
    """What attribution records hold.

    Attributes:
      rows: How many records there are.
      columns: The columns that at least one of them has.
      digest: Of the records, see `integrity.records_digest`.
    """

    rows: int
    columns: frozenset[str]
    digest: int = 0

    def features(self, model: str) -> tuple[str, ...]:
        """Returns the features that have attributions in `columns.CANDIDATE` or `columns.BASELINE`, sorted."""
        return columns.attributed_features(self.columns, model)

    @property
    def has_baseline(self) -> bool:
        """Whether the records explain the baseline model, too."""
        return bool(self.features(columns.BASELINE))


def summarize_records(file_patterns: Sequence[str]) -> RecordsSummary:
    """Reads attribution records once, to the end: a record may lack a column, and a file may be damaged anywhere.

    Args:
      file_patterns: Globs of TFRecord files of tf.Example, gzipped where their names end in `.gz`.

    Raises:
      ValueError: The files are damaged or hold something else.
    """
    return _read(file_patterns)


def evaluate_attributions(
    pipeline: beam.Pipeline,
    file_patterns: Sequence[str],
    output_path: str,
    eval_config: config_pb2.EvalConfig | None = None,
    data_location: str = "",
) -> config_pb2.EvalConfig:
    """Adds to a pipeline the evaluation of attribution records.

    When the pipeline has run, `output_path` holds a ModelEvaluation that `tfma.load_eval_result`, `tfma.load_metrics`,
    `tfma.load_attributions` and `tfma.view` read. It has the metrics of `tfma.CANDIDATE_KEY` and, if the records
    explain a baseline model, of `tfma.BASELINE_KEY` and their differences.

    Args:
      pipeline: The pipeline to add to.
      file_patterns: Globs of TFRecord files of tf.Example, gzipped where their names end in `.gz`, of which every
        record has the same attributions, as the Explainer writes them: the first ones say which.
      output_path: A directory; its files are written when the pipeline runs.
      eval_config: The metrics and slices; metrics that aren't about attributions, and thresholds, are left out.
        None, or without metrics: `configs.default_eval_config` of every feature.
      data_location: Where the result says that the records are; empty: `file_patterns`.

    Returns:
      The config that is evaluated, with TFMA's defaults filled in.

    Raises:
      ValueError: There is no record, no attribution metric in the config, or a name that the records lack; or, when
        the pipeline runs, a file is damaged.
    """
    config = eval_config or config_pb2.EvalConfig()
    # Here, not on workers, are read as many records as it takes to see every column: a thousand, as a rule.
    summary = _read(file_patterns, until=configs.features_read(config) or frozenset())
    config = _asked_of(summary, config, file_patterns)
    configs.verify_names(config, summary.columns)
    batches = (
        pipeline
        | "Files" >> beam.Create(_paths(file_patterns))
        | "ReadAttributions" >> beam.FlatMap(_read_kept, configs.features_read(config))
    )
    _ = batches | "EvaluateAttributions" >> EvaluateAttributions(
        config, output_path, data_location or ", ".join(file_patterns)
    )
    return config


def _asked_of(
    summary: RecordsSummary, config: config_pb2.EvalConfig, file_patterns: Sequence[str]
) -> config_pb2.EvalConfig:
    """Returns what a config asks of such records, with TFMA's defaults filled in."""
    if not summary.features(columns.CANDIDATE):
        raise ValueError(
            f"There are no attribution records in {', '.join(file_patterns)}; expected gzipped TFRecords of tf.Example "
            f"with columns {columns.attribution_column(columns.CANDIDATE, '<feature>')}, as the Explainer writes them."
        )
    if not config.metrics_specs:
        slices = list(config.slicing_specs) or [config_pb2.SlicingSpec()]
        config = configs.default_eval_config(summary.features(columns.CANDIDATE), summary.has_baseline, slices)
    config = configs.with_features(config, summary.features(columns.CANDIDATE))
    config = configs.attribution_config(configs.with_defaults(config, summary.has_baseline))
    if not config.metrics_specs:
        raise ValueError(
            "The EvalConfig has no metric over attributions; take one of tfx_explain.metrics into its metrics_specs."
        )
    return config


class EvaluateAttributions(beam.PTransform):
    """From Arrow record batches of attribution records to the files of a ModelEvaluation."""

    def __init__(self, eval_config: config_pb2.EvalConfig, output_path: str, data_location: str = "") -> None:
        """Initializes the transform.

        Args:
          eval_config: An `attribution_config` with TFMA's defaults filled in.
          output_path: The directory to write to.
          data_location: Where the records come from, for people to read in the result.
        """
        super().__init__()
        self._eval_config = eval_config
        self._output_path = output_path
        self._data_location = data_location

    def expand(self, batches: beam.PCollection) -> beam.PCollection[None]:
        """Adds TFMA's extractors and evaluator one after the other, and one writer of all files.

        `tfma.ExtractEvaluateAndWriteResults` adds counters and file sinks as well, four transforms in ten: of few
        records, making and starting transforms is all that takes time.
        """
        config = self._eval_config
        extracts = batches | "ToExtracts" >> tfma.BatchedInputsToExtracts()
        for extractor in _extractors(config):
            extracts = extracts | extractor.stage_name >> extractor.ptransform
        serialized = beam.pvalue.AsIter(_serialized_metrics(extracts, config))
        start = batches.pipeline | "Start" >> beam.Impulse()
        return start | "Write" >> beam.Map(_write, self._output_path, self._run_as_text(), serialized)

    def _run_as_text(self) -> str:
        """What `tfma.load_eval_result` reads beside the metrics."""
        config = _with_candidate(self._eval_config)
        run = config_pb2.EvalRun(
            eval_config=config,
            version=tfma.version.VERSION,
            data_location=self._data_location,
            file_format="tfrecords_gzip",
            model_locations={spec.name: "" for spec in config.model_specs},
        )
        return json_format.MessageToJson(run)


def _extractors(eval_config: config_pb2.EvalConfig) -> list[tfma.extractors.Extractor]:
    """This package's extractor and TFMA's, but those of labels and predictions, which records need not have."""
    stock = tfma.default_extractors(eval_config=eval_config)
    return [attributions_extractor(eval_config), *(one for one in stock if one.stage_name not in _LEFT_OUT)]


def _serialized_metrics(
    extracts: beam.PCollection, eval_config: config_pb2.EvalConfig
) -> beam.PCollection[tuple[str, bytes]]:
    """From rows to what is written of each slice, with the key of `_WRITTEN` that it is written under."""
    if computes_plainly(eval_config):
        return extracts | "Compute" >> ComputeMetrics(eval_config) | "Serialize" >> beam.FlatMap(_serialized)
    evaluator = _evaluator(eval_config)
    evaluation = extracts | evaluator.stage_name >> evaluator.ptransform
    return [
        evaluation[key] | f"Serialize[{key}]" >> beam.FlatMap(_serialized, (key,)) for key in _WRITTEN
    ] | beam.Flatten()


def _serialized(
    of_slice: tuple[Any, dict[Any, Any]], keys: Iterable[str] = tuple(_WRITTEN)
) -> Iterator[tuple[str, bytes]]:
    """Yields a slice's metrics, attributions or both, by key, as TFMA's writer writes them."""
    slice_key, values = of_slice
    named = {name._replace(model_name=name.model_name or tfma.CANDIDATE_KEY): value for name, value in values.items()}
    for key in keys:
        kind, to_proto = _WRITTEN[key]
        _, found = stock_evaluator._filter_by_key_type((slice_key, named), kind)
        yield key, to_proto((slice_key, found)).SerializeToString(deterministic=True)


def _write(_: bytes, folder: str, run: str, serialized: Iterable[tuple[str, bytes]]) -> None:
    for key in _WRITTEN:
        messages = (message for of, message in serialized if of == key)
        write_records(messages, os.path.join(folder, f"{key}-00000-of-00001.tfrecord"))
    write_text(run, os.path.join(folder, _CONFIG_FILE))


def _evaluator(eval_config: config_pb2.EvalConfig) -> tfma.evaluators.Evaluator:
    """TFMA's, without its validation, which makes every metric of the config anew for each slice."""
    whole = tfma.evaluators.MetricsPlotsAndValidationsEvaluator(eval_config)
    specs = list(eval_config.metrics_specs)
    if any(spec.query_key for spec in specs):  # whose rows are grouped before
        return whole
    compute = stock_evaluator._ComputeMetricsAndPlots(eval_config=eval_config, metrics_specs=specs)
    return whole._replace(ptransform=compute)


def _with_candidate(eval_config: config_pb2.EvalConfig) -> config_pb2.EvalConfig:
    """Names the candidate where it is alone, and TFMA takes its name away.

    So whoever reads the results finds them under one name, in a first release and in all later ones.
    """
    config = config_pb2.EvalConfig()
    config.CopyFrom(eval_config)
    for model in config.model_specs:
        model.name = model.name or tfma.CANDIDATE_KEY
    for metrics in config.metrics_specs:
        metrics.model_names[:] = [name or tfma.CANDIDATE_KEY for name in metrics.model_names]
    return config


def _read(file_patterns: Sequence[str], until: frozenset[str] | None = None) -> RecordsSummary:
    """Reads records, all or until these columns have been there."""
    rows, names, digest = 0, set(), 0
    decoder = ExamplesToRecordBatchDecoder()
    try:
        for path in _paths(file_patterns):
            for records in read_whole(path, _BATCH_SIZE):
                names.update(decoder.DecodeBatch(records.tolist()).schema.names)
                rows, digest = rows + len(records), add_digests(digest, records_digest(records))
                if until is not None and until <= names:
                    return RecordsSummary(rows, frozenset(names), digest)
    except (tf.errors.OpError, RuntimeError) as error:
        raise ValueError(f"The records in {', '.join(file_patterns)} can't be read: {first_line(error)}") from error
    return RecordsSummary(rows, frozenset(names), digest)


def read_batches(path: str) -> Iterator[pa.RecordBatch]:
    """Yields the records of a file, by columns."""
    decoder = ExamplesToRecordBatchDecoder()
    return (decoder.DecodeBatch(records.tolist()) for records in read_whole(path, _BATCH_SIZE))


def _read_kept(path: str, original: frozenset[str] | None) -> Iterator[pa.RecordBatch]:
    return (_keep(batch, original) for batch in read_batches(path))


def _paths(file_patterns: Sequence[str]) -> list[str]:
    return [path for pattern in file_patterns for path in matching(pattern)]


def _keep(batch: pa.RecordBatch, original: frozenset[str] | None) -> pa.RecordBatch:
    """Drops the original features that nobody asks for: TFMA makes an array of each value of each record."""
    if original is None:
        return batch
    kept = {name: batch.column(batch.schema.get_field_index(name)) for name in batch.schema.names}
    kept = {
        name: _as_text(column) if name in original else column
        for name, column in kept.items()
        if columns.is_explanation_column(name) or name in original
    }
    return pa.RecordBatch.from_arrays(list(kept.values()), list(kept))


def _as_text(column: pa.Array) -> pa.Array:
    r"""Returns a column of features with `\xff` for what is no UTF-8: TFMA ends where it slices by such a value."""
    value_type = getattr(column.type, "value_type", None)
    if value_type is None or not (pa.types.is_binary(value_type) or pa.types.is_large_binary(value_type)):
        return column
    try:
        column.cast(pa.large_list(pa.large_string()) if pa.types.is_large_list(column.type) else pa.list_(pa.string()))
    except pa.ArrowInvalid:
        rows = column.to_pylist()
        return pa.array([row and [text_of(value).encode() for value in row] for row in rows], column.type)
    return column
