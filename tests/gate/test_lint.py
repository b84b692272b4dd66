from pathlib import Path

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


@pytest.mark.parametrize(
    ("class_name", "bounds", "sentence"),
    [
        (
            "MeanSquaredError",
            {"relative": 0.98},
            "mean_squared_error: relative: 0.98 lets the value rise by 98% of the baseline model's, because TFMA takes "
            "(candidate - baseline) / baseline; if 0.98 times the baseline model's value is meant, write -0.02 or set "
            "the policy's relative_change to RATIO",
        ),
        (
            "AUC",
            {"relative": 0.95, "better": "HIGHER"},
            "auc: relative: 0.95 asks the value to rise by 95% of the baseline model's, because TFMA takes (candidate "
            "- baseline) / baseline; if 0.95 times the baseline model's value is meant, write -0.05 or set the policy"
            "'s relative_change to RATIO (as it is, it can never pass once the baseline model's value is above 0.513)",
        ),
        (
            "AUC",
            {"absolute": 0},
            "auc: its change threshold says LOWER_IS_BETTER, but a higher AUC is better, so it lets a worse model pass "
            "and stops a better one; set HIGHER_IS_BETTER",
        ),
        (
            "MeanSquaredError",
            {"absolute": 0, "better": "HIGHER"},
            "mean_squared_error: its change threshold says HIGHER_IS_BETTER, but a lower MeanSquaredError is",
        ),
        ("FailedRows", {"absolute": 0, "better": "HIGHER"}, "failed_rows: its change threshold says HIGHER_IS_BETTER"),
        ("CalibrationPlot", {"lower": 0.5}, "calibration_plot: CalibrationPlot is not one number, so a threshold on"),
        ("ConfusionMatrixPlot", {"upper": 0.5}, "confusion_matrix_plot: ConfusionMatrixPlot is not one number"),
        ("BooleanFlipRates", {"absolute": 0.1}, "BooleanFlipRates: BooleanFlipRates is not one number"),
    ],
)
def test_more_that_can_not_be_meant(config, bound, class_name, bounds, sentence):
    is_ours = class_name == "FailedRows"
    module = "tfx_explain.metrics" if is_ours else ""
    metric = config_pb2.MetricConfig(class_name=class_name, module=module, threshold=bound(**bounds))
    if class_name == "BooleanFlipRates":
        metric.config = '{"threshold": 0.5}'
    (warning,) = lint(config(metric))
    assert warning.startswith(sentence)


@pytest.mark.parametrize("relative", [0.95, 0.98, 1.0, 1.02])
def test_a_ratio_is_sound_where_the_policy_reads_it_so(config, metric, bound, relative):
    ratio = explanation_pb2.GatePolicy(relative_change="RATIO")
    assert lint(config(metric("AUC", bound(relative=relative, better="HIGHER"))), ratio) == ()


def _better_by_the_guide():
    rows = [line.split("|") for line in Path("docs/metrics.md").read_text().splitlines() if line.startswith("| `")]
    found = {cells[1].strip(" `"): cells[-2].strip().upper() for cells in rows}
    return {name: better for name, better in found.items() if better in ("HIGHER", "LOWER")}


def test_the_guides_column_better_is_known(config, bound):
    guide = _better_by_the_guide()
    assert len(guide) >= 12
    settings = dict.fromkeys(("AttributionDistance", "ShareKept", "MapInsertion", "MapDeletion"), '{"feature": "age"}')
    settings["CompletenessGapQuantile"] = '{"quantile": 0.9}'
    for class_name, better in guide.items():
        for said in ("HIGHER", "LOWER"):
            metric = config_pb2.MetricConfig(
                class_name=class_name,
                module="tfx_explain.metrics",
                config=settings.get(class_name, ""),
                threshold=bound(absolute=0.1, better=said),
            )
            assert len(lint(config(metric))) == (said != better), (class_name, said)


