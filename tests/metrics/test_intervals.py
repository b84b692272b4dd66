"""Confidence intervals by both of TFMA's methods, against the standard errors of theory."""

import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.storage import columns

ROWS = 300
METHODS = config_pb2.ConfidenceIntervalOptions


@pytest.fixture(scope="module")
def drawn():
    """Attributions of the candidate and of the baseline model, [model, row, feature]."""
    generator = np.random.default_rng(7)
    return (generator.normal(size=(2, ROWS, 2)) * (1.0, 0.4) + (2.0, 0.0)).astype(np.float32)


def standard_errors(candidate, baseline):
    """Of each metric on all rows, by the central limit theorem (and the delta method, of the share)."""

    def of_mean(values):
        return values.std(ddof=1) / ROWS**0.5

    size, age = np.abs(candidate).sum(axis=1), np.abs(candidate[:, 0])
    share = age.sum() / size.sum()
    cosines = (candidate * baseline).sum(axis=1) / (
        np.linalg.norm(candidate, axis=1) * np.linalg.norm(baseline, axis=1)
    )
    return {
        ("mean_attribution/age", "candidate", False): (candidate[:, 0].mean(), of_mean(candidate[:, 0])),
        ("mean_attribution/age", "baseline", False): (baseline[:, 0].mean(), of_mean(baseline[:, 0])),
        ("mean_attribution/age", "candidate", True): (
            (candidate - baseline)[:, 0].mean(),
            of_mean((candidate - baseline)[:, 0]),
        ),
        ("attribution_share/age", "candidate", False): (share, of_mean((age - share * size) / size.mean())),
        ("attribution_agreement", "candidate", True): (cosines.mean(), of_mean(cosines)),
    }


@pytest.mark.slow
@pytest.mark.parametrize("method", ["JACKKNIFE", "POISSON_BOOTSTRAP"])
def test_intervals_are_as_wide_as_theory_has_them(evaluate, explained, metric_config, drawn, method):
    names = [("MeanAttribution", "age"), ("AttributionShare", "age"), ("AttributionDistance", "age")]
    names += [("AttributionAgreement",), ("ImportanceNDCG",), ("LargestShareChange",), ("ExplainedRows",)]
    metrics = [metric_config(*name) for name in names]
    metrics.append(metric_config("CompletenessGapQuantile", settings={"quantile": 0.9}))
    config = config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)])
    config.options.compute_confidence_intervals.value = True
    config.options.confidence_intervals.method = METHODS.ConfidenceIntervalMethod.Value(method)
    rows = [
        explained(dict(zip(("age", "sex"), new, strict=True)))
        | explained(dict(zip(("age", "sex"), old, strict=True)), columns.BASELINE)
        for new, old in zip(*drawn, strict=True)
    ]
    (of_slice,) = tfma.load_metrics(evaluate(rows, config))
    found = {(i.key.name, i.key.model_name, i.key.is_diff): i for i in of_slice.metric_keys_and_values}
    # Four metrics of each of the two models and of their difference, and four of the difference alone.
    assert len(found) == 4 * 3 + 4
    for item in found.values():
        interval = item.confidence_interval
        assert interval.lower_bound.double_value.value <= interval.upper_bound.double_value.value
        assert interval.degrees_of_freedom.value == 19
    for key, (value, error) in standard_errors(*drawn.astype(np.float64)).items():
        interval = found[key].confidence_interval
        assert found[key].value.double_value.value == pytest.approx(value, rel=1e-5)
        assert interval.lower_bound.double_value.value < value < interval.upper_bound.double_value.value
        # An error from 20 samples is itself uncertain, by 1 / sqrt(2 * 19) = 16%.
        assert interval.standard_error.double_value.value == pytest.approx(error, rel=0.7)
