"""A metric's value and its confidence interval, out of TFMA's protocol buffers."""

from __future__ import annotations

import math
from typing import Any

from tensorflow_model_analysis.api import types
from tensorflow_model_analysis.utils import math_util

from tfx_explain.gate.bounds import Interval

_T_DISTRIBUTION = ("sample_mean", "sample_standard_deviation", "sample_degrees_of_freedom", "unsampled_value")


def value_and_interval(item: Any) -> tuple[float, Interval | None]:
    """Returns a metric's value, NaN where it isn't one number, and its confidence interval; None where it has none.

    Args:
      item: A `MetricKeyAndValue`.

    Raises:
      ValueError: A number is missing, which would be read as 0.
    """
    kind = item.value.WhichOneof("type")
    if kind is None:
        raise ValueError("it has no value")
    if kind == "bounded_value":
        _verify_fields(item.value.bounded_value, ("value", "lower_bound", "upper_bound"))
        bounded = item.value.bounded_value
        return bounded.value.value, (bounded.lower_bound.value, bounded.upper_bound.value)
    if kind == "t_distribution_value":
        _verify_fields(item.value.t_distribution_value, _T_DISTRIBUTION)
        numbers = [getattr(item.value.t_distribution_value, name).value for name in _T_DISTRIBUTION]
        _, low, high = math_util.calculate_confidence_interval(types.ValueWithTDistribution(*numbers))
        return numbers[-1], (float(low), float(high))
    if kind != "double_value":
        return math.nan, None
    if not item.HasField("confidence_interval"):
        return item.value.double_value.value, None
    ends = (item.confidence_interval.lower_bound, item.confidence_interval.upper_bound)
    if any(end.WhichOneof("type") is None for end in ends):
        raise ValueError("its confidence interval lacks an end")
    if any(end.WhichOneof("type") != "double_value" for end in ends):
        return item.value.double_value.value, None
    return item.value.double_value.value, (ends[0].double_value.value, ends[1].double_value.value)


def _verify_fields(message: Any, names: tuple[str, ...]) -> None:
    missing = [name for name in names if not message.HasField(name)]
    if missing:
        raise ValueError(f"it has a {message.DESCRIPTOR.name} without {', '.join(missing)}")
