"""The gate on real records and evaluations: what it forbids, and what it says."""

import json
from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2


def test_the_verdict_is_written_for_people_and_programs(run, tmp_path, config, metric, bound, records, evaluation):
    metrics = [
        metric("AUC", bound(lower=0.6)),
        metric("AttributionShare", bound(upper=0.9, absolute=0.1), "zero"),
    ]
    verdict = run(config(*metrics), [evaluation], [records])
    share = tfma.load_eval_result(str(tmp_path / "validation"), model_name="candidate").slicing_metrics[0][1]
    observed = share[""][""]["attribution_share/zero"]["doubleValue"]
    content = json.loads((tmp_path / "validation" / "verdict.json").read_text())
    assert content["blessed"] is verdict.blessed is False
    (failed,) = [t for t in content["thresholds"] if not t["passed"]]
    assert content["reasons"] == [failed["reason"]]
    assert (failed["metric"], failed["feature"], failed["slice"]) == ("attribution_share/zero", "zero", "Overall")
    assert (failed["kind"], failed["bounds"]) == ("change", {"absolute": 0.1})
    assert failed["observed"] == failed["change"] == observed
    assert failed["baseline"] == 0
    assert failed["margin"] == pytest.approx(0.1 - observed)
    text = (tmp_path / "validation" / "verdict.txt").read_text()
    lines = text.splitlines()
    assert lines[0] == "NOT BLESSED: 2 of 3 thresholds passed"
    assert lines.index("Failed:") < lines.index("Passed:")
    assert f"- attribution_share/zero on Overall changed by {observed:.6g} from 0 to" in text


def test_only_change_thresholds_and_no_baseline(run, config, metric, bound, one_model_records):
    eval_config = config(metric("AttributionShare", bound(absolute=0.1), "age"))
    assert run(eval_config, [], [one_model_records]).blessed
    assert run(eval_config, [], [one_model_records], policy="BLESS").blessed
    rejected = run(eval_config, [], [one_model_records], policy="REJECT")
    assert rejected.reasons == ("There is no baseline model, and the policy for that (missing_baseline) is REJECT.",)
    assert not rejected.validation.validation_ok


def test_the_policy_bless_asks_no_threshold_without_a_baseline(run, config, metric, bound, one_model_records, records):
    eval_config = config(metric("AttributionShare", bound(upper=0), "age"))
    assert run(eval_config, [], [one_model_records], policy="BLESS").blessed
    assert not run(eval_config, [], [records], policy="BLESS").blessed
    assert not run(eval_config, [], [one_model_records], policy="SKIP_CHANGE_THRESHOLDS").blessed


def test_a_baseline_that_no_source_explains_fails_the_change_thresholds(run, config, metric, bound, one_model_records):
    eval_config = config(metric("AttributionShare", bound(absolute=1), "age"))
    verdict = run(eval_config, [], [one_model_records], has_baseline=True)
    assert verdict.reasons == (
        "attribution_share/age on Overall was not found: it has no value for the baseline model there; give the same "
        "baseline model to the node that computes it (allowed: a change of at most 1)",
    )


def test_a_baseline_in_the_evidence_is_never_ignored(run, config, metric, bound, records):
    for models in ([], [config_pb2.ModelSpec()]):
        verdict = run(config(metric("AttributionShare", bound(absolute=-1), "age"), models=models), [], [records])
        assert not verdict.blessed
        assert verdict.has_baseline


def test_empty_splits_forbid_a_blessing(run, tmp_path, write_split, config, metric, bound, records):
    empty = write_split(tmp_path / "empty", [], "train")
    eval_config = config(metric("AttributionShare", bound(upper=1), "age"))
    for patterns in ([empty], [records, empty], [str(tmp_path / "absent" / "*")]):
        verdict = run(eval_config, [], patterns)
        assert not verdict.blessed
        assert verdict.reasons[0].startswith(f"There are no records in split {len(patterns) - 1} ({tmp_path}/")


def test_an_empty_evaluation_forbids_a_blessing(run, tmp_path, config, metric, bound):
    (tmp_path / "empty").mkdir()
    verdict = run(config(metric("AUC", bound(lower=0))), [str(tmp_path / "empty")])
    assert verdict.reasons == (
        f"There are no metrics in the evaluation {tmp_path}/empty.",
        "1 threshold found no value; the evidence that can't be read may have had it.",
    )


def test_a_metric_in_two_places_is_an_error_that_names_both(
    run, tmp_path, stock, config, metric, bound, records, evaluation, two_models
):
    both = config(metric("AttributionShare", None, "age"), models=two_models)
    other = stock(both, records, tmp_path / "other")
    eval_config = config(metric("AttributionShare", bound(upper=1), "age"))
    with pytest.raises(ValueError, match=rf"attribution_share/age is in two places, in the evaluation {other} and in "):
        run(eval_config, [other], [records])
    assert run(config(metric("AUC", bound(lower=0))), [evaluation, other]).blessed


def test_an_unknown_feature_is_an_error(run, config, metric, bound, records):
    eval_config = config(metric("AttributionShare", bound(upper=1), "fnlwght"))
    with pytest.raises(ValueError, match=r"unknown feature 'fnlwght'; did you mean 'fnlwgt'\?"):
        run(eval_config, [], [records])


