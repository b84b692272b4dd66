"""What the parameters of a job mean, and those that mean nothing."""

from __future__ import annotations

from tfx_explain.beam.explaining.images import blur_of
from tfx_explain.beam.explaining.method import make_method
from tfx_explain.beam.explaining.outputs import ALL
from tfx_explain.proto import explanation_pb2

# More than this fraction of failed rows fails the run: what is left would not speak for the split.
MAX_FAILED_FRACTION = 0.01


def check_parameters(parameters: explanation_pb2.ExplanationParameters) -> None:
    """Refuses what no model can be explained with.

    Raises:
      ValueError: A setting is out of range, or contradicts another; it says which.
    """
    make_method(parameters)
    blur_of(parameters)
    sample, failed = parameters.sample, max_failed_fraction(parameters)
    if sample.WhichOneof("size") == "rows" and sample.rows < 1:
        raise ValueError(f"sample.rows is {sample.rows}; give how many rows of each split to explain, at least 1.")
    if sample.WhichOneof("size") == "fraction" and not 0 < sample.fraction <= 1:
        raise ValueError(f"sample.fraction is {sample.fraction}; give the share of the rows, above 0 and at most 1.")
    if not 0 <= failed <= 1:
        raise ValueError(f"max_failed_fraction is {failed}; give the share of rows that may fail, from 0 to 1.")
    if parameters.tokens.max_tokens < 0:
        raise ValueError(f"tokens.max_tokens is {parameters.tokens.max_tokens}; give at least 1, or 0 for 512.")
    _check_outputs(list(parameters.output_indices), list(parameters.class_names), parameters.top_k)


def _check_outputs(indices: list[int], names: list[str], top_k: int) -> None:
    given = {"output_indices": indices, "class_names": names, "top_k": top_k}
    given = {name: value for name, value in given.items() if value}
    if len(given) > 1:
        said = " and ".join(f"{name} is {value}" for name, value in given.items())
        raise ValueError(f"{said}; give one of them.")
    if top_k < ALL:
        raise ValueError(f"top_k is {top_k}; give at least 1, or -1 for all outputs.")
    if indices != [ALL] and (len(set(indices)) < len(indices) or any(index < 0 for index in indices)):
        raise ValueError(
            f"output_indices is {indices}; name each output once, by its index from 0, or all by -1 alone."
        )
    if len(set(names)) < len(names):
        raise ValueError(f"class_names is {names}; name each class once.")


def max_failed_fraction(parameters: explanation_pb2.ExplanationParameters) -> float:
    """Returns the share of a split's rows that may fail."""
    return parameters.max_failed_fraction if parameters.HasField("max_failed_fraction") else MAX_FAILED_FRACTION
