"""What a verdict says, sentence by sentence: which metric, which bound, how many digits, nothing unprintable."""

import json

import pytest
import tensorflow_model_analysis as tfma
from google.protobuf import text_format
from hypothesis import assume, given
from hypothesis import strategies as st
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.deciding.decide import decide
from tfx_explain.gate.reading.evaluations import SliceMetrics
from tfx_explain.gate.reading.evidence import Evidence
from tfx_explain.gate.saying.digits import exact, number
from tfx_explain.gate.titles import slices_title
from tfx_explain.metrics import configs
from tfx_explain.proto import explanation_pb2

Policy = explanation_pb2.GatePolicy


def judge(config, value=0.6, slice_key=(), baseline=None, **policy):
    """Decides a config on one slice, where every metric that it asks for has the same value."""
    evidence = Evidence(config, has_baseline=baseline is not None)
    defaults = configs.with_defaults(config, evidence.has_baseline)
    keys = tfma.metrics.metric_thresholds_from_metrics_specs(defaults.metrics_specs, eval_config=defaults)
    values = {}
    for key in keys:
        values[key._replace(is_diff=False)] = value
        if baseline is not None:
            values[key.make_baseline_key("baseline")] = baseline
            values[key.make_diff_key()] = value - baseline
    evidence.slices[slice_key] = SliceMetrics(values)
    return decide(evidence, Policy(**policy))


def parse(metrics_specs):
    return text_format.Parse(metrics_specs, config_pb2.EvalConfig())


AT_LEAST = "threshold { value_threshold { lower_bound { value: 0.7 } } }"
AUC = f'metrics {{ class_name: "AUC" {AT_LEAST} }}'


@pytest.mark.parametrize(
    ("spec", "titles"),
    [
        ("", ["auc"]),
        ('output_names: ["income", "age"]', ["auc (output income)", "auc (output age)"]),
        ("binarize { class_ids { values: [0, 2] } }", ["auc (class 0)", "auc (class 2)"]),
        ("binarize { top_k_list { values: [5] } }", ["auc (top 5)"]),
        ("binarize { k_list { values: [3] } }", ["auc (prediction no. 3)"]),
        ("aggregate { micro_average: true }", ["auc (micro average)"]),
        ("aggregate { macro_average: true top_k_list { values: [2] } }", ["auc (top 2, macro average)"]),
        (
            "aggregate { weighted_macro_average: true class_weights { key: 0 value: 1 } }",
            ["auc (weighted macro average)"],
        ),
        ("example_weights { weighted: true unweighted: true }", ["auc (weighted)", "auc (unweighted)"]),
    ],
)
def test_every_line_tells_its_metric_from_others(spec, titles):
    config = parse(f'model_specs {{ example_weight_key: "w" }} metrics_specs {{ {spec} {AUC} }}')
    if "example_weights" not in spec:
        config.model_specs[0].example_weight_key = ""
    verdict = judge(config)
    assert {check.title for check in verdict.checks} >= set(titles)
    assert set(verdict.reasons) >= {f"{title} on Overall is 0.6; allowed: at least 0.7" for title in titles}
    assert len(set(verdict.reasons)) == len(verdict.checks)
    said = json.loads(verdict.to_json())["thresholds"]
    assert {threshold["metric"] for threshold in said} == {"auc"}
    assert {threshold["title"] for threshold in said} >= set(titles)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.69999999, "0.69999999"),
        (0.6999999999999998, "0.6999999999999998"),
        (0.6999, "0.6999"),
        (0.7, "0.7"),
        (0.70000001, "0.70000001"),
    ],
)
def test_a_bound_that_failed_never_reads_as_if_it_held(config, metric, bound, value, shown):
    verdict = judge(config(metric("AUC", bound(lower=0.7))), value)
    (check,) = verdict.checks
    assert check.reason == f"auc on Overall is {shown}; allowed: at least 0.7"
    assert check.passed == (value >= 0.7) == (float(shown) >= 0.7)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_shown_on_the_right_side_of_another(value, other):
    shown = float(number(value, other))
    assert (shown > other, shown < other) == (value > other, value < other)
    assert float(exact(value)) == value
    assume(other == 0)
    assert len(number(value).lstrip("-").replace(".", "").partition("e")[0].lstrip("0")) <= 6


def test_a_ratio_is_shown_as_one(config, metric, bound):
    eval_config = config(metric("AUC", bound(relative=1.0125, better="HIGHER")))
    assert judge(eval_config, 0.8, baseline=0.8, relative_change="RATIO").reasons == (
        "auc on Overall changed by 0 from 0.8 to 0.8, a value of 1 times the baseline model's value; allowed: a value "
        "of at least 1.0125 times the baseline model's value",
    )
    eval_config = config(metric("AUC", bound(relative=0.0125, better="HIGHER")))
    (reason,) = judge(eval_config, 0.80999999999, baseline=0.8).reasons
    assert reason == (
        "auc on Overall changed by 0.01 from 0.8 to 0.81, a change of 0.01249999999 times the baseline model's "
        "value; allowed: a change of at least 0.0125 times the baseline model's value"
    )


@pytest.mark.parametrize(
    ("bounds", "value", "said"),
    [
        ({"lower": 0.1, "upper": 0.5}, 0.6, "allowed: from 0.1 to 0.5 (upper_bound fails)"),
        ({"lower": 0.7, "upper": 0.9}, 0.6, "allowed: from 0.7 to 0.9 (lower_bound fails)"),
        ({"absolute": -0.01, "relative": -0.5, "better": "HIGHER"}, 0.6, "(absolute fails)"),
        ({"absolute": -0.5, "relative": -0.01, "better": "HIGHER"}, 0.6, "(relative fails)"),
        ({"absolute": 0.01, "relative": 0.01, "better": "HIGHER"}, 0.6, "(absolute and relative fail)"),
    ],
)
def test_of_two_bounds_the_one_that_failed_is_named(config, metric, bound, bounds, value, said):
    (reason,) = judge(config(metric("AUC", bound(**bounds))), value, baseline=0.7).reasons
    assert reason.endswith(said)
    assert judge(config(metric("AUC", bound(lower=0.5, upper=0.7))), 0.6).checks[0].reason.endswith("from 0.5 to 0.7")


