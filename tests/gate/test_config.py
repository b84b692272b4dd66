import pytest
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.config.verify import Wiring, verify_config
from tfx_explain.proto import explanation_pb2


def verify(eval_config, evaluation=True, attributions=True, baseline=True, policy=None):
    verify_config(eval_config, policy or explanation_pb2.GatePolicy(), Wiring(evaluation, attributions, baseline))


def test_a_sound_config_passes(config, metric, bound):
    verify(config(metric("AUC", bound(lower=0.7, absolute=0.0, better="HIGHER")), metric("FailedRows", bound(upper=0))))
    verify(config(metric("AttributionShare", bound(upper=0.2), "age")), evaluation=False, baseline=False)
    verify(config(metric("AUC", bound(lower=0.7))), attributions=False, baseline=False)
    by_name = config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(thresholds={"my_metric": bound(lower=0.7)})])
    verify(by_name, attributions=False, baseline=False)


def test_a_keras_metric_and_a_class_by_its_module_pass(config, bound):
    metrics = [
        config_pb2.MetricConfig(class_name="MeanSquaredError", threshold=bound(upper=1)),
        config_pb2.MetricConfig(class_name="TopKCategoricalAccuracy", threshold=bound(upper=1)),
        config_pb2.MetricConfig(class_name="ExampleCount", module="tensorflow_model_analysis.metrics"),
    ]
    verify(config(*metrics))


@pytest.mark.parametrize("eval_config", [config_pb2.EvalConfig(), "metric without threshold"])
def test_no_threshold_is_refused(config, metric, eval_config):
    if isinstance(eval_config, str):
        eval_config = config(metric("AUC"))
    with pytest.raises(ValueError, match="has no threshold, so it could never reject a model"):
        verify(eval_config)


@pytest.mark.parametrize(
    ("class_name", "module", "feature", "sentence"),
    [
        (
            "AttributionShar",
            "tfx_explain.metrics",
            "age",
            r"unknown metric class 'AttributionShar'; did you mean 'Attr",
        ),
        ("AttributionShar", "", "age", r"unknown metric class 'AttributionShar'; did you mean 'AttributionShare'"),
        ("auc", "", "", r"unknown metric class 'auc'; did you mean 'AUC'"),
        ("BinaryAcuracy", "", "", r"unknown metric class 'BinaryAcuracy'; did you mean 'BinaryAccuracy'"),
        ("AUC2", "no.such.module", "", r"AUC2: there is no module 'no.such.module'"),
        (
            "AttributionShare",
            "tfx_explain.metrics",
            "",
            r"AttributionShare is about one feature, which its config must",
        ),
        (
            "FailedRows",
            "tfx_explain.metrics",
            "age",
            r"FailedRows can't be made from the config '\{\"feature\": \"age\"\}'",
        ),
    ],
)
def test_metrics_that_can_not_be_made_are_named(config, bound, class_name, module, feature, sentence):
    settings = f'{{"feature": "{feature}"}}' if feature else ""
    wrong = config_pb2.MetricConfig(class_name=class_name, module=module, config=settings, threshold=bound(upper=1))
    with pytest.raises(ValueError, match=sentence):
        verify(config(wrong))


def test_all_mistakes_come_in_one_error(config, metric, bound):
    wrong = [metric("AttributionShare", bound(upper=1)), metric("MeanAtribution", bound(upper=1), "age")]
    with pytest.raises(ValueError, match=r"AttributionShare is about .*; unknown metric class 'MeanAtribution'"):
        verify(config(*wrong))
    wrong = [metric("AUC", bound(lower=1)), metric("AttributionShare", bound(absolute=1, better=""), "age")]
    with pytest.raises(ValueError, match="eval_config is wrong") as error:
        verify(config(*wrong), evaluation=False, attributions=False, baseline=False)
    assert str(error.value).split(": ", 1)[1].split("; ")[0] == "auc is not a metric over attributions"
    for sentence in (
        "attribution_share/age is computed from attributions; wire the Explainer's",
        "it has change thresholds (attribution_share/age), but no baseline_model is wired",
    ):
        assert sentence in str(error.value)


