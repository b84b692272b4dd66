import pytest
from absl import logging
from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.types import standard_artifacts

from tfx_explain.components.threshold_validator import ThresholdValidator
from tfx_explain.gate.config.lint import lint
from tfx_explain.proto import explanation_pb2


@pytest.mark.parametrize(
    ("class_name", "bounds", "sentence"),
    [
        ("AUC", {"lower": 0.9, "upper": 0.5}, "auc: the lower bound 0.9 is above the upper bound 0.5"),
        ("AUC", {"lower": 1.5}, "auc: it allows at least 1.5, but the value is from 0 to 1, so it can never pass"),
        (
            "FailedRows",
            {"upper": -1},
            "failed_rows: it allows at most -1, but the value is at least 0",
        ),
        ("AUC", {"lower": 0}, "auc: it allows at least 0, which every value is, so only a missing one fails"),
        ("AUC", {"lower": -1, "upper": 1}, "auc: it allows from -1 to 1, which every value is"),
        ("AUC", {"absolute": -1, "better": "HIGHER"}, "auc: it allows at least -1, which every value is"),
        ("AUC", {"absolute": 1.1, "better": "HIGHER"}, "auc: it allows at least 1.1, but the value is from -1 to 1"),
        ("AUC", {"absolute": -2}, "auc: it allows at most -2, but the value is from -1 to 1, so it can never pass"),
        (
            "ImportanceNDCG",
            {"absolute": 0, "better": "HIGHER"},
            "importance_ndcg: it allows at least 0, which every",
        ),
        (
            "AUC",
            {"relative": 1.01, "better": "HIGHER"},
            "auc: relative: 1.01 asks the value to rise by 101% of the baseline model's, because TFMA takes "
            "(candidate - baseline) / baseline; if 1.01 times the baseline model's value is meant, write 0.01 or set "
            "the policy's relative_change to RATIO (as it is, it can never pass once the baseline model's value is "
            "above 0.498)",
        ),
        (
            "FailedRows",
            {"relative": 1.5},
            "failed_rows: relative: 1.5 lets the value rise by 150% of",
        ),
    ],
)
def test_bounds_that_can_not_be_meant(config, metric, bound, class_name, bounds, sentence):
    (warning,) = lint(config(metric(class_name, bound(**bounds))))
    assert warning.startswith(sentence)


@pytest.mark.parametrize(
    ("bounds", "sentence"),
    [
        (
            {"absolute": 0, "better": ""},
            "auc: its change threshold has no direction, so it can never pass; set HIGHER_IS",
        ),
        (
            {"relative": -1.5, "better": "HIGHER"},
            "auc: relative: -1.5 is a loss of the whole value or more, so it can never",
        ),
        ({"lower": float("nan")}, "auc: a bound is not a number (NaN), so it can never pass"),
    ],
)
def test_more_bounds_that_can_not_be_meant(config, metric, bound, bounds, sentence):
    (warning,) = lint(config(metric("AUC", bound(**bounds))))
    assert warning.startswith(sentence)


def test_the_other_reading_of_relative(config, metric, bound):
    ratio = explanation_pb2.GatePolicy(relative_change="RATIO")
    assert lint(config(metric("AUC", bound(relative=1.01, better="HIGHER"))), ratio) == ()
    assert lint(config(metric("FailedRows", bound(relative=1.5))), ratio) == ()
    (warning,) = lint(config(metric("AUC", bound(relative=0.01, better="HIGHER"))), ratio)
    assert warning == (
        "auc: relative: 0.01 lets the value fall to 1% of the baseline model's, because the policy takes candidate / "
        "baseline; if a change by 0.01 of the baseline model's value is meant, write 1.01"
    )


def test_a_cross_slice_threshold_never_passes(config, metric, bound):
    cross = {"baseline_spec": {}, "slicing_specs": [{"feature_keys": ["sex"]}]}
    threshold = config_pb2.CrossSliceMetricThreshold(threshold=bound(upper=0.1), cross_slicing_specs=[cross])
    eval_config = config(metric("AUC", cross_slice_thresholds=[threshold]), cross_slicing_specs=[cross])
    (warning,) = lint(eval_config)
    assert warning.startswith("auc: TFMA's validator misses the cross-slice of every cross_slice_thresholds")


def test_bounds_that_can_be_meant(config, metric, bound):
    sound = [
        metric("AUC", bound(lower=0.7, upper=1, absolute=-0.02, relative=-0.01, better="HIGHER")),
        metric("AttributionShare", bound(upper=0.2, absolute=0.05, relative=0.5), "age"),
        metric("MeanAttribution", bound(lower=-3, upper=4), "age"),
        metric("FailedRows", bound(upper=0)),
        metric("ImportanceSpearman", bound(absolute=0.5, better="HIGHER")),
    ]
    assert lint(config(*sound)) == ()


def test_a_threshold_on_the_baseline_model_is_never_asked(config, metric, bound, two_models):
    eval_config = config(metric("AUC", bound(lower=0.7)), models=two_models)
    assert lint(eval_config) == ()
    eval_config.metrics_specs[0].model_names[:] = ["baseline"]
    assert lint(eval_config) == (
        "auc: TFMA passes over thresholds on the baseline model; name the candidate in model_names",
    )


def test_a_threshold_without_a_bound(config, metric):
    threshold = config_pb2.MetricThreshold(value_threshold=config_pb2.GenericValueThreshold())
    (warning,) = lint(config(metric("MeanAttribution", threshold, "age")))
    assert warning == (
        "mean_attribution/age: it allows any number, which every value is, so only a missing one fails; "
        "set a closer bound"
    )


def test_warnings_are_shown_when_the_pipeline_is_written(config, metric, bound, caplog):
    logging.set_verbosity(logging.WARNING)
    ThresholdValidator(
        model=types.Channel(type=standard_artifacts.Model),
        evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
        eval_config=config(metric("AUC", bound(lower=0))),
    )
    assert "The ThresholdValidator's eval_config: auc: it allows at least 0" in caplog.text
