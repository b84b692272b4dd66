"""What a census model must hold to be released: the Evaluator's thresholds, and the gate's own beside them."""

from __future__ import annotations

import pathlib

import tensorflow_model_analysis as tfma
from google.protobuf import text_format

from tfx_explain.gate import presets
from tfx_explain.pipelines.census import features

BOUNDS = pathlib.Path(__file__).with_name("bounds.pbtxt")
"""What `tfx-explain suggest` made of the blessed runs of a demonstration, docs/calibration.md says how."""

MAX_SHARE = {"sex": 0.15, "race": 0.05}
"""The most of the total absolute attribution that a protected feature may have."""

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
    """Returns the gate's thresholds: the Evaluator's, those that `BOUNDS` has on attributions, and `MAX_SHARE`.

    They hold on the whole, and for each sex.
    """
    config = evaluator_config()
    suggested = text_format.Parse(BOUNDS.read_text(encoding="utf-8"), tfma.EvalConfig())
    config.metrics_specs.extend(suggested.metrics_specs)
    config.metrics_specs.extend(presets.capped([feature], at_most=share) for feature, share in MAX_SHARE.items())
    return config