def test_tfmas_dictionary_metrics_can_not_be_gated(config, metric, bound):
    with pytest.raises(ValueError, match="mean_absolute_attributions is a value for every feature, which TFMA can't"):
        verify(config(metric("MeanAbsoluteAttributions", bound(upper=1))))


def test_a_threshold_by_name_does_not_reach_attributions(config, metric, bound):
    eval_config = config(metric("FailedRows"))
    eval_config.metrics_specs[0].thresholds["failed_rows"].CopyFrom(bound(upper=0))
    with pytest.raises(ValueError, match=r"failed_rows stands in MetricsSpec.thresholds; put it into the metric's"):
        verify(eval_config)


def test_tfmas_own_rules_hold(config, metric, bound):
    per_slice = [config_pb2.PerSliceMetricThreshold(threshold=bound(lower=0.7))]
    with pytest.raises(ValueError, match="slicing_specs must be set on per_slice_thresholds"):
        verify(config(metric("AUC", per_slice_thresholds=per_slice)))
    with pytest.raises(ValueError, match="its model_specs have no candidate"):
        verify(config(metric("AUC", bound(lower=0.7)), models=[config_pb2.ModelSpec(name="b", is_baseline=True)]))
    with pytest.raises(ValueError, match="has 3 model_specs"):
        verify(config(metric("AUC", bound(lower=0.7)), models=[config_pb2.ModelSpec(name=n) for n in "abc"]))


def test_change_thresholds_need_room_for_a_baseline(config, metric, bound):
    eval_config = config(metric("AUC", bound(absolute=0, better="HIGHER")), models=[config_pb2.ModelSpec(name="mine")])
    with pytest.raises(ValueError, match="remove the name 'mine', or add a second ModelSpec with is_baseline"):
        verify(eval_config)


def test_drift_takes_an_absolute_change(config, metric, bound):
    verify(config(metric("ImportanceNDCG", bound(absolute=0.9, better="HIGHER"))))
    with pytest.raises(ValueError, match="importance_ndcg compares with the baseline model; bound it by a change"):
        verify(config(metric("ImportanceNDCG", bound(lower=0.9))))
    with pytest.raises(ValueError, match="importance_ndcg is itself a comparison and has no relative change"):
        verify(config(metric("ImportanceNDCG", bound(relative=0.9))))


def test_a_misspelt_model_is_named(config, metric, bound, two_models):
    eval_config = config(metric("AUC", bound(lower=0.7)), models=two_models)
    eval_config.metrics_specs[0].model_names[:] = ["candidat"]
    with pytest.raises(ValueError, match="metrics_specs have an unknown model 'candidat'; did you mean 'candidate'"):
        verify(eval_config)


def test_a_misspelt_slice_of_a_threshold_is_named(config, metric, bound):
    per_slice = [config_pb2.PerSliceMetricThreshold(threshold=bound(lower=0), slicing_specs=[{"feature_keys": ["sx"]}])]
    eval_config = config(metric("AUC", per_slice_thresholds=per_slice), slices=({}, {"feature_keys": ["sex"]}))
    with pytest.raises(ValueError, match="of auc is for slices by an unknown feature 'sx'; did you mean 'sex'"):
        verify(eval_config)


def test_an_attribution_metric_may_come_from_an_evaluator(config, metric, bound):
    verify(config(metric("AttributionShare", bound(upper=0.2), "age")), attributions=False)


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ({"confidence": "REQUIRE_SIGNIFICANT_PASS"}, "REQUIRE_SIGNIFICANT_PASS asks for confidence intervals; set opt"),
        ({"max_failed_fraction": 2}, "max_failed_fraction is 2; it is a fraction, from 0 to 1"),
        ({"override": {"who": "Ada", "until": "2026-01-01"}}, "The policy's override lacks why"),
    ],
)
def test_policies_that_can_not_be_meant(config, metric, bound, policy, sentence):
    with pytest.raises(ValueError, match=sentence):
        verify(config(metric("AUC", bound(lower=0.7))), policy=explanation_pb2.GatePolicy(**policy))
