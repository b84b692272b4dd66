"""TFMA's own validator over many slices: the decision on values, which a stock Evaluator makes in the same way."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, TypeAlias

from tensorflow_model_analysis.evaluators import metrics_validator
from tensorflow_model_analysis.metrics import metric_specs
from tensorflow_model_analysis.proto import config_pb2, validation_result_pb2
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer

from tfx_explain.gate.slices import SliceKey

Validator: TypeAlias = "Callable[[tuple[SliceKey, dict[Any, Any]]], validation_result_pb2.ValidationResult]"


def validator_of(eval_config: config_pb2.EvalConfig) -> Validator:
    """Returns TFMA's `validate_metrics` for one config, as a function of a slice and its metrics.

    TFMA's makes every metric of the config anew for each slice, only to find out which thresholds there are: nine
    tenths of its time. This is the same function, compiled by the same code, that finds them made.

    Args:
      eval_config: With TFMA's defaults filled in.
    """
    table = metric_specs.metric_thresholds_from_metrics_specs(eval_config.metrics_specs, eval_config=eval_config)
    specs = types.SimpleNamespace(**vars(metric_specs))
    specs.metric_thresholds_from_metrics_specs = lambda *_, **__: table
    stock = metrics_validator.validate_metrics
    validate = types.FunctionType(stock.__code__, {**vars(metrics_validator), "metric_specs": specs})
    return lambda sliced_metrics: validate(sliced_metrics, eval_config)


class Combined:
    """The results of all slices, as TFMA's writer combines them."""

    def __init__(self, eval_config: config_pb2.EvalConfig, rubber_stamp: bool) -> None:
        """Initializes the combination of nothing.

        Args:
          eval_config: With TFMA's defaults filled in.
          rubber_stamp: Whether there is no baseline model to compare with.
        """
        self._combiner = metrics_plots_and_validations_writer.CombineValidations(eval_config, rubber_stamp)
        self._accumulator = self._combiner.create_accumulator()

    def add(self, result: validation_result_pb2.ValidationResult) -> None:
        """Adds the result of a slice."""
        # TFMA tells a slice's details by their slicing specs, which it parses one by one; most are the same.
        details = result.validation_details.slicing_details
        distinct = {one.SerializeToString() for one in details}
        if len(distinct) < len(details):
            del details[:]
            details.extend(map(validation_result_pb2.SlicingDetails.FromString, sorted(distinct)))
        self._accumulator = self._combiner.add_input(self._accumulator, result)

    def result(self) -> validation_result_pb2.ValidationResult:
        """Returns TFMA's result, with the slices that are missing."""
        result = self._combiner.extract_output(self._accumulator)
        assert result is not None
        return result
