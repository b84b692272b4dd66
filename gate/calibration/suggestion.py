"""What a calibration comes to: bounds with what each was made from, and the config that holds them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.bounds import CHANGE, VALUE
from tfx_explain.gate.slices import SliceKey, printed
from tfx_explain.gate.usual import Calibration, Usual
from tfx_explain.metrics.configs import MODULE

LOWER, UPPER, ABSOLUTE = "lower_bound", "upper_bound", "absolute"


@dataclass(frozen=True)
class Observed:
    """What was seen of a quantity.

    Attributes:
      mean: Over the runs.
      low: The least.
      high: The largest.
      training: The part of its standard deviation that comes from which model was trained; NaN: not told apart.
      rows: The part that comes from which rows were explained, by the bootstrap; NaN: not told apart.
    """

    mean: float
    low: float
    high: float
    training: float = float("nan")
    rows: float = float("nan")


@dataclass(frozen=True)
class Bound:
    """One bound of one metric on one slice.

    Attributes:
      class_name: The metric's class, of `tfx_explain.metrics`.
      metric: The metric's name, as TFMA reports it.
      feature: The feature that it is about; empty for a metric of the whole model.
      slice_key: The slice.
      name: `LOWER` or `UPPER` of the value, or `ABSOLUTE`, of the change.
      value: The bound.
      at_least: Whether it must not be less than the bound, rather than not more.
      usual: What its value was expected to be.
      observed: What was seen of it; of a change, of the share itself.
    """

    class_name: str
    metric: str
    feature: str
    slice_key: SliceKey
    name: str
    value: float
    at_least: bool
    usual: Usual
    observed: Observed

    @property
    def kind(self) -> str:
        """What is bounded, `VALUE` or `CHANGE`."""
        return CHANGE if self.name == ABSOLUTE else VALUE


@dataclass(frozen=True)
class Suggestion:
    """Bounds, and what they promise.

    Attributes:
      bounds: In the order of the config.
      calibration: The rate that they are for, and what is usual.
      slices: The features that are sliced by, each alone or some together.
      notes: What was left out, and how much history is missing, in sentences.
      class_name: The class that the metrics are about; empty: the first one of each record.
    """

    bounds: tuple[Bound, ...]
    calibration: Calibration
    slices: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    class_name: str = ""

    @property
    def guard(self) -> config_pb2.MetricsSpec:
        """All bounds, for `presets.release_config` beside guards that are about something else."""
        metrics = [metric for metric, _ in self.metrics()]
        return config_pb2.MetricsSpec(metrics=[*metrics, self.calibration.to_metric()])

    @property
    def eval_config(self) -> config_pb2.EvalConfig:
        """The whole config of a gate on attributions alone."""
        keys: Sequence[Sequence[str]] = [[], *self.slices]
        return config_pb2.EvalConfig(
            model_specs=[config_pb2.ModelSpec()],
            slicing_specs=[config_pb2.SlicingSpec(feature_keys=each) for each in keys],
            metrics_specs=[self.guard],
        )

    def metrics(self) -> Iterator[tuple[config_pb2.MetricConfig, list[list[Bound]]]]:
        """Yields each metric, and the bounds of each of its thresholds."""
        by_metric: dict[str, dict[SliceKey, list[Bound]]] = {}
        for bound in self.bounds:
            by_metric.setdefault(bound.metric, {}).setdefault(bound.slice_key, []).append(bound)
        for by_slice in by_metric.values():
            first = next(iter(by_slice.values()))[0]
            settings: dict[str, Any] = {"feature": first.feature} if first.feature else {}
            settings |= {"class_name": self.class_name} if self.class_name else {}
            metric = config_pb2.MetricConfig(
                class_name=first.class_name, module=MODULE, config=json.dumps(settings) if settings else ""
            )
            for slice_key, bounds in by_slice.items():
                metric.per_slice_thresholds.add(slicing_specs=[spec_of(slice_key)], threshold=_threshold(bounds))
            yield metric, list(by_slice.values())


def spec_of(slice_key: SliceKey) -> config_pb2.SlicingSpec:
    """Returns the slicing spec that selects one slice."""
    return config_pb2.SlicingSpec(feature_values={name: str(value) for name, value in slice_key})


def calibration(bounds: Iterable[Bound], rate: float, horizon: int, thresholds: int) -> Calibration:
    """Returns what the bounds' config carries of them."""
    usual = {(bound.metric, bound.kind, printed(bound.slice_key)): bound.usual for bound in bounds}
    return Calibration(rate, horizon, thresholds, usual)


def _threshold(bounds: Iterable[Bound]) -> config_pb2.MetricThreshold:
    result = config_pb2.MetricThreshold()
    for bound in bounds:
        if bound.name == ABSOLUTE:
            better = config_pb2.MetricDirection.HIGHER_IS_BETTER if bound.at_least else None
            result.change_threshold.direction = better or config_pb2.MetricDirection.LOWER_IS_BETTER
            result.change_threshold.absolute.value = bound.value
        else:
            getattr(result.value_threshold, bound.name).value = bound.value
    return result
