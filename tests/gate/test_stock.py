"""The gate's verdicts against those of TFMA run as a stock Evaluator runs it, on the same records."""

import itertools

import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

OVERALL, SEX, MALE = {}, {"feature_keys": ["sex"]}, {"feature_values": {"sex": "Male"}}


@pytest.fixture
def grid(metric, bound):
    """Many thresholds on AUC and on attribution metrics; about half of them hold."""
    slices = [[OVERALL], [SEX], [MALE, OVERALL]]
    bounds = (
        [bound(lower=b) for b in (-1, 0.3, 2)] + [bound(upper=b) for b in (-1, 0.3, 2)] + [bound(lower=0, upper=0.5)]
    )
    for better, absolute, relative in itertools.product(("LOWER", "HIGHER"), (None, -0.1, 0.1), (None, -0.2, 0.2)):
        bounds += (
            [bound(absolute=absolute, relative=relative, better=better)] if (absolute, relative) != (None,) * 2 else []
        )
    bounds += [bound(upper=0.4, absolute=0.05)]
    per_slice = [
        config_pb2.PerSliceMetricThreshold(threshold=b, slicing_specs=s) for b, s in itertools.product(bounds, slices)
    ]
    share = bound(upper=0.6, absolute=0.1)
    return [
        metric("AUC", bound(lower=0.5, absolute=0, better="HIGHER"), per_slice_thresholds=per_slice),
        metric("AttributionShare", share, "age", per_slice_thresholds=per_slice),
        metric("AttributionShare", share, "zero", per_slice_thresholds=per_slice),
        metric("MeanAttribution", None, "fnlwgt", per_slice_thresholds=per_slice),
    ]


def assert_as_stock(run, stock, said_by_tfma, tmp_path, eval_config, records, evaluation):
    verdict = run(eval_config, [evaluation], [records])
    expected = tfma.load_validation_result(stock(eval_config, records, tmp_path / "stock"))
    assert said_by_tfma(verdict.validation) == said_by_tfma(expected)
    assert said_by_tfma(tfma.load_validation_result(str(tmp_path / "validation"))) == said_by_tfma(expected)
    assert verdict.blessed == expected.validation_ok
    return verdict


@pytest.mark.slow
def test_a_grid_of_thresholds_fails_where_a_stock_evaluator_fails(
    run, stock, said_by_tfma, tmp_path, config, grid, records, evaluation, two_models
):
    eval_config = config(*grid, models=two_models, slices=(OVERALL, SEX))
    verdict = assert_as_stock(run, stock, said_by_tfma, tmp_path, eval_config, records, evaluation)
    assert not verdict.blessed
    assert sum(c.passed for c in verdict.checks) > 100 < sum(not c.passed for c in verdict.checks)
    for check in verdict.checks:
        # A baseline of 0 has no relative change, hence no margin; else the sign of the margin is the decision.
        assert check.passed == (check.margin >= 0) or check.margin == 0


@pytest.mark.slow
def test_bounds_that_hold_bless_as_a_stock_evaluator_does(
    run, stock, said_by_tfma, tmp_path, config, metric, bound, records, evaluation, two_models
):
    metrics = [
        metric("AUC", bound(lower=0.6, absolute=-0.1, relative=-0.2, better="HIGHER")),
        metric("AttributionShare", bound(upper=0.6, absolute=0.5), "age"),
    ]
    eval_config = config(*metrics, models=two_models, slices=(OVERALL, SEX))
    assert assert_as_stock(run, stock, said_by_tfma, tmp_path, eval_config, records, evaluation).blessed


@pytest.mark.slow
def test_missing_slices_and_metrics_fail_as_in_a_stock_evaluator(
    run, stock, said_by_tfma, tmp_path, config, metric, bound, records, evaluation, two_models
):
    nobody = {"feature_values": {"sex": "X"}}
    absent = [config_pb2.PerSliceMetricThreshold(threshold=bound(upper=1), slicing_specs=[nobody])]
    metrics = [metric("AttributionShare", bound(upper=1), "age", per_slice_thresholds=absent)]
    eval_config = config(*metrics, models=two_models, slices=(OVERALL, MALE))
    eval_config.metrics_specs[0].thresholds["my_metric"].CopyFrom(bound(lower=0.5))
    verdict = assert_as_stock(run, stock, said_by_tfma, tmp_path, eval_config, records, evaluation)
    failed = [c.reason for c in verdict.checks if not c.passed]
    assert failed[0] == "my_metric on Overall was not found: unknown metric 'my_metric'; there are: " + (
        "attribution_share/age, auc (allowed: at least 0.5)"
    )
    assert failed[-1] == (
        "attribution_share/age was not checked on sex:X: no such slice was found (allowed: at most 1)"
    )


@pytest.mark.slow
def test_cross_slices_decide_as_in_a_stock_evaluator(
    run, stock, said_by_tfma, tmp_path, config, metric, bound, records, evaluation, two_models
):
    cross = {"baseline_spec": OVERALL, "slicing_specs": [SEX]}
    thresholds = [
        config_pb2.CrossSliceMetricThreshold(threshold=bound(lower=-b, upper=b), cross_slicing_specs=[cross])
        for b in (0, 1)
    ]
    metrics = [metric("AttributionShare", bound(upper=0.9), "age", cross_slice_thresholds=thresholds)]
    eval_config = config(*metrics, models=two_models, slices=(OVERALL,), cross_slicing_specs=[cross])
    verdict = assert_as_stock(run, stock, said_by_tfma, tmp_path, eval_config, records, evaluation)
    assert {c.slice for c in verdict.checks if not c.passed} == {
        "Overall against sex:Male",
        "Overall against sex:Female",
    }
    # What that Evaluator left counts cross-slices as slices; it is whole all the same.
    assert not run(eval_config, [str(tmp_path / "stock")]).unreadable


@pytest.mark.slow
def test_without_a_baseline_the_value_thresholds_decide_as_in_a_stock_evaluator(
    run, stock, said_by_tfma, tmp_path, config, metric, bound, one_model_records, one_model_evaluation
):
    metrics = [metric("AUC", bound(lower=0.6, absolute=9, better="HIGHER")), metric("FailedRows", bound(upper=0))]
    model = config_pb2.ModelSpec(prediction_key="new", label_key="label")
    verdict = run(config(*metrics, models=[model]), [one_model_evaluation], [one_model_records])
    kept = [metric("AUC", bound(lower=0.6)), metric("FailedRows", bound(upper=0))]
    expected = stock(config(*kept, models=[model]), one_model_records, tmp_path / "stock")
    assert said_by_tfma(verdict.validation) == said_by_tfma(tfma.load_validation_result(expected))
    assert verdict.blessed
    assert verdict.validation.rubber_stamp
    (not_asked,) = verdict.not_asked
    assert not_asked.reason == (
        "auc on every slice was not asked, because there is no baseline model (SKIP_CHANGE_THRESHOLDS)"
    )
