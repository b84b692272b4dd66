"""TFMA's computation of metrics by slice, without what it counts beside."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.evaluators import metrics_plots_and_validations_evaluator as stock
from tensorflow_model_analysis.metrics import metric_specs, metric_types
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.slicer import slicer_lib
from tensorflow_model_analysis.utils import model_util


def computes_plainly(eval_config: config_pb2.EvalConfig) -> bool:
    """Tells whether `ComputeMetrics` does all that a config asks.

    It neither groups rows by a query, nor computes confidence intervals, nor hides small slices.
    """
    options = eval_config.options
    grouped = any(spec.query_key for spec in eval_config.metrics_specs)
    return not (grouped or options.compute_confidence_intervals.value or options.min_slice_size.value > 1)


class ComputeMetrics(beam.PTransform):
    """From extracts, one a row, to pairs of a slice's key and its metrics and attributions, as TFMA computes them.

    Of the transforms of TFMA's evaluator half count slices and metrics for its authors, some of them row by row, and
    others spread a slice's rows over eight keys first, although runners combine before they group: of few records,
    making and starting transforms is all that takes time.
    """

    def __init__(self, eval_config: config_pb2.EvalConfig) -> None:
        """Keeps the config.

        Args:
          eval_config: One that `computes_plainly`, with TFMA's defaults filled in.
        """
        super().__init__()
        self._eval_config = eval_config

    def expand(self, extracts: beam.PCollection) -> beam.PCollection[tuple[Any, metric_types.MetricsDict]]:
        """Builds the transform."""
        config = self._eval_config
        computations = stock._filter_and_separate_computations(
            metric_specs.to_computations(list(config.metrics_specs), eval_config=config)
        )
        combined = computations.non_derived_computations
        baseline = model_util.get_baseline_model_spec(config)
        return (
            extracts
            | "Preprocess" >> beam.ParDo(stock._PreprocessorDoFn(combined))
            | "Slice" >> beam.ParDo(slicer_lib._FanoutSlicesDoFn(_is_no_slice_key))
            | "Combine" >> beam.CombinePerKey(stock._ComputationsCombineFn(computations=combined))
            | "Derive"
            >> stock._AddDerivedCrossSliceAndDiffMetrics(
                computations.derived_computations,
                computations.cross_slice_computations,
                list(config.cross_slicing_specs),
                baseline.name if baseline else None,
            )
            | "Finish" >> beam.Map(_finished, computations.ci_derived_computations)
        )


def _is_no_slice_key(extract: str) -> bool:
    return extract not in (tfma.SLICE_KEY_TYPES_KEY, tfma.constants.SLICE_KEYS_KEY)


def _finished(
    of_slice: tuple[Any, metric_types.MetricsDict], computations: list[metric_types.CIDerivedMetricComputation]
) -> tuple[Any, metric_types.MetricsDict]:
    return stock._remove_private_metrics(*stock._add_ci_derived_metrics(of_slice, computations))
