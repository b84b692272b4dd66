import math

import numpy as np
import pytest
from scipy.spatial import distance
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.storage import columns

AGREEMENT, DISTANCE = ("AttributionAgreement",), ("AttributionDistance", "a")


@pytest.fixture
def compare(evaluate, explained, values, metric_config):
    def measure(candidate, baseline, *metrics, weights=None):
        """The metrics over rows of attributions of two models, from metric name to value."""
        rows = [
            {"w": weight, **explained(one), **explained(other, columns.BASELINE)}
            for one, other, weight in zip(candidate, baseline, weights or [1.0] * len(candidate), strict=True)
        ]
        config = config_pb2.EvalConfig(
            model_specs=[config_pb2.ModelSpec(example_weight_key="w" if weights else "")],
            metrics_specs=[config_pb2.MetricsSpec(metrics=[metric_config(*metric) for metric in metrics])],
        )
        got = values(evaluate(rows, config))
        assert all(key[2:] == ("candidate", True) for key in got)
        return {key[1]: value for key, value in got.items()}

    return measure


def test_agreement_is_the_mean_cosine(compare):
    generator = np.random.default_rng(11)
    one, other = generator.normal(size=(2, 20, 4)).astype(np.float32)
    weights = [float(w) for w in generator.uniform(0.5, 2, 20).astype(np.float32)]
    rows = ([dict(zip("abcd", row, strict=True)) for row in of_model] for of_model in (one, other))
    cosines = [1 - distance.cosine(*pair) for pair in zip(one, other, strict=True)]
    got = compare(*rows, AGREEMENT, weights=weights)
    assert got == {"attribution_agreement": pytest.approx(np.average(cosines, weights=weights))}


@pytest.mark.parametrize(
    ("candidate", "baseline", "expected"),
    [
        ({"a": 1.0, "b": 2.0}, {"a": 2.0, "b": 4.0}, 1),
        ({"a": 1.0, "b": 2.0}, {"a": -1.0, "b": -2.0}, -1),
        ({"a": 0.0}, {"a": 0.0}, 1),
        ({"a": 0.0}, {"a": 3.0}, 0),
        ({"a": 3.0, "new": 4.0}, {"a": 1.0}, 0.6),
    ],
)
def test_agreement_of_one_row(compare, candidate, baseline, expected):
    assert compare([candidate], [baseline], AGREEMENT) == {"attribution_agreement": pytest.approx(expected)}


def test_distance_is_that_of_the_histograms(compare):
    candidate = [{"a": v} for v in (1.0, 1.2, -1.0, 0.0)]
    baseline = [{"a": v} for v in (1.1, 2.0, 2.0, 1e-6)]
    # One bin holds 1, 1.1 and 1.2; then there are those of 2, of -1, and of what is about 0.
    expected = distance.jensenshannon([2, 0, 1, 1], [1, 2, 0, 1], base=2)
    assert compare(candidate, baseline, DISTANCE) == {"attribution_distance/a": pytest.approx(expected)}


@pytest.mark.parametrize(("shift", "expected"), [(0.0, 0), (1e9, 1)])
def test_distance_is_0_for_equal_and_1_for_separate_distributions(compare, shift, expected):
    values = np.random.default_rng(1).normal(size=30)
    got = compare([{"a": float(v)} for v in values], [{"a": float(v + shift)} for v in values], DISTANCE)
    assert got == {"attribution_distance/a": pytest.approx(expected, abs=1e-7)}


def test_rows_that_one_model_failed_on_do_not_count(compare):
    good, failed = {"a": 1.0, "b": 1.0}, {"a": math.nan, "b": 1.0}
    got = compare([good, failed, good], [good, good, failed], AGREEMENT, DISTANCE)
    assert got == {"attribution_agreement": pytest.approx(1), "attribution_distance/a": pytest.approx(0)}
    got = compare([failed], [good], AGREEMENT, DISTANCE)
    assert len(got) == 2
    assert all(math.isnan(value) for value in got.values())


def test_a_feature_that_the_baseline_model_lacks_has_no_distance(compare):
    got = compare([{"a": 1.0, "b": 1.0}], [{"b": 1.0}], DISTANCE)
    assert math.isnan(got["attribution_distance/a"])
