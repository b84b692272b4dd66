"""What the extractor takes out of attribution records, and what becomes of records that lack it."""

import math

import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.storage import columns


def test_of_several_outputs_the_first_counts(evaluate, explained, values, metric_config):
    """Of every column: also by TFMA's own metrics."""
    first, second = explained({"age": 3.0, "sex": -1.0}, gap=0.5), explained({"age": 50.0, "sex": 90.0}, gap=7.0, met=0)
    rows = [{column: [first[column], second[column]] for column in first}, explained({"age": 1.0, "sex": 1.0})]
    names = ("CompletenessGap", "ToleranceMissed", "ExplainedRows", "FailedRows")
    metrics = [*map(metric_config, names), metric_config("MeanAttribution", "age")]
    metrics.append(config_pb2.MetricConfig(class_name="MeanAttributions"))
    output = evaluate(rows, config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)]))
    got = {name: value for (_, name, _, _), value in values(output).items() if name != "example_count"}
    assert got == pytest.approx(
        {
            "completeness_gap": 0.5 / 6,
            "tolerance_missed": 0,
            "explained_rows": 2,
            "failed_rows": 0,
            "mean_attribution/age": 2,
        }
    )
    (attributions,) = tfma.load_attributions(output)
    (of_tfma,) = attributions.attributions_keys_and_values
    assert of_tfma.values["age"].double_value.value == 2


def test_without_a_baseline_model_comparisons_are_absent_and_the_rest_is_there(
    evaluate, explained, values, metric_config
):
    metrics = [metric_config(n) for n in ("AttributionAgreement", "ImportanceNDCG")]
    metrics += [metric_config("AttributionDistance", "age"), metric_config("AttributionShare", "age")]
    config = config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)])
    got = values(evaluate([explained({"age": 1.0})], config))
    assert got == {("Overall", "attribution_share/age", "candidate", False): 1.0}


def test_comparisons_alone_without_a_baseline_model_are_nothing(evaluate, explained, values, metric_config):
    config = config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=[metric_config("ImportanceNDCG")])])
    assert values(evaluate([explained({"age": 1.0})], config)) == {}


def test_records_of_which_some_lack_the_baseline_models_columns(evaluate, explained, values, metric_config):
    """They failed for the baseline model, and enter no comparison."""
    both = explained({"age": 1.0, "sex": 2.0}) | explained({"age": 2.0, "sex": 4.0}, columns.BASELINE)
    rows = [both, explained({"age": 5.0, "sex": -5.0})]
    metrics = [metric_config(n) for n in ("FailedRows", "AttributionAgreement")]
    got = values(evaluate(rows, config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)])))
    assert got["Overall", "failed_rows", "candidate", False] == 0
    assert got["Overall", "failed_rows", "baseline", False] == 1
    assert got["Overall", "attribution_agreement", "candidate", True] == pytest.approx(1)


def test_a_config_whose_only_model_has_a_name(evaluate, explained, values, metric_config):
    config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(name="income")],
        metrics_specs=[config_pb2.MetricsSpec(metrics=[metric_config("MeanAttribution", "age")])],
    )
    ((key, value),) = values(evaluate([explained({"age": 4.0}), explained({"age": math.nan})], config)).items()
    assert (key[1], value) == ("mean_attribution/age", 4)
