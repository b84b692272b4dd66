"""The metrics against the formulas, through TFMA on real records."""

import itertools
import math

import numpy as np
import pytest
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.storage import columns

OF_EACH = (
    "MeanAttribution",
    "MeanAbsoluteAttribution",
    "TotalAttribution",
    "TotalAbsoluteAttribution",
    "AttributionShare",
    "AttributionRank",
)
FEATURES = ("age", "fnlwgt", "sex")


def formulas(values: np.ndarray, weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """The metrics' definitions over attributions [rows, features], from name to [features]."""
    weights = np.ones(len(values)) if weights is None else weights
    signed, absolute = weights @ values, weights @ np.abs(values)
    return {
        "mean_attribution": signed / weights.sum(),
        "mean_absolute_attribution": absolute / weights.sum(),
        "total_attribution": signed,
        "total_absolute_attribution": absolute,
        "attribution_share": absolute / absolute.sum(),
        "attribution_rank": np.asarray([1 + np.sum(absolute > a) for a in absolute]),
    }


@pytest.fixture
def all_metrics(metric_config):
    return [metric_config(name, feature) for name, feature in itertools.product(OF_EACH, FEATURES)]


@pytest.fixture(scope="module")
def drawn():
    generator = np.random.default_rng(7)
    return generator.normal(size=(2, 20, 3)).astype(np.float32), generator.uniform(0.5, 2, 20).astype(np.float32)


def test_candidate_baseline_and_difference_on_slices(evaluate, explained, values, all_metrics, drawn):
    (candidate, baseline), _ = drawn
    rows = [
        {
            "sex": "Male" if i % 3 else "Female",
            **explained(dict(zip(FEATURES, candidate[i], strict=True))),
            **explained(dict(zip(FEATURES, baseline[i], strict=True)), columns.BASELINE),
        }
        for i in range(20)
    ]
    config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec()],
        slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=["sex"])],
        metrics_specs=[config_pb2.MetricsSpec(metrics=all_metrics)],
    )
    got = values(evaluate(rows, config))
    male = np.arange(20) % 3 != 0
    for at, where in (("Overall", np.full(20, True)), ("sex:Male", male), ("sex:Female", ~male)):
        for name, expected in formulas(candidate[where]).items():
            before = formulas(baseline[where])[name]
            for feature, new, old in zip(FEATURES, expected, before, strict=True):
                assert got.pop((at, f"{name}/{feature}", "candidate", False)) == pytest.approx(new)
                assert got.pop((at, f"{name}/{feature}", "baseline", False)) == pytest.approx(old)
                assert got.pop((at, f"{name}/{feature}", "candidate", True)) == pytest.approx(new - old, abs=1e-12)
    assert not got


def test_one_model_has_no_name_and_no_difference(evaluate, explained, values, metric_config):
    config = config_pb2.EvalConfig(
        metrics_specs=[config_pb2.MetricsSpec(metrics=[metric_config("AttributionShare", "age")])]
    )
    got = values(evaluate([explained({"age": -3.0, "sex": 1.0})], config))
    assert got == {("Overall", "attribution_share/age", "candidate", False): 0.75}


def test_example_weights_count(evaluate, explained, values, all_metrics, drawn):
    (candidate, _), weights = drawn
    rows = [{"w": float(weights[i]), **explained(dict(zip(FEATURES, candidate[i], strict=True)))} for i in range(20)]
    config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(example_weight_key="w", label_key="gone", prediction_key="gone")],
        metrics_specs=[config_pb2.MetricsSpec(metrics=all_metrics)],
    )
    got = values(evaluate(rows, config))
    for name, expected in formulas(candidate, weights).items():
        for feature, value in zip(FEATURES, expected, strict=True):
            assert got["Overall", f"{name}/{feature}", "candidate", False] == pytest.approx(value)


def test_rows_without_attributions_enter_failed_rows_alone(evaluate, explained, values, metric_config):
    rows = [
        explained({"age": 2.0, "sex": 1.0}),
        explained({"age": math.nan, "sex": 1.0}),
        explained({"age": math.inf, "sex": 1.0}),
        {"tfx_explain/candidate/attributions/age": 5.0},
    ]
    names = ("MeanAttribution", "AttributionShare")
    metrics = [metric_config(n, "age") for n in names] + [metric_config("FailedRows"), metric_config("ExplainedRows")]
    got = values(evaluate(rows, config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)])))
    assert {name: value for (_, name, _, _), value in got.items()} == {
        "mean_attribution/age": 2.0,
        "attribution_share/age": pytest.approx(2 / 3),
        "failed_rows": 3.0,
        "explained_rows": 1.0,
    }


def test_a_slice_of_failed_rows_is_nan(evaluate, explained, values, all_metrics):
    rows = [
        {"group": "good", **explained(dict.fromkeys(FEATURES, 1.0))},
        {"group": "bad", **explained(dict.fromkeys(FEATURES, math.nan))},
    ]
    config = config_pb2.EvalConfig(
        slicing_specs=[config_pb2.SlicingSpec(feature_keys=["group"])],
        metrics_specs=[config_pb2.MetricsSpec(metrics=all_metrics)],
    )
    got = values(evaluate(rows, config))
    assert all(math.isnan(value) == (at == "group:bad") for (at, *_), value in got.items())
    assert len(got) == 2 * len(all_metrics)


def test_shares_and_means_of_attributions_that_are_all_zero(evaluate, explained, values, metric_config):
    metrics = [metric_config(n, "age") for n in ("AttributionShare", "MeanAttribution", "AttributionRank")]
    rows = [explained({"age": 0.0, "sex": 0.0})]
    got = values(evaluate(rows, config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)])))
    assert math.isnan(got["Overall", "attribution_share/age", "candidate", False])
    assert got["Overall", "mean_attribution/age", "candidate", False] == 0
    assert got["Overall", "attribution_rank/age", "candidate", False] == 1
