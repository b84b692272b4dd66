"""What people gate releases on, as whole EvalConfigs: a name for each guard, and bounds to begin with.

```python
from tfx_explain.gate import presets

eval_config = presets.release_config(
    presets.metric("AUC", at_least=0.8, may_lose=0.01),
    *presets.GUARDS,
    presets.capped(["sex", "race"], at_most=0.1),
    label_key="income",
    slices=[["sex"]],
)
```

A guard is a MetricsSpec: its thresholds can be read and changed, and what is missing added. The bounds are for a first
release: docs/gate.md says what each lets through, and `tfx_explain.gate.suggest` finds better ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.metrics.configs import MODULE
from tfx_explain.metrics.regions import Mask, region

Guard: TypeAlias = config_pb2.MetricsSpec

_HIGHER = config_pb2.MetricDirection.HIGHER_IS_BETTER
_LOWER = config_pb2.MetricDirection.LOWER_IS_BETTER


def release_config(
    *guards: Guard, label_key: str = "", slices: Iterable[Sequence[str]] = (), example_weight_key: str = ""
) -> config_pb2.EvalConfig:
    """Returns the config of a gate.

    Args:
      *guards: What is held; `GUARDS`, and those that need a name, such as `capped` and `metric`.
      label_key: The label's feature, which metrics of predictions need.
      slices: Features to slice by, each alone or some together; the whole is always among the slices.
      example_weight_key: The feature with the rows' weights, if they have any.

    Raises:
      ValueError: There is no guard.
    """
    if not guards:
        raise ValueError("release_config has no guard; give some, such as *presets.GUARDS.")
    slices = list(slices)
    if any(isinstance(slice_, str) for slice_ in slices):
        raise ValueError(f"slices={slices!r}: give a list of features for each slice, such as [['sex'], ['race']].")
    keys = [[], *slices]
    return config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(label_key=label_key, example_weight_key=example_weight_key)],
        slicing_specs=[config_pb2.SlicingSpec(feature_keys=each) for each in keys],
        metrics_specs=guards,
    )


def taken_over(by_more_than: float = 0.1) -> Guard:
    """No feature's share of the attributions rises by more than this over its share in the baseline model.

    A leaked label, a join gone wrong, an identifier: what says much suddenly.
    """
    return _guard("AttributionShare", _change(_LOWER, by_more_than), feature="*")


def gone_dead(with_less_than: float = 0.2) -> Guard:
    """Every feature keeps this part of its share in the baseline model at least, if that was 0.01 or more.

    A column that broke, or is filled with one value: what says nothing suddenly.
    """
    return _guard("ShareKept", _change(_HIGHER, with_less_than), feature="*")


def alive(features: Iterable[str], at_least: float = 0.005) -> Guard:
    """Each of some features has this share of the attributions at least.

    A column that is filled with one value in today's rows says nothing in either model, so that nothing has changed:
    `gone_dead` can't see that, a bound on the share itself does.
    """
    return Guard(
        metrics=[
            _metric("AttributionShare", _at_least(at_least), feature=each, name=f"alive/{each}") for each in features
        ]
    )


def capped(features: Iterable[str], at_most: float) -> Guard:
    """None of some features, such as protected ones, has more than this share of the attributions, on any slice."""
    # By a name of its own: `taken_over` has the same metric with another threshold.
    named = [
        _metric("AttributionShare", _at_most(at_most), feature=each, name=f"capped_share/{each}") for each in features
    ]
    return Guard(metrics=named)


def capped_region(
    feature: str,
    at_most: float,
    *,
    box: Sequence[float] | None = None,
    mask: str | Mapping[str, Any] | None = None,
    border: float | None = None,
    outside: bool = False,
) -> Guard:
    """No more than this share of a picture's attributions lies in a region, on any slice: a watermark, a border.

    The Explainer must keep maps. A mask's file is read here, so that no worker needs it.

    Args:
      feature: The image feature.
      at_most: The share.
      box: Top, left, bottom and right, in parts or in pixels; see `metrics.regions.region` for it and its alternatives.
      mask: A PNG's path, or runs of pixels.
      border: How wide a ring along the edges is.
      outside: Whether what lies outside of the region is meant.

    Raises:
      ValueError: There is no such region.
    """
    found = region(box, mask, border, outside)
    runs = found.part.runs() if isinstance(found.part, Mask) else None
    given = {"box": box, "mask": runs, "border": border, "outside": outside or None}
    settings = {key: value for key, value in given.items() if value is not None}
    name = f"map_share/{feature}/{found.place}"
    return _guard("MapShare", _at_most(at_most), feature=feature, name=name, **settings)


def same_ranking(ndcg: float = 0.9) -> Guard:
    """The features' ranking is nearly the baseline model's; 0.9 is where Amazon SageMaker Clarify alarms."""
    return _guard("ImportanceNDCG", _change(_HIGHER, ndcg))


def same_reasons(agreement: float = 0.7) -> Guard:
    """Row by row the two models have alike reasons: the mean cosine between their attributions."""
    return _guard("AttributionAgreement", _change(_HIGHER, agreement))


def sound_explanations(gap: float = 0.05) -> Guard:
    """The attributions are to be trusted: they add up on 95% of the rows, and no class is explained by nothing.

    How many rows may fail or miss their tolerance is for `GatePolicy` to say.
    """
    gaps = _metric("CompletenessGapQuantile", _at_most(gap), quantile=0.95)
    return Guard(metrics=[gaps, _metric("UninfluencedRows", _at_most(0))])


def metric(class_name: str, at_least: float | None = None, may_lose: float | None = None) -> Guard:
    """A metric of TFMA's or Keras' of which more is better, on the whole, against a bound and the baseline model.

    It is looked up in the Evaluator's `evaluation`. Of slices, most have too few rows for bounds this tight.

    Args:
      class_name: Of the metric, such as "AUC".
      at_least: The least value; None: any.
      may_lose: How much less than the baseline model's it may be; None: any.
    """
    threshold = config_pb2.MetricThreshold()
    if at_least is not None:
        threshold.value_threshold.lower_bound.value = at_least
    if may_lose is not None:
        threshold.change_threshold.CopyFrom(_change(_HIGHER, -may_lose).change_threshold)
    config = config_pb2.MetricConfig(class_name=class_name)
    config.per_slice_thresholds.add(slicing_specs=[config_pb2.SlicingSpec()], threshold=threshold)
    return Guard(metrics=[config])


def _guard(class_name: str, threshold: config_pb2.MetricThreshold, **config: object) -> Guard:
    return Guard(metrics=[_metric(class_name, threshold, **config)])


def _metric(class_name: str, threshold: config_pb2.MetricThreshold, **config: object) -> config_pb2.MetricConfig:
    text = json.dumps(config) if config else ""
    return config_pb2.MetricConfig(class_name=class_name, module=MODULE, config=text, threshold=threshold)


def _change(direction: config_pb2.MetricDirection, bound: float) -> config_pb2.MetricThreshold:
    change = config_pb2.GenericChangeThreshold(direction=direction, absolute={"value": bound})
    return config_pb2.MetricThreshold(change_threshold=change)


def _at_least(bound: float) -> config_pb2.MetricThreshold:
    return config_pb2.MetricThreshold(value_threshold=config_pb2.GenericValueThreshold(lower_bound={"value": bound}))


def _at_most(bound: float) -> config_pb2.MetricThreshold:
    return config_pb2.MetricThreshold(value_threshold=config_pb2.GenericValueThreshold(upper_bound={"value": bound}))


GUARDS = (taken_over(), gone_dead(), same_ranking(), sound_explanations())
"""Guards that need no name of anything."""
