import math

import pytest
from tensorflow_model_analysis.proto import config_pb2

NAMES = ("CompletenessGap", "ApproximationError", "ToleranceMissed", "ExplainedRows", "FailedRows")


@pytest.fixture
def config(metric_config):
    return config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=[metric_config(n) for n in NAMES])])


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
