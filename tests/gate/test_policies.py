"""What the policies make of the same metrics, and what forbids a blessing whatever the thresholds say."""

import dataclasses
import datetime
import json
import math

import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma

from tfx_explain.gate.deciding.decide import decide
from tfx_explain.gate.reading.evaluations import SliceMetrics
from tfx_explain.gate.reading.evidence import Evidence
from tfx_explain.proto import explanation_pb2
from tfx_explain.storage.no_model import NoModel

Policy = explanation_pb2.GatePolicy
CONFIDENCES = [value.name for value in Policy.Confidence.DESCRIPTOR.values]
NOW = datetime.datetime(2026, 11, 22, 12, tzinfo=datetime.timezone.utc)
MALE = (("sex", "Male"),)


def key(model="candidate", name="auc"):
    return tfma.metrics.MetricKey(name, model, example_weighted=False)


@pytest.fixture
def judge(config, metric):
    """Decides one threshold on AUC."""

    def decided(threshold, candidate=None, baseline=None, interval=None, change_interval=None, **policy):
        evidence = Evidence(config(metric("AUC", threshold)), has_baseline=baseline is not None)
        # Without a baseline model, TFMA leaves the one model without a name.
        candidate_key = key() if evidence.has_baseline else key("")
        values, intervals = {candidate_key: candidate}, {}
        if baseline is not None:
            values[key("baseline")] = baseline
            values[key().make_diff_key()] = candidate - baseline
            intervals |= {key().make_diff_key(): change_interval} if change_interval else {}
        intervals |= {candidate_key: interval} if interval else {}
        evidence.slices[()] = SliceMetrics(values, intervals)
        return decide(evidence, Policy(**policy), NOW)

    return decided


@pytest.mark.parametrize(("candidate", "blessed"), [(0.81, True), (0.79, False)])
def test_a_ratio_is_candidate_by_baseline(judge, bound, candidate, blessed):
    threshold = bound(relative=1.0125, better="HIGHER")
    verdict = judge(threshold, candidate, 0.8, relative_change="RATIO")
    (check,) = verdict.checks
    assert verdict.blessed == blessed
    assert check.bounds == {"relative": 1.0125}
    assert check.margin == pytest.approx(candidate / 0.8 - 1.0125)
    assert check.reason.endswith("allowed: a value of at least 1.0125 times the baseline model's value")
    assert not judge(threshold, candidate, 0.8).blessed
    assert json.loads(verdict.to_json())["relative_change"] == "RATIO"


def test_a_ratio_to_a_negative_baseline_is_a_quotient(judge, bound):
    assert judge(bound(relative=1.5, better="HIGHER"), -0.8, -0.4, relative_change="RATIO").blessed
    assert not judge(bound(relative=1.5, better="HIGHER"), -0.5, -0.4, relative_change="RATIO").blessed


@pytest.mark.parametrize(
    ("bounds", "interval", "point", "significant_pass", "significant_failure"),
    [
        ({"lower": 0.7}, (0.75, 0.85), True, True, True),
        ({"lower": 0.7}, (0.65, 0.95), True, False, True),
        ({"lower": 0.85}, (0.75, 0.9), False, False, True),
        ({"lower": 0.95}, (0.75, 0.9), False, False, False),
        ({"lower": 0.81, "upper": 0.82}, (0.7, 0.9), False, False, True),
        ({"lower": 0.1, "upper": 0.7}, (0.75, 0.85), False, False, False),
    ],
)
def test_confidence_in_a_value(judge, bound, bounds, interval, point, significant_pass, significant_failure):
    threshold = bound(**bounds)
    assert judge(threshold, 0.8, interval=interval).blessed == point
    assert judge(threshold, 0.8, interval=interval, confidence="REQUIRE_SIGNIFICANT_PASS").blessed == significant_pass
    verdict = judge(threshold, 0.8, interval=interval, confidence="REQUIRE_SIGNIFICANT_FAILURE")
    assert verdict.blessed == significant_failure == (not verdict.validation.metric_validations_per_slice)
    assert verdict.checks[0].interval == interval


