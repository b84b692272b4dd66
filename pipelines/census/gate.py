"""What a census model must hold to be released: the Evaluator's thresholds, and the gate's own beside them."""

from __future__ import annotations

import json

import tensorflow_model_analysis as tfma

from tfx_explain.pipelines.census import features

MAX_SHARE = {"sex": 0.15, "race": 0.05}
"""The most of the total absolute attribution that a protected feature may have."""

MAX_SHARE_RISE = 0.1
"""By how much any feature's share may rise over its share in the baseline model."""

_MIN_AUC = 0.85
_MAX_AUC_LOSS = 0.02


def evaluator_config() -> tfma.EvalConfig:
    """Returns the stock Evaluator's thresholds: a good AUC, and none much worse than the baseline model's.

    They hold on the whole only: of a slice, there are too few rows for differences that small.
    """
    threshold = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": _MIN_AUC}),
        change_threshold=tfma.GenericChangeThreshold(
            direction=tfma.MetricDirection.HIGHER_IS_BETTER, absolute={"value": -_MAX_AUC_LOSS}
        ),
    )
    auc = tfma.MetricConfig(class_name="AUC")
    auc.per_slice_thresholds.add(slicing_specs=[tfma.SlicingSpec()], threshold=threshold)
    return tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(label_key=features.LABEL)],
        metrics_specs=[tfma.MetricsSpec(metrics=[auc])],
        slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=["sex"])],
    )


def gate_config() -> tfma.EvalConfig:
    """Returns the gate's thresholds: the Evaluator's, and those on every feature's share of the attributions.

    A threshold without slices of its own holds on all of them: on the whole, and for each sex.
    """
    config = evaluator_config()
    config.metrics_specs.add(metrics=[_share(feature) for feature in features.FEATURES])
    return config


def _share(feature: str) -> tfma.MetricConfig:
    threshold = tfma.MetricThreshold(
        change_threshold=tfma.GenericChangeThreshold(
            direction=tfma.MetricDirection.LOWER_IS_BETTER, absolute={"value": MAX_SHARE_RISE}
        )
    )
    if feature in MAX_SHARE:
        threshold.value_threshold.upper_bound.value = MAX_SHARE[feature]
    return tfma.MetricConfig(
        class_name="AttributionShare",
        module="tfx_explain.metrics",
        config=json.dumps({"feature": feature}),
        threshold=threshold,
    )
