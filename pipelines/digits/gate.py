"""What a digits' model must hold to be released: the Evaluator's thresholds, and where it may look."""

from __future__ import annotations

import tensorflow_model_analysis as tfma

from tfx_explain.gate import presets
from tfx_explain.pipelines.digits import features

CORNER = [0, 0, 0.25, 0.25]
"""The upper left corner, into which no pen comes: top, left, bottom and right, in parts."""

CORNER_METRIC = f"map_share/{features.IMAGE}/0,0,0.25,0.25"

BORDER = 3
"""Pixels all around, into which hardly any pen comes: MNIST's digits are 20 pixels high, in the middle of 28."""

MAX_IN_CORNER, MAX_IN_BORDER = 0.01, 0.05

_MIN_ACCURACY = 0.85
_MAX_LOSS = 0.02


def evaluator_config() -> tfma.EvalConfig:
    """Returns the stock Evaluator's thresholds: a good accuracy, and none much worse than the baseline model's."""
    threshold = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": _MIN_ACCURACY}),
        change_threshold=tfma.GenericChangeThreshold(
            direction=tfma.MetricDirection.HIGHER_IS_BETTER, absolute={"value": -_MAX_LOSS}
        ),
    )
    accuracy = tfma.MetricConfig(class_name="SparseCategoricalAccuracy", config='{"name": "accuracy"}')
    # Of a digit, there are too few rows for differences that small.
    accuracy.per_slice_thresholds.add(slicing_specs=[tfma.SlicingSpec()], threshold=threshold)
    return tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(label_key=features.LABEL)],
        metrics_specs=[tfma.MetricsSpec(metrics=[accuracy])],
        slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=[features.LABEL])],
    )


def gate_config() -> tfma.EvalConfig:
    """Returns the gate's thresholds: the Evaluator's, and what corner and border may have of the explanation.

    They hold on the whole, and for each digit.
    """
    config = evaluator_config()
    config.metrics_specs.extend(
        [
            presets.capped_region(features.IMAGE, MAX_IN_CORNER, box=CORNER),
            presets.capped_region(features.IMAGE, MAX_IN_BORDER, border=BORDER),
            presets.sound_explanations(),
        ]
    )
    return config
