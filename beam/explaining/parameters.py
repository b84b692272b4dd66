"""What the parameters of a job mean, and those that mean nothing."""

from __future__ import annotations

from tfx_explain.attribution import Blurred
from tfx_explain.beam.explaining.method import make_method
from tfx_explain.proto import explanation_pb2

# More than this fraction of failed rows fails the run: what is left would not speak for the split.
MAX_FAILED_FRACTION = 0.01


def check_parameters(parameters: explanation_pb2.ExplanationParameters) -> None:
    """Refuses what no model can be explained with.

    Raises:
      ValueError: A setting is out of range, or contradicts another; it says which.
    """
    make_method(parameters)
    Blurred(parameters.integrated_gradients_attribution.blur_baseline_config.max_blur_sigma)
    sample, failed = parameters.sample, max_failed_fraction(parameters)
    if sample.WhichOneof("size") == "rows" and sample.rows < 1:
        raise ValueError(f"sample.rows is {sample.rows}; give how many rows of each split to explain, at least 1.")
    if sample.WhichOneof("size") == "fraction" and not 0 < sample.fraction <= 1:
        raise ValueError(f"sample.fraction is {sample.fraction}; give the share of the rows, above 0 and at most 1.")
    if not 0 <= failed <= 1:
        raise ValueError(f"max_failed_fraction is {failed}; give the share of rows that may fail, from 0 to 1.")
    indices, top_k = list(parameters.output_indices), parameters.top_k
    if indices and top_k:
        raise ValueError(f"output_indices names {indices} and top_k is {top_k}; give one of the two.")
    if top_k < -1:
        raise ValueError(f"top_k is {top_k}; give at least 1, or -1 for all outputs.")
    if len(set(indices)) < len(indices) or any(index < 0 for index in indices):
        raise ValueError(f"output_indices is {indices}; name each output once, by its index from 0.")


def max_failed_fraction(parameters: explanation_pb2.ExplanationParameters) -> float:
    """Returns the share of a split's rows that may fail."""
    return parameters.max_failed_fraction if parameters.HasField("max_failed_fraction") else MAX_FAILED_FRACTION