@pytest.mark.parametrize(
    ("bounds", "interval", "significant_pass", "significant_failure"),
    [
        ({"absolute": -0.02}, (-0.05, 0.03), False, True),
        ({"absolute": -0.02}, (-0.015, 0.03), True, True),
        ({"absolute": 0.1}, (-0.05, 0.03), False, False),
        ({"relative": -0.02}, (-0.05, 0.03), False, True),
        ({"relative": 0.1}, (-0.05, 0.03), False, False),
    ],
)
def test_confidence_in_a_change(judge, bound, bounds, interval, significant_pass, significant_failure):
    threshold = bound(**bounds, better="HIGHER")
    given = {"candidate": 0.79, "baseline": 0.8, "change_interval": interval}
    assert judge(threshold, **given, confidence="REQUIRE_SIGNIFICANT_PASS").blessed == significant_pass
    assert judge(threshold, **given, confidence="REQUIRE_SIGNIFICANT_FAILURE").blessed == significant_failure


def test_nothing_is_significant_without_an_interval(judge, bound):
    verdict = judge(bound(lower=0.7), 0.8, confidence="REQUIRE_SIGNIFICANT_PASS")
    assert verdict.reasons[0].startswith("auc on Overall has no confidence interval, which REQUIRE_SIGNIFICANT_PASS")
    assert not judge(bound(lower=0.9), 0.8, confidence="REQUIRE_SIGNIFICANT_FAILURE").blessed
    assert judge(bound(lower=0.7), 0.8, confidence="REQUIRE_SIGNIFICANT_FAILURE").blessed


def test_a_count_is_exact(config, metric, bound):
    evidence = Evidence(config(metric("ExampleCount", bound(lower=10))))
    evidence.slices[()] = SliceMetrics({key("", "example_count"): 12.0})
    assert decide(evidence, Policy(confidence="REQUIRE_SIGNIFICANT_PASS")).blessed


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_what_is_no_finite_number_passes_nothing(judge, bound, value, confidence):
    more = {"interval": (0.7, 0.9), "change_interval": (-0.1, 0.1), "confidence": confidence}
    for threshold in (bound(lower=0.1), bound(upper=0.9), bound(lower=-math.inf, upper=math.inf)):
        verdict = judge(threshold, value, **more)
        assert not verdict.blessed
        assert ("not a number (NaN)" if math.isnan(value) else "infinite") in verdict.reasons[0]
        assert verdict.validation.metric_validations_per_slice
    for better in ("LOWER", "HIGHER"):
        assert not judge(bound(absolute=0, better=better), value, 0.5, **more).blessed
        verdict = judge(bound(absolute=0, better=better), 0.5, value, **more)
        assert "the baseline model's value is" in verdict.reasons[0]
        assert not verdict.blessed


def test_a_baseline_of_zero_has_no_relative_change(judge, bound):
    for reading in ("DIFFERENCE", "RATIO"):
        for confidence in CONFIDENCES:
            policy = {"relative_change": reading, "confidence": confidence}
            verdict = judge(bound(relative=9), 0.8, 0.0, change_interval=(0.7, 0.9), **policy)
            assert not verdict.blessed
        assert verdict.reasons[0].endswith(", and a baseline value of 0 has no relative change")


def test_a_change_without_direction_passes_nothing(judge, bound):
    verdict = judge(bound(absolute=0, better=""), 0.8, 0.7)
    assert verdict.reasons == (
        "auc on Overall changed by 0.1, but its threshold has no direction, so that no change can pass; "
        "set HIGHER_IS_BETTER or LOWER_IS_BETTER",
    )


OVERRIDE = {"who": "Ada", "why": "the label was wrong", "until": "2026-11-30"}


def test_an_override_blesses_and_says_so(judge, bound):
    verdict = judge(bound(lower=0.9), 0.8, override=OVERRIDE)
    assert verdict.blessed
    assert verdict.overridden
    assert not verdict.validation.validation_ok
    said = json.loads(verdict.to_json())
    assert (said["blessed"], said["overridden"], said["override"]) == (True, True, OVERRIDE | {"in_force": True})
    assert said["reasons"] == ["auc on Overall is 0.8; allowed: at least 0.9"]
    lines = verdict.to_text().splitlines()
    assert lines[1] == "BLESSED BY OVERRIDE, NOT BY THE THRESHOLDS."
    assert lines[2:5] == ["WHO: Ada", "WHY: the label was wrong", "UNTIL: 2026-11-30"]


@pytest.mark.parametrize(
    ("until", "in_force"),
    [
        ("2026-11-22T11:59:59Z", False),
        ("2026-11-22T12:00:01Z", True),
        ("2026-11-22T13:30:00.5+02:00", False),
        ("2026-11-22t12:30:00z", True),
        ("2026-11-21", False),
        ("2026-11-22", True),
    ],
)
def test_an_override_expires(judge, bound, until, in_force):
    verdict = judge(bound(lower=0.9), 0.8, override=OVERRIDE | {"until": until})
    assert verdict.blessed == in_force
    expired = f"The override by Ada has expired: it held until {until}. It was not applied."
    assert (expired in verdict.to_text()) == (not in_force)


