import itertools
import math

import numpy as np
import pytest
import scipy.stats
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.storage import columns

NAMES = ("ImportanceNDCG", "ImportanceSpearman", "ImportanceKendall", "LargestShareChange")


@pytest.fixture
def drift(evaluate, explained, values, metric_config):
    def measure(baseline, candidate, **config):
        """The drift from one row of attributions to another, from metric name to value."""
        rows = [explained(candidate) | explained(baseline, columns.BASELINE)]
        metrics = [metric_config(name) for name in NAMES]
        spec = config_pb2.MetricsSpec(metrics=metrics)
        got = values(evaluate(rows, config_pb2.EvalConfig(metrics_specs=[spec], **config)))
        assert {key[2:] for key in got} == {("candidate", True)}
        return {key[1]: value for key, value in got.items()}

    return measure


def test_the_formulas(drift):
    """The attributions of Clarify's documentation: a college's admissions, whose ranking turned round."""
    old, new = {"sat": 0.70, "gpa": 0.50, "rank": 0.05}, {"sat": 0.10, "gpa": -0.20, "rank": 0.70}
    got = drift(old, new)
    gain = 0.05 + 0.50 / math.log2(3) + 0.70 / 2
    best = 0.70 + 0.50 / math.log2(3) + 0.05 / 2
    assert got["importance_ndcg"] == pytest.approx(gain / best)
    assert got["importance_spearman"] == pytest.approx(-1)
    assert got["importance_kendall"] == pytest.approx(-1)
    assert got["largest_share_change"] == pytest.approx(0.7 - 0.05 / 1.25)


def test_equal_importances_are_in_every_order_at_once(drift):
    old, new = {"a": 4.0, "b": 2.0, "c": 1.0, "d": 0.5}, {"a": 1.0, "b": 3.0, "c": 1.0, "d": 1.0}
    discounts = 1 / np.log2(np.arange(4) + 2)
    gains = [np.asarray([2.0, *order]) @ discounts for order in itertools.permutations((4.0, 1.0, 0.5))]
    assert drift(old, new)["importance_ndcg"] == pytest.approx(
        np.mean(gains) / (np.asarray([4, 2, 1, 0.5]) @ discounts)
    )


def test_the_same_reasons(drift):
    same = {f"f{i}": float(i * (-1) ** i) for i in range(8)}
    got = drift(same, {feature: -3 * value for feature, value in same.items()})
    assert got == pytest.approx(dict(zip(got, [1, 1, 1, 0], strict=True)))


def test_correlations_are_scipys(drift):
    generator = np.random.default_rng(5)
    old, new = generator.normal(size=(2, 9)).astype(np.float32)
    got = drift({f"f{i}": v for i, v in enumerate(old)}, {f"f{i}": v for i, v in enumerate(new)})
    assert got["importance_spearman"] == pytest.approx(scipy.stats.spearmanr(abs(old), abs(new)).statistic)
    assert got["importance_kendall"] == pytest.approx(scipy.stats.kendalltau(abs(old), abs(new)).statistic)


def test_what_is_left_of_a_share(evaluate, explained, values, metric_config):
    old = {"age": 4.0, "sex": 5.0, "gone": 0.9, "little": 0.05, "zero": 0.05}
    new = {"age": -2.0, "sex": 7.5, "gone": 0.0, "little": 0.0, "zero": 0.5}
    rows = [explained(new) | explained(old, columns.BASELINE)]
    spec = config_pb2.MetricsSpec(metrics=[metric_config("ShareKept", feature=feature) for feature in old])
    got = values(evaluate(rows, config_pb2.EvalConfig(metrics_specs=[spec])))
    kept = {key[1].removeprefix("share_kept/"): value for key, value in got.items()}
    # Of 10 in both models: 0.4 -> 0.2, 0.5 -> 0.75, 0.09 -> 0, and two that had less than a hundredth.
    assert kept == pytest.approx({"age": 0.5, "sex": 1.0, "gone": 0.0, "little": 1.0, "zero": 1.0})


def test_a_feature_of_one_model_alone_has_no_importance_in_the_other(drift):
    got = drift({"age": 1.0, "gone": 3.0}, {"age": 1.0, "new": 3.0})
    assert got["largest_share_change"] == pytest.approx(0.75)
    assert got["importance_ndcg"] == pytest.approx((0 + 1 / math.log2(3) + 3 / 2) / (3 + 1 / math.log2(3)))


@pytest.mark.parametrize("nothing", [0.0, math.nan])
@pytest.mark.parametrize("of", columns.MODELS)
def test_no_importances_are_no_number(drift, nothing, of):
    without, ones = {"age": nothing, "sex": nothing}, {"age": 1.0, "sex": 2.0}
    got = drift(*((ones, without) if of == columns.CANDIDATE else (without, ones)))
    assert len(got) == len(NAMES)
    assert all(math.isnan(value) for value in got.values())


def test_without_a_baseline_model_there_is_no_drift(evaluate, explained, values, metric_config):
    spec = config_pb2.MetricsSpec(metrics=[metric_config(name) for name in (*NAMES, "ExplainedRows")])
    got = values(evaluate([explained({"age": 1.0})], config_pb2.EvalConfig(metrics_specs=[spec])))
    assert [key[1] for key in got] == ["explained_rows"]
