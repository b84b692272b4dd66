import math

import numpy as np
import pytest
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.metrics import CompletenessGapQuantile

NAMES = ("CompletenessGap", "ApproximationError", "ToleranceMissed", "ExplainedRows", "FailedRows")


@pytest.fixture
def config(metric_config):
    metrics = [*map(metric_config, NAMES), metric_config("CompletenessGapQuantile", settings={"quantile": 0.9})]
    return config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)])


def test_errors_are_relative_to_the_attributions(evaluate, explained, values, config):
    rows = [
        explained({"age": 3.0, "sex": -1.0}, gap=0.5, error=0.25, met=0),
        explained({"age": 1.0, "sex": 1.0}, gap=-0.25, error=0.0),
        explained({"age": 0.0, "sex": 2.0}),
    ]
    got = {name: value for (_, name, _, _), value in values(evaluate(rows, config)).items()}
    assert got == pytest.approx(
        {
            "completeness_gap": 0.75 / 8,
            "completeness_gap_quantile/0.9": pytest.approx(0.25 / 2, rel=0.03),
            "approximation_error": 0.25 / 8,
            "tolerance_missed": 1 / 3,
            "explained_rows": 3,
            "failed_rows": 0,
        }
    )


def test_what_the_records_do_not_tell_is_nan(evaluate, values, config):
    output = evaluate([{"tfx_explain/candidate/attributions/age": 1.0}], config)
    got = {name: value for (_, name, _, _), value in values(output).items()}
    assert got.pop("explained_rows") == 1
    assert got.pop("failed_rows") == 0
    assert all(math.isnan(value) for value in got.values())


def test_gap_quantiles_are_numpys(evaluate, explained, values, metric_config):
    """Of gaps over ten orders of magnitude, by weight."""
    generator = np.random.default_rng(2)
    gaps, weights = 10 ** generator.uniform(-8, 2, 200), generator.integers(1, 4, 200)
    rows = [{"w": float(w), **explained({"age": 3.0, "sex": -1.0}, gap=g)} for g, w in zip(gaps, weights, strict=True)]
    quantiles = (0.05, 0.5, 0.95, 1.0)
    config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(example_weight_key="w")],
        metrics_specs=[
            config_pb2.MetricsSpec(metrics=[metric_config("CompletenessGapQuantile", settings={"quantile": q})])
            for q in quantiles
        ],
    )
    got = values(evaluate(rows, config))
    expected = np.quantile(np.repeat(gaps / 4, weights), quantiles, method="inverted_cdf")
    for quantile, value in zip(quantiles, expected, strict=True):
        found = got["Overall", f"completeness_gap_quantile/{quantile:g}", "candidate", False]
        assert found == pytest.approx(value, rel=0.03, abs=2e-7)  # The records hold outputs as float32.


def test_a_gap_without_attributions_is_the_largest_and_no_gap_the_smallest(evaluate, explained, values, metric_config):
    rows = [explained({"age": 0.0}, gap=1.0), explained({"age": 0.0}), explained({"age": 1.0})]
    metrics = [metric_config("CompletenessGapQuantile", settings={"quantile": q}) for q in (0.5, 1)]
    got = values(evaluate(rows, config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)])))
    assert got["Overall", "completeness_gap_quantile/0.5", "candidate", False] == 0
    assert got["Overall", "completeness_gap_quantile/1", "candidate", False] == pytest.approx(2**10, rel=0.03)


@pytest.mark.parametrize("quantile", [0, 95, -0.5])
def test_a_quantile_is_a_fraction(quantile):
    with pytest.raises(ValueError, match=rf"has quantile {quantile}; give a number above 0 and up to 1"):
        CompletenessGapQuantile(quantile)