@pytest.mark.parametrize(
    ("name", "better", "warned"),
    [("loss", "HIGHER", 1), ("loss", "LOWER", 0), ("auc", "LOWER", 1), ("my_error", "HIGHER", 1), ("x", "LOWER", 0)],
)
def test_a_metric_by_name_has_a_good_side(config, bound, name, better, warned):
    eval_config = config()
    eval_config.metrics_specs[0].thresholds[name].CopyFrom(bound(absolute=0.1, better=better))
    assert len(lint(eval_config)) == warned


def test_our_dictionary_is_not_one_number(config, bound):
    metric = config_pb2.MetricConfig(
        class_name="EveryFeature",
        module="tfx_explain.metrics",
        config='{"metric": "MeanAttribution"}',
        threshold=bound(lower=0),
    )
    assert lint(config(metric)) == (
        "mean_attributions: EveryFeature is not one number, so a threshold on it can never pass; bound a metric that "
        "is",
    )


def test_a_list_of_thresholds_makes_a_list_of_values(config, bound):
    metric = config_pb2.MetricConfig(class_name="Precision", config='{"thresholds": [0.2, 0.8]}')
    metric.threshold.CopyFrom(bound(lower=0.5))
    assert lint(config(metric))[0].startswith("precision: Precision is not one number")
    metric.config = '{"thresholds": [0.8]}'
    assert lint(config(metric)) == ()


SEX, MALE, FEMALE = {"feature_keys": ["sex"]}, {"feature_values": {"sex": "Male"}}, {"feature_values": {"sex": "Fem"}}


@pytest.mark.parametrize(
    ("first", "second", "slicing", "warned"),
    [
        ({"lower": 0.9}, {"upper": 0.8}, MALE, True),
        ({"lower": 0.9}, {"upper": 0.95}, MALE, False),
        ({"absolute": 0.1, "better": "HIGHER"}, {"absolute": 0.05}, SEX, True),
        ({"absolute": -0.1, "better": "HIGHER"}, {"absolute": 0.05}, SEX, False),
        ({"lower": 0.9}, {"absolute": -0.8, "better": "HIGHER"}, SEX, False),
    ],
)
def test_thresholds_that_contradict_each_other(config, metric, bound, first, second, slicing, warned):
    per_slice = [config_pb2.PerSliceMetricThreshold(threshold=bound(**second), slicing_specs=[slicing])]
    slices = ({}, SEX)
    warnings = lint(config(metric("AUC", bound(**first), per_slice_thresholds=per_slice), slices=slices))
    assert any("two thresholds contradict each other" in warning for warning in warnings) == warned
    apart = [config_pb2.PerSliceMetricThreshold(threshold=bound(**first), slicing_specs=[FEMALE])]
    warnings = lint(config(metric("AUC", per_slice_thresholds=[*per_slice, *apart]), slices=slices))
    overlap = slicing == SEX
    assert any("two thresholds contradict each other" in warning for warning in warnings) == (warned and overlap)


def test_a_contradiction_names_both(config, metric, bound):
    per_slice = [config_pb2.PerSliceMetricThreshold(threshold=bound(upper=0.8), slicing_specs=[MALE])]
    (warning,) = lint(config(metric("AUC", bound(lower=0.9), per_slice_thresholds=per_slice), slices=({}, SEX)))
    assert warning == (
        "auc: two thresholds contradict each other, so that one always fails: lower_bound 0.9 on every slice and "
        "upper_bound 0.8 on sex:Male"
    )


def test_a_metric_that_is_listed_twice(config, metric, bound):
    eval_config = config(metric("AUC", bound(lower=0.7)), metric("AUC"))
    (warning,) = lint(eval_config)
    assert warning.startswith("auc: it is listed twice, and only one of the two is computed; put all its thresholds")
    eval_config.metrics_specs[0].metrics[1].config = '{"name": "other"}'
    assert lint(eval_config) == ()


def test_a_class_for_a_name(config, bound):
    eval_config = config()
    for name in ("AUC", "auc", "accuracy"):
        eval_config.metrics_specs[0].thresholds[name].CopyFrom(bound(lower=0.7))
    assert lint(eval_config) == (
        "AUC: it is a class, where the keys of thresholds are metrics' names, so it can never pass; write 'auc'",
    )