def test_a_verdict_says_when_it_was_reached(judge, bound):
    verdict = judge(bound(lower=0.7), 0.8)
    assert json.loads(verdict.to_json())["decided_at"] == "2026-11-22T12:00:00Z"
    assert "\nDecided at 2026-11-22T12:00:00Z\n" in verdict.to_text()
    zone = datetime.timezone(datetime.timedelta(hours=2))
    assert dataclasses.replace(verdict, decided_at=NOW.astimezone(zone)).to_json() == verdict.to_json()


def test_an_override_that_is_not_needed(judge, bound):
    verdict = judge(bound(lower=0.7), 0.8, override=OVERRIDE)
    assert verdict.blessed
    assert not verdict.overridden
    assert "The override by Ada (until 2026-11-30) was not needed." in verdict.to_text()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"who": " "}, "lacks who"), ({"why": ""}, "lacks why"), ({"until": "soon"}, "until 'soon', which is no time")],
)
def test_half_an_override_is_refused(judge, bound, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        judge(bound(lower=0.7), 0.8, override=OVERRIDE | change)


def test_an_interval_is_read_from_an_evaluation(run, write_evaluation, config, metric, bound):
    eval_config = config(metric("AUC", bound(lower=0.75)), options={"compute_confidence_intervals": {"value": True}})
    path = write_evaluation({(): {key(""): (0.8, 0.7, 0.9)}})
    assert run(eval_config, [path]).blessed
    verdict = run(eval_config, [path], policy=Policy(confidence="REQUIRE_SIGNIFICANT_PASS"))
    assert verdict.reasons == (
        "auc on Overall is 0.8; allowed: at least 0.75 (95% confidence interval from 0.7 to 0.9)",
    )


def test_the_baselines_own_run_stands_in(run, write_evaluation, config, metric, bound):
    now = write_evaluation({(): {key(""): 0.8}, MALE: {key(""): 0.7}}, "now")
    then = write_evaluation({(): {key(""): 0.82}, MALE: {key(""): 0.7}}, "then")
    threshold = bound(absolute=-0.01, relative=-0.1, better="HIGHER")
    eval_config = config(metric("AUC", threshold), slices=({}, {"feature_keys": ["sex"]}))
    verdict = run(eval_config, [now], baseline_evaluations=[then])
    assert verdict.has_baseline
    assert verdict.reasons == (
        "auc on Overall changed by -0.02 from 0.82 to 0.8, a change of -0.0243902 times the baseline model's value; "
        "allowed: a change of at least -0.01 and a change of at least -0.1 times the baseline model's value "
        "(absolute fails)",
    )
    only_whole = write_evaluation({(): {key("candidate"): 0.7, key("baseline"): 0.9}}, "only_whole")
    verdict = run(eval_config, [now], baseline_evaluations=[only_whole])
    (missing,) = verdict.reasons
    assert missing.startswith("auc on sex:Male was not found: ")


def test_a_value_of_now_wins_over_the_baselines_own_run(run, write_evaluation, config, metric, bound):
    change = key().make_diff_key()
    now = write_evaluation({(): {key(): 0.8, key("baseline"): 0.7, change: 0.1}}, "now")
    then = write_evaluation({(): {key(""): 0.9}}, "then")
    eval_config = config(metric("AUC", bound(absolute=0, better="HIGHER")))
    assert run(eval_config, [now], baseline_evaluations=[then]).checks[0].baseline == pytest.approx(0.7)


def test_which_model_of_the_baselines_run_can_not_be_told(run, write_evaluation, config, metric, bound):
    now = write_evaluation({(): {key(""): 0.8}}, "now")
    then = write_evaluation({(): {key("one"): 0.9, key("other"): 0.9}}, "then")
    verdict = run(config(metric("AUC", bound(absolute=0, better="HIGHER"))), [now], baseline_evaluations=[then])
    assert verdict.problems[0].endswith(
        "It has metrics of the models one, other; of an earlier run, the gate takes the model that is 'candidate' or "
        "has no name."
    )


def test_several_evaluations_join(run, write_evaluation, config, metric, bound):
    first = write_evaluation({(): {key(""): 0.8}}, "first")
    second = write_evaluation({(): {key("", "example_count"): 12.0}}, "second")
    eval_config = config(metric("AUC", bound(lower=0.7)), metric("ExampleCount", bound(lower=10)))
    assert run(eval_config, [first, second]).blessed
    with pytest.raises(ValueError, match=rf"auc is in two places, in the evaluation {first} and in the evaluation "):
        run(eval_config, [first, write_evaluation({(): {key(""): 0.8}}, "third")])


def test_a_metric_whose_evaluation_lacks_a_slice_of_another(run, write_evaluation, config, metric, bound):
    """As after a cut between two records of a plain file: one of the evaluations has lost a slice."""
    first = write_evaluation({(): {key(""): 0.8}}, "first")
    second = write_evaluation({at: {key("", "example_count"): 12.0} for at in ((), MALE)}, "second")
    metrics = [metric("AUC", bound(lower=0.7)), metric("ExampleCount", bound(lower=10))]
    eval_config = config(*metrics, slices=({}, {"feature_keys": ["sex"]}))
    (reason,) = run(eval_config, [first, second]).reasons
    assert reason.startswith("auc on sex:Male was not found: it is there on other slices only")


def test_a_slice_that_was_validated_and_is_gone(run, tmp_path, write_evaluation, config, metric, bound):
    path = write_evaluation({(): {key(""): 0.8}})
    eval_config = config(metric("AUC", bound(lower=0.7)), slices=({}, {"feature_keys": ["sex"]}))
    assert not run(eval_config, [path]).unreadable
    evidence = Evidence(eval_config)
    evidence.slices = {slice_key: SliceMetrics({key(""): 0.8}) for slice_key in ((), MALE)}
    with tf.io.TFRecordWriter(f"{path}/validations.tfrecord") as writer:
        writer.write(decide(evidence, Policy()).validation.SerializeToString())
    verdict = run(eval_config, [path])
    assert verdict.unreadable
    assert verdict.problems[0].endswith("(2 slices were validated, but there are metrics of 1).")


def test_a_missing_shard_is_damage(run, tmp_path, write_evaluation, config, metric, bound):
    path = write_evaluation({(): {key(""): 0.8}})
    (tmp_path / "evaluation" / "metrics-00000-of-00001.tfrecord").rename(f"{path}/metrics-00000-of-00002.tfrecord")
    verdict = run(config(metric("AUC", bound(lower=0.7))), [path])
    assert "metrics-00001-of-00002.tfrecord is missing" in verdict.problems[0]


def test_no_examples_forbid_a_blessing(run, write_evaluation, config, metric, bound):
    path = write_evaluation({(): {key(""): 0.8, key("", "example_count"): 0.0}})
    verdict = run(config(metric("AUC", bound(lower=0.7))), [path])
    assert verdict.reasons == (f"There are no examples on Overall in the evaluation {path}.",)


def test_an_unknown_slice_is_named(run, write_evaluation, config, metric, bound):
    path = write_evaluation({slice_key: {key(""): 0.8} for slice_key in ((), MALE)})
    verdict = run(config(metric("AUC", bound(lower=0.7)), slices=({}, {"feature_keys": ["sexx"]})), [path])
    assert not verdict.blessed
    assert "slices by an unknown feature 'sexx'" in verdict.reasons[0]


def test_an_unknown_model_is_named(run, write_evaluation, config, metric, bound):
    path = write_evaluation({(): {key("mine"): 0.8, key("old"): 0.8, key("mine").make_diff_key(): 0.0}})
    eval_config = config(metric("AUC", bound(lower=0.7, absolute=0, relative=0, better="HIGHER")))
    with pytest.raises(ValueError, match="The evaluations have an unknown model 'mein'; did you mean 'mine'"):
        run(eval_config, [path], model_name="mein")
    assert run(eval_config, [path], model_name="mine").blessed
    verdict = run(eval_config, [path])
    assert "auc on Overall was not found: it is there for other models only: unknown model 'candidate'" in str(
        verdict.reasons
    )


@pytest.fixture
def at_least(config, metric, bound):
    return config(metric("AUC", bound(lower=0.7)))


def summary(**counts):
    of_split = {"rows_read": 100, "rows_explained": 100, "rows_failed": 0, "tolerance_not_met": 0}
    return json.dumps({"eval": of_split | counts})


@pytest.mark.parametrize(
    ("counts", "policy", "sentence"),
    [
        ({"rows_explained": 98, "rows_failed": 2}, {}, "2 of 100 rows could not be explained, more than max_failed_fr"),
        ({"rows_explained": 98, "rows_failed": 2}, {"max_failed_fraction": 0.02}, None),
        ({"tolerance_not_met": 11}, {}, "11 of 100 rows missed their tolerance, more than max_tolerance_missed_frac"),
        ({"tolerance_not_met": 11}, {"max_tolerance_missed_fraction": 0.2}, None),
        ({"tolerance_not_met": 1}, {"max_tolerance_missed_fraction": 0}, "1 of 100 rows missed their tolerance"),
        (
            {
                "rows_by_class": {"candidate/0": 9, "candidate/1": 1},
                "rows_without_influence_by_class": {"candidate/0": 9},
            },
            {},
            "No feature has any influence on class 0 of the candidate model: in each of its 9 rows all attributions",
        ),
        ({"rows_by_class": {"candidate/0": 9}, "rows_without_influence_by_class": {"candidate/0": 8}}, {}, None),
        ({"rows_failed": 1}, {}, "the counts of split 'eval' contradict each other"),
        ({"rows_read": "100"}, {}, "it holds no counts of rows by split"),
    ],
)
def test_an_explanation_that_falls_short(
    run, tmp_path, write_evaluation, config, metric, bound, counts, policy, sentence
):
    path = write_evaluation({(): {key(""): 0.8}})
    (tmp_path / "evaluation" / "summary.json").write_text(summary(**counts))
    verdict = run(config(metric("AUC", bound(lower=0.7))), [path], policy=Policy(**policy))
    assert verdict.blessed == (sentence is None)
    assert (sentence or "") in " ".join(verdict.reasons)


def test_a_summary_that_is_something_else(run, tmp_path, write_evaluation, config, metric, bound):
    path = write_evaluation({(): {key(""): 0.8}})
    for text in ("[]", "{", '{"eval": {}}', '{"eval": 3}', "\xff"):
        (tmp_path / "evaluation" / "summary.json").write_text(text, encoding="latin-1")
        verdict = run(config(metric("AUC", bound(lower=0.7))), [path], policy=Policy(override=OVERRIDE))
        assert not verdict.blessed, "no override outweighs what can't be read"
        assert "summary.json is damaged or something else" in verdict.reasons[0]


FIRST = NoModel("No version was pushed to '/serving' yet.", is_first=True)
BROKEN = NoModel("None of the 2 versions in '/serving' is whole.", is_first=False)


@pytest.fixture
def judge_without(config, metric, bound):
    """Decides on a bound and a change without a baseline model, of which `no_baseline` says why."""

    def decided(no_baseline, **policy):
        evidence = Evidence(config(metric("AUC", bound(lower=0.7, absolute=0))), no_baseline=no_baseline)
        evidence.slices[()] = SliceMetrics({key(""): 0.8})
        return decide(evidence, Policy(**policy), NOW)

    return decided


def test_change_thresholds_that_are_not_asked_are_said_in_the_first_lines(judge_without):
    verdict = judge_without(FIRST)
    sentence = "There is no baseline model, so that 1 threshold was not asked. No version was pushed to '/serving' yet."
    assert verdict.blessed
    assert verdict.to_text().splitlines()[:2] == ["BLESSED: 1 of 1 thresholds passed", f"WARNING: {sentence}"]
    assert list(verdict.log_lines("/v"))[:2] == verdict.to_text().splitlines()[:2]
    assert list(json.loads(verdict.to_json()).items())[:3] == [
        ("schema_version", 1),
        ("blessed", True),
        ("warning", sentence),
    ]


def test_where_all_thresholds_were_asked_there_is_no_warning(judge, bound):
    for verdict in (judge(bound(lower=0.7, absolute=0.1), 0.8, 0.8), judge(bound(lower=0.7), 0.8)):
        assert verdict.warning == json.loads(verdict.to_json())["warning"] == ""
        assert "WARNING" not in verdict.to_text()


@pytest.mark.parametrize(
    ("no_baseline", "policy", "why"),
    [
        (FIRST, "REJECT_ONCE_PUSHED", ""),
        (BROKEN, "REJECT_ONCE_PUSHED", "REJECT_ONCE_PUSHED: None of the 2 versions in '/serving' is whole."),
        (None, "REJECT_ONCE_PUSHED", "REJECT_ONCE_PUSHED: no LatestPushedModel says that nothing was pushed yet."),
        (FIRST, "REJECT", "REJECT."),
        (BROKEN, "SKIP_CHANGE_THRESHOLDS", ""),
    ],
)
def test_a_policy_can_ask_for_a_baseline_model_once_one_was_pushed(judge_without, no_baseline, policy, why):
    verdict = judge_without(no_baseline, missing_baseline=policy)
    assert verdict.blessed == (not why)
    said = f"There is no baseline model, and the policy for that (missing_baseline) is {why}"
    assert verdict.problems == ((said,) if why else ())