@pytest.mark.parametrize("damage", ["flip", "cut", "foreign"])
def test_damaged_records_forbid_a_blessing(run, tmp_path, write_split, config, metric, bound, rows, damage):
    pattern = write_split(tmp_path / "damaged", rows)
    (file,) = (tmp_path / "damaged" / "Split-eval").iterdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x10
    cut = bytes(content[: len(content) // 2])
    file.write_bytes({"flip": bytes(content), "cut": cut, "foreign": b"not a TFRecord"}[damage])
    verdict = run(config(metric("AttributionShare", bound(upper=1), "age")), [], [pattern])
    assert not verdict.blessed
    assert verdict.reasons[0].startswith(f"There is damage in split 0. {file} is damaged: ")


def test_a_damaged_evaluation_forbids_a_blessing(run, tmp_path, evaluation, config, metric, bound):
    (file,) = Path(evaluation).glob("metrics*")
    (tmp_path / "damaged").mkdir()
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x10
    (tmp_path / "damaged" / file.name).write_bytes(content)
    verdict = run(config(metric("AUC", bound(lower=0))), [str(tmp_path / "damaged")])
    assert not verdict.blessed
    assert verdict.reasons[0].startswith(f"There is damage in the evaluation {tmp_path}/damaged: its metrics can't")


def test_every_feature_that_a_glob_matches_has_a_threshold_of_its_own(run, config, metric, bound, records):
    verdict = run(config(metric("AttributionShare", bound(upper=0.3), "[af]*")), [], [records])
    assert {(c.metric, c.feature) for c in verdict.checks} == {
        ("attribution_share/age", "age"),
        ("attribution_share/fnlwgt", "fnlwgt"),
    }
    assert all(c.passed == (c.observed <= 0.3) for c in verdict.checks)
    with pytest.raises(ValueError, match=r"attribution_share/none\* has an unknown feature 'none\*'"):
        run(config(metric("AttributionShare", bound(upper=1), "none*")), [], [records])


def test_drift_from_the_baseline_model(run, config, metric, bound, records, one_model_records):
    eval_config = config(metric("ImportanceNDCG", bound(absolute=1.1, better="HIGHER")))
    verdict = run(eval_config, [], [records])
    (check,) = verdict.checks
    assert not check.passed
    assert (check.observed, check.baseline, check.margin) == (None, None, check.change - 1.1)
    assert verdict.reasons == (
        f"importance_ndcg on Overall, against the baseline model, is {check.change:.6g}; "
        "allowed: a change of at least 1.1",
    )
    assert run(config(metric("ImportanceNDCG", bound(absolute=0.5, better="HIGHER"))), [], [records]).blessed
    assert run(eval_config, [], [one_model_records]).blessed


def test_a_relative_bound_on_a_difference_without_a_baseline_value(run, config, bound, tmp_path):
    """TFMA's flip rates have no value for the baseline model; its validator alone ends in a KeyError."""
    keys = [tfma.metrics.MetricKey("symmetric_flip_rate", "candidate", example_weighted=False, is_diff=True)]
    metrics = tfma.writers.convert_slice_metrics_to_proto(((), dict.fromkeys(keys, 0.1)), add_metrics_callbacks=[])
    (tmp_path / "evaluation").mkdir()
    path = str(tmp_path / "evaluation")
    with tf.io.TFRecordWriter(f"{path}/metrics-00000-of-00001.tfrecord") as writer:
        writer.write(metrics.SerializeToString())
    flips = config_pb2.MetricConfig(class_name="SymmetricFlipRate", config='{"threshold": 0.5}')
    flips.threshold.CopyFrom(bound(relative=0.5))
    assert not run(config(flips), [path], has_baseline=True).blessed
    flips.threshold.CopyFrom(bound(absolute=0.5))
    assert run(config(flips), [path], has_baseline=True).blessed


def test_a_metric_on_other_slices_alone(run, config, metric, bound, records, evaluation):
    """The Evaluator was not told to slice by what the gate slices by."""
    metrics = [metric("AUC", bound(lower=0)), metric("AttributionShare", bound(upper=1), "age")]
    verdict = run(config(*metrics, slices=({}, {"feature_keys": ["label"]})), [evaluation], [records])
    assert verdict.reasons == tuple(
        f"auc on label:{label} was not found: it is there on other slices only; give the node that computes it the "
        "same slicing_specs (allowed: at least 0)"
        for label in ("0.0", "1.0")
    )
    overall = [config_pb2.PerSliceMetricThreshold(threshold=bound(lower=0), slicing_specs=[{}])]
    metrics[0] = metric("AUC", per_slice_thresholds=overall)
    assert run(config(*metrics, slices=({}, {"feature_keys": ["label"]})), [evaluation], [records]).blessed


@pytest.mark.parametrize("name", ["run[12]", "a*b", "run?", "#1 100% Grüße"])
def test_paths_are_not_patterns(run, tmp_path, write_evaluation, write_split, config, metric, bound, rows, name):
    """With a folder `run[12]`, the metrics and records of `run1` are not read, and an empty folder has none."""
    key = tfma.metrics.MetricKey("auc", example_weighted=False)
    for other in ("run1", "axb", "runX"):
        write_evaluation({(): {key: 0.9}}, other)
        write_split(tmp_path / other, rows)
    at_least, share = config(metric("AUC", bound(lower=0.7))), config(metric("AttributionShare", bound(upper=1), "age"))
    (tmp_path / "empty" / name / "Split-eval").mkdir(parents=True)
    assert run(at_least, [str(tmp_path / "empty" / name)]).unreadable
    assert run(share, [], [str(tmp_path / "empty" / name / "Split-eval" / "*")]).unreadable
    assert not run(at_least, [write_evaluation({(): {key: 0.6}}, name)]).blessed
    assert run(share, [], [write_split(tmp_path / name, rows)]).blessed