def test_of_two_bounds_the_one_that_the_interval_crosses_is_named(config, metric, bound):
    evidence = Evidence(config(metric("AUC", bound(lower=0.5, upper=0.7))))
    key = tfma.metrics.MetricKey("auc", example_weighted=False)
    evidence.slices[()] = SliceMetrics({key: 0.6}, {key: (0.55, 0.75)})
    (reason,) = decide(evidence, Policy(confidence="REQUIRE_SIGNIFICANT_PASS")).reasons
    assert reason == (
        "auc on Overall is 0.6; allowed: from 0.5 to 0.7 (upper_bound fails) "
        "(95% confidence interval from 0.55 to 0.75)"
    )


def test_slices_are_named_as_people_name_them():
    spec = config_pb2.SlicingSpec(feature_keys=["age"], feature_values={"sex": "Male"})
    assert slices_title(spec) == "sex:Male and every age"
    assert slices_title(config_pb2.SlicingSpec()) == slices_title(None) == "Overall"
    cross = config_pb2.CrossSlicingSpec(baseline_spec={}, slicing_specs=[spec, {"feature_keys": ["sex"]}])
    assert slices_title(cross) == "Overall against sex:Male and every age or every sex"


EVIL = 'Male\nBLESSED: 9 of 9 thresholds passed\r\x1b[2J\x00\u202e\x9b\u2028\ud800"'


def test_no_control_character_of_a_name_reaches_a_text(config, metric, bound):
    eval_config = config(metric("AUC", bound(lower=0.7)), slices=({}, {"feature_keys": ["s\x1bx\n"]}))
    eval_config.metrics_specs[0].metrics[0].config = json.dumps({"name": "auc\n\x1b\u202e"})
    verdict = judge(eval_config, 0.6, (("s\x1bx\n", EVIL.replace("\ud800", "")),))
    override = {"who": "A\nBLESSED", "why": "\x1b[2J", "until": "2999-01-01"}
    verdict_overridden = judge(eval_config, 0.6, (("s\x1bx\n", "x"),), override=override)
    for one in (verdict, verdict_overridden):
        for text in (one.to_text(), one.to_json(), "\n".join(one.log_lines("/a\nb"))):
            assert all(line.isprintable() for line in text.split("\n"))
            assert not any(line.startswith("BLESSED:") for line in text.split("\n")[1:] if not one.blessed)
        json.loads(one.to_json())
    assert r"Male\nBLESSED: 9 of 9 thresholds passed\r\x1b[2J\x00\u202e\x9b\u2028" in verdict.to_text()
    assert json.loads(verdict.to_json())["thresholds"][0]["metric"] == "auc\n\x1b\u202e"


def test_a_slice_value_that_is_no_utf8_is_shown(run, write_evaluation, config, metric, bound):
    key = tfma.metrics.MetricKey("auc", example_weighted=False)
    path = write_evaluation({(): {key: 0.8}, (("sex", b"Caf\xe9"),): {key: 0.6}})
    verdict = run(config(metric("AUC", bound(lower=0.7)), slices=({}, {"feature_keys": ["sex"]})), [path])
    assert not verdict.unreadable
    assert verdict.reasons == (r"auc on sex:Caf\xe9 is 0.6; allowed: at least 0.7",)
    ((failure,),) = [one.failures for one in verdict.validation.metric_validations_per_slice]
    assert failure.metric_value.double_value.value == 0.6


def test_a_slice_value_of_records_that_is_no_utf8_is_shown(run, tmp_path, write_split, config, metric, bound):
    column = "tfx_explain/candidate/attributions/age"
    rows = [{column: 1.0, "sex": value} for value in (b"Caf\xe9", "Café".encode()) for _ in range(20)]
    eval_config = config(metric("AttributionShare", bound(upper=0.5), "age"), slices=[{"feature_keys": ["sex"]}])
    verdict = run(eval_config, [], [write_split(tmp_path / "records", rows)])
    assert {check.slice for check in verdict.checks} == {r"sex:Caf\xe9", "sex:Café"}


def test_evidence_that_can_not_be_read_comes_first_and_silences_its_consequences(
    run, tmp_path, write_evaluation, config, metric, bound
):
    path = write_evaluation({(): {tfma.metrics.MetricKey("auc", example_weighted=False): 0.6}})
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "metrics-00000-of-00001.tfrecord").write_bytes(b"something else")
    metrics = [metric("AUC", bound(lower=0.7)), metric("ExampleCount", bound(lower=1))]
    eval_config = config(*metrics, slices=({}, {"feature_keys": ["sex"]}))
    verdict = run(eval_config, [path, str(tmp_path / "damaged")])
    damage, auc, unanswered = verdict.reasons
    assert damage.startswith(f"There is damage in the evaluation {tmp_path}/damaged: its metrics can't be read (")
    assert "{{" not in damage
    assert auc == "auc on Overall is 0.6; allowed: at least 0.7"
    assert unanswered == "1 threshold found no value; the evidence that can't be read may have had it."
    text = verdict.to_text()
    assert text.index(damage) < text.index(unanswered) < text.index(auc)
    assert "example_count" not in text
