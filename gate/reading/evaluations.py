"""Reading a ModelEvaluation: its metrics and their confidence intervals, by slice."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf.message import DecodeError
from tensorflow_model_analysis.api import types
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2
from tensorflow_model_analysis.slicer import slicer_lib
from tensorflow_model_analysis.utils import math_util

from tfx_explain.gate.bounds import Interval
from tfx_explain.gate.slices import SliceKey, selector
from tfx_explain.storage.integrity import verify_whole

Metrics = dict[tfma.metrics.MetricKey, float]

_SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})(.*)")


@dataclass
class SliceMetrics:
    """What is known of the models on one slice.

    Attributes:
      values: By metric; what isn't one number is NaN.
      intervals: Confidence intervals, by metric; not every metric has one.
    """

    values: Metrics = field(default_factory=dict)
    intervals: dict[tfma.metrics.MetricKey, Interval] = field(default_factory=dict)


Slices = dict[SliceKey, SliceMetrics]


def read_metrics(path: str) -> Slices:
    """Reads a ModelEvaluation's metrics by slice, keyed as TFMA's validator takes them.

    A plain TFRecord file that was cut off between two records can't be told from a shorter one by itself. Where the
    Evaluator has validated, its count of slices tells.

    Args:
      path: The directory; one without metrics gives no slice.

    Raises:
      ValueError: A file is damaged, missing or something else.
    """
    files = tf.io.gfile.glob(os.path.join(path, f"{tfma.METRICS_KEY}*"))
    keys: dict[bytes, tfma.metrics.MetricKey] = {}
    result: Slices = {}
    try:
        _verify_shards(files)
        for file in files:
            verify_whole(file)
        for metrics in tfma.load_metrics(path) if files else ():
            on_slice = result.setdefault(_slice_key(metrics), SliceMetrics())
            for item in metrics.metric_keys_and_values:
                # An evaluation of thousands of slices repeats some dozens of keys.
                serialized = item.key.SerializeToString()
                if serialized not in keys:
                    keys[serialized] = tfma.metrics.MetricKey.from_proto(item.key)
                _take(on_slice, keys[serialized], item)
        _verify_count(path, result)
    except (DecodeError, TypeError, ValueError, tf.errors.OpError) as error:
        first_line = str(error).partition("\n")[0]
        raise ValueError(f"its metrics can't be read ({first_line})") from error
    return result


def keys_of(slices: Slices) -> set[tfma.metrics.MetricKey]:
    """Returns the metrics that are on any slice."""
    return set().union(*(metrics.values for metrics in slices.values()))


def _verify_shards(files: list[str]) -> None:
    for file in files:
        if match := _SHARD.fullmatch(file):
            prefix, _, count, suffix = match.groups()
            expected = {f"{prefix}-{i:05d}-of-{count}{suffix}" for i in range(int(count))}
            if missing := sorted(expected.difference(files)):
                raise ValueError(f"{os.path.basename(missing[0])} is missing")


def _verify_count(path: str, slices: Slices) -> None:
    """Holds the slices against the number of those that the Evaluator has validated, if it has."""
    files = tf.io.gfile.glob(os.path.join(path, f"{tfma.VALIDATIONS_KEY}*"))
    for file in files:
        verify_whole(file)
    validation = tfma.load_validation_result(path) if files else None
    for details in validation.validation_details.slicing_details if validation else ():
        spec = details.slicing_spec if details.HasField("slicing_spec") else details.cross_slicing_spec
        # TFMA notes "every slice" as it notes "the whole".
        selects = selector(spec if spec != config_pb2.SlicingSpec() else None)
        found = sum(map(selects, slices))
        if details.num_matching_slices > found:
            raise ValueError(f"{details.num_matching_slices} slices were validated, but there are metrics of {found}")


def _slice_key(metrics: metrics_for_slice_pb2.MetricsForSlice) -> SliceKey:
    if metrics.HasField("cross_slice_key"):
        return slicer_lib.deserialize_cross_slice_key(metrics.cross_slice_key)
    return slicer_lib.deserialize_slice_key(metrics.slice_key)


def _take(on_slice: SliceMetrics, key: tfma.metrics.MetricKey, item: Any) -> None:
    kind, interval = item.value.WhichOneof("type"), None
    if kind == "double_value":
        value = item.value.double_value.value
        if item.HasField("confidence_interval"):
            bounds = item.confidence_interval
            interval = bounds.lower_bound.double_value.value, bounds.upper_bound.double_value.value
    elif kind == "bounded_value":
        bounds = item.value.bounded_value
        value, interval = bounds.value.value, (bounds.lower_bound.value, bounds.upper_bound.value)
    elif kind == "t_distribution_value":
        found = item.value.t_distribution_value
        value = found.unsampled_value.value
        _, low, high = math_util.calculate_confidence_interval(
            types.ValueWithTDistribution(
                found.sample_mean.value,
                found.sample_standard_deviation.value,
                found.sample_degrees_of_freedom.value,
                value,
            )
        )
        interval = float(low), float(high)
    else:
        value = float("nan")
    on_slice.values[key] = value
    if interval is not None:
        on_slice.intervals[key] = interval
