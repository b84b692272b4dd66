"""Reading a ModelEvaluation: its metrics and their confidence intervals, by slice."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf.message import DecodeError, Message
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2, validation_result_pb2

from tfx_explain.gate.bounds import Interval
from tfx_explain.gate.reading.shards import record_files
from tfx_explain.gate.reading.values import value_and_interval
from tfx_explain.gate.slices import SliceKey, printed, selector, slice_key_of
from tfx_explain.metrics.notes import noted_key
from tfx_explain.proto.printable import first_line, text_of
from tfx_explain.storage.integrity import read_whole

M = TypeVar("M", bound=Message)
V = TypeVar("V")
Metrics = dict[tfma.metrics.MetricKey, float]

_BATCH_SIZE = 1000


@dataclass
class SliceMetrics:
    """What is known of the models on one slice.

    Attributes:
      values: By metric; what isn't one number is NaN.
      intervals: Confidence intervals, by metric; not every metric has one.
      notes: What metrics say beside their values, clauses, by metric.
    """

    values: Metrics = field(default_factory=dict)
    intervals: dict[tfma.metrics.MetricKey, Interval] = field(default_factory=dict)
    notes: dict[tfma.metrics.MetricKey, str] = field(default_factory=dict)

    def without(self, names: Collection[str]) -> SliceMetrics:
        """Returns the same but for the metrics of these names."""
        return SliceMetrics(_without(self.values, names), _without(self.intervals, names), _without(self.notes, names))

    def update(self, other: SliceMetrics) -> None:
        """Adds what is known from elsewhere."""
        self.values.update(other.values)
        self.intervals.update(other.intervals)
        self.notes.update(other.notes)


Slices = dict[SliceKey, SliceMetrics]


def read_metrics(path: str) -> Slices:
    """Reads a ModelEvaluation's metrics by slice, keyed as TFMA's validator takes them.

    A plain TFRecord file that was cut off between two records can't be told from a shorter one by itself. Where the
    Evaluator has validated, its count of slices tells.

    Args:
      path: The directory; one without metrics gives no slice.

    Raises:
      ValueError: A file is damaged, missing, of another writing or something else, or says two things of one metric.
    """
    keys: dict[bytes, tfma.metrics.MetricKey] = {}
    result: Slices = {}
    first: dict[SliceKey, str] = {}
    try:
        for metrics, file in _messages(path, tfma.METRICS_KEY, metrics_for_slice_pb2.MetricsForSlice):
            slice_key = _slice_key(metrics)
            on_slice, where = result.setdefault(slice_key, SliceMetrics()), printed(slice_key)
            place = f"in {first.setdefault(slice_key, file)} and in {file}"
            for item in metrics.metric_keys_and_values:
                # An evaluation of thousands of slices repeats some dozens of keys.
                serialized = item.key.SerializeToString()
                if serialized not in keys:
                    keys[serialized] = tfma.metrics.MetricKey.from_proto(item.key)
                _take(on_slice, keys[serialized], item, where, place)
        _verify_count(path, result)
    except (DecodeError, TypeError, ValueError, tf.errors.OpError) as error:
        raise ValueError(f"its metrics can't be read ({first_line(error)})") from error
    return result


def _messages(folder: str, prefix: str, kind: type[M]) -> Iterator[tuple[M, str]]:
    """Yields the messages in a folder's files, and the names of these."""
    for file in record_files(folder, prefix):
        for records in read_whole(file, _BATCH_SIZE):
            yield from ((kind.FromString(record), os.path.basename(file)) for record in records)


def keys_of(slices: Slices) -> set[tfma.metrics.MetricKey]:
    """Returns the metrics that are on any slice."""
    return set().union(*(metrics.values for metrics in slices.values()))


def _verify_count(path: str, slices: Slices) -> None:
    """Holds the slices against the number of those that the Evaluator has validated, if it has."""
    for validation, _ in _messages(path, tfma.VALIDATIONS_KEY, validation_result_pb2.ValidationResult):
        for details in validation.validation_details.slicing_details:
            # TFMA tells slices apart by the slicing spec alone: without one are "every slice", "the whole", and all
            # cross-slices, counted as one.
            found = len(slices)
            if details.slicing_spec != config_pb2.SlicingSpec():
                found = sum(map(selector(details.slicing_spec), slices))
            if details.num_matching_slices > found:
                raise ValueError(
                    f"{details.num_matching_slices} slices were validated, but there are metrics of {found}"
                )


def _slice_key(metrics: metrics_for_slice_pb2.MetricsForSlice) -> SliceKey:
    if metrics.HasField("cross_slice_key"):
        cross = metrics.cross_slice_key
        return slice_key_of(cross.baseline_slice_key), slice_key_of(cross.comparison_slice_key)
    if not metrics.HasField("slice_key"):
        raise ValueError("a record of it has no slice")
    return slice_key_of(metrics.slice_key)


def _take(on_slice: SliceMetrics, key: tfma.metrics.MetricKey, item: Any, where: str, place: str) -> None:
    """Adds what an item says of a metric; `where` and `place` tell people the slice, and the files that it is in."""
    if (noted := noted_key(key)) != key and item.value.WhichOneof("type") == "bytes_value":
        on_slice.notes[noted] = text_of(item.value.bytes_value)
        return
    try:
        value, interval = value_and_interval(item)
    except ValueError as error:
        raise ValueError(f"{key.name} on {where}: {error}") from error
    if key in on_slice.values and not _same((value, interval), (on_slice.values[key], on_slice.intervals.get(key))):
        raise ValueError(f"{key.name} on {where} is there twice, {place}: {on_slice.values[key]:.6g} and {value:.6g}")
    on_slice.values[key] = value
    if interval is not None:
        on_slice.intervals[key] = interval


def _without(part: dict[tfma.metrics.MetricKey, V], names: Collection[str]) -> dict[tfma.metrics.MetricKey, V]:
    return {key: one for key, one in part.items() if key.name not in names}


def _same(one: tuple[float, Interval | None], other: tuple[float, Interval | None]) -> bool:
    """Whether two values with their intervals are the same; NaN is the same as NaN."""
    return repr(one) == repr(other)
