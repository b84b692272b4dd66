"""Which confidence intervals count, and which say nothing."""

import math

import numpy as np
import pandas as pd
import pytest
import tensorflow_model_analysis as tfma
from scipy import stats
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.reading.evaluations import SliceMetrics
from tfx_explain.gate.reading.intervals import FEWEST_ROWS, sound_intervals
from tfx_explain.proto import explanation_pb2

KEY = tfma.metrics.MetricKey("accuracy", example_weighted=False)
AUC = KEY._replace(name="auc")
COUNT = tfma.metrics.MetricKey("example_count", example_weighted=False)
CONFIDENCES = [value.name for value in explanation_pb2.GatePolicy.Confidence.DESCRIPTOR.values]


def left_of(interval, value=0.9, rows=None, key=KEY):
    """Returns what is left of an interval."""
    counted = {} if rows is None else {COUNT: float(rows)}
    metrics = SliceMetrics({key: value, **counted}, {key: interval})
    sound_intervals({(): metrics}, ["example_count"], ["accuracy"])
    return metrics.intervals.get(key)


def test_an_interval_counts_if_its_ends_are_numbers_in_their_order():
    assert left_of((0.8, 1.1)) == (0.8, 1.1)
    assert left_of((-math.inf, 0.95)) == (-math.inf, 0.95)
    for interval in ((math.nan, 1), (0.8, math.nan), (0.9, 0.9), (1.0, 0.8)):
        assert left_of(interval) is None
        assert left_of(interval, rows=1000, key=AUC) is None


def test_an_interval_of_few_rows_is_none():
    assert left_of((0.8, 1.0), rows=FEWEST_ROWS, key=AUC) == (0.8, 1.0)
    assert left_of((0.8, 1.0), rows=FEWEST_ROWS - 1, key=AUC) is None


@pytest.mark.parametrize("rows", [FEWEST_ROWS, 400])
@pytest.mark.parametrize("value", [0.0, 0.05, 0.9, 1.0])
def test_a_proportion_of_all_rows_has_its_binomial_interval(rows, value):
    """A resampled one of 27 of 30 rows would reach above 1, and not as far down as it should."""
    expected = stats.binomtest(round(value * rows), rows).proportion_ci(0.95, "exact")
    for resampled in ((value, value), (value - 0.01, value + 0.01)):
        assert left_of(resampled, np.float32(value), rows) == pytest.approx((expected.low, expected.high))


def test_what_is_no_proportion_of_so_many_rows_keeps_what_was_resampled():
    per_class = KEY._replace(aggregation_type=metric_types.AggregationType(macro_average=True))
    for value, key in ((0.913, KEY), (0.9, per_class)):
        assert left_of((0.8, 0.95), value, 20, key) == (0.8, 0.95)


@pytest.mark.parametrize(
    "key",
    [AUC, KEY._replace(is_diff=True), KEY._replace(example_weighted=True)],
)
def test_what_is_no_proportion_of_rows_has_none(key):
    assert left_of((1.0, 1.0), 1.0, 400, key) is None


@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_half_an_interval_is_none_on_every_policy(run, write_evaluation, config, metric, bound, confidence):
    eval_config = config(metric("AUC", bound(lower=0.7)), options={"compute_confidence_intervals": {"value": True}})
    path = write_evaluation({(): {AUC: (0.8, 0.75, math.nan)}})
    verdict = run(eval_config, [path], policy=explanation_pb2.GatePolicy(confidence=confidence))
    (check,) = verdict.checks
    assert check.interval is None
    assert verdict.blessed == (confidence != "REQUIRE_SIGNIFICANT_PASS")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["POISSON_BOOTSTRAP", "JACKKNIFE"])
def test_three_rows_that_are_right_are_not_significant(run, tmp_path, config, metric, bound, method):
    generator = np.random.default_rng(0)
    label = np.append(generator.integers(0, 2, 400), [1, 1, 1]).astype(float)
    scores = np.append(np.clip(label[:400] * 0.3 + generator.uniform(0, 0.7, 400), 0, 1), [0.9] * 3)
    data = pd.DataFrame({"label": label, "score": scores, "race": ["Common"] * 400 + ["Rare"] * 3})
    options = {"compute_confidence_intervals": {"value": True}, "confidence_intervals": {"method": method}}
    model = config_pb2.ModelSpec(label_key="label", prediction_key="score")
    accuracy = config_pb2.MetricConfig(class_name="BinaryAccuracy")
    asked = config(accuracy, models=[model], slices=[{"feature_keys": ["race"]}], options=options)
    tfma.analyze_raw_data(data, asked, output_path=str(tmp_path / "evaluation"))
    asked.metrics_specs[0].metrics[0].threshold.CopyFrom(bound(lower=0.9))
    policy = explanation_pb2.GatePolicy(confidence="REQUIRE_SIGNIFICANT_PASS")
    verdict = run(asked, [str(tmp_path / "evaluation")], policy=policy)
    rare = next(check for check in verdict.checks if check.slice == "race:Rare")
    assert (rare.observed, rare.interval, rare.passed) == (1.0, None, False)
    assert "race:Rare has no confidence interval" in rare.reason
