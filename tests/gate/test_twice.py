"""The same thing twice in the evidence: damage, or an error, that names both places."""

import shutil

import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma

KEY = tfma.metrics.MetricKey("auc", example_weighted=False)
MALE = (("sex", "Male"),)


@pytest.fixture
def at_least(config, metric, bound):
    return config(metric("AUC", bound(lower=0.7)), slices=({}, {"feature_keys": ["sex"]}))


def append(path, target, name="metrics-00000-of-00001.tfrecord"):
    """Adds the records of an evaluation to another one's file."""
    records = [
        record
        for folder in (target, path)
        for record in tf.data.TFRecordDataset(f"{folder}/{'metrics-00000-of-00001.tfrecord'}").as_numpy_iterator()
    ]
    with tf.io.TFRecordWriter(f"{target}/{name}") as writer:
        for record in records:
            writer.write(record)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("metrics-00000-of-00001.tfrecord", "metrics-00000-of-00002.tfrecord"),
        ("metrics-00000-of-00001.tfrecord", "metrics.tfrecord"),
        ("metrics-00000-of-00001.tfrecord", "metrics-00000-of-00001"),
    ],
)
def test_shards_of_two_writings_are_damage(run, write_evaluation, at_least, old, new):
    path, other = (write_evaluation({(): {KEY: value}}, name) for name, value in (("one", 0.8), ("other", 0.6)))
    shutil.copy(f"{other}/metrics-00000-of-00001.tfrecord", f"{path}/{new}")
    verdict = run(at_least, [path])
    assert verdict.unreadable
    assert f"({min(old, new)} and {max(old, new)} are of two writings, of which one may be old" in verdict.problems[0]


def test_a_metric_twice_on_a_slice(run, write_evaluation, at_least):
    path = write_evaluation({(): {KEY: 0.6}, MALE: {KEY: 0.9}}, "one")
    append(write_evaluation({(): {KEY: 0.8}}, "other"), path)
    verdict = run(at_least, [path])
    assert verdict.unreadable
    file = "metrics-00000-of-00001.tfrecord"
    assert f"(auc on Overall is there twice, in {file} and in {file}: 0.6 and 0.8)" in verdict.problems[0]
    same = write_evaluation({(): {KEY: 0.8}, MALE: {KEY: 0.9}}, "same")
    append(same, same)
    assert run(at_least, [same]).blessed


def test_two_names_of_one_model(run, write_evaluation, config, metric, bound):
    candidate, baseline = (KEY._replace(model_name=name) for name in ("candidate", "baseline"))
    at_least = config(metric("AUC", bound(lower=0.7)))
    for number, rest in enumerate(({}, {baseline: 0.8})):
        verdict = run(at_least, [write_evaluation({(): {KEY: 0.8, candidate: 0.6} | rest}, f"both{number}")])
        assert verdict.unreadable
        twice = "auc on Overall is there twice, of the models '' and 'candidate', which are both the candidate"
        assert twice in verdict.problems[0]
    assert run(at_least, [write_evaluation({(): {candidate: 0.8}}, "one")]).blessed


def test_two_baseline_evaluations_that_disagree(run, write_evaluation, config, metric, bound):
    now, one, other = (write_evaluation({(): {KEY: value}}, f"at{value}") for value in (0.8, 0.7, 0.9))
    change = config(metric("AUC", bound(absolute=0, better="HIGHER")))
    with pytest.raises(
        ValueError, match=rf"auc on Overall is 0.7 in the baseline evaluation {one} and 0.9 in the base"
    ):
        run(change, [now], baseline_evaluations=[one, other])
    shutil.copytree(one, f"{one}_copy")
    assert run(change, [now], baseline_evaluations=[one, f"{one}_copy"]).blessed


def test_a_baseline_evaluation_with_two_names_of_its_candidate(run, write_evaluation, config, metric, bound):
    now = write_evaluation({(): {KEY: 0.8}}, "now")
    then = write_evaluation({(): {KEY: 0.7, KEY._replace(model_name="candidate"): 0.9}}, "then")
    verdict = run(config(metric("AUC", bound(absolute=0, better="HIGHER"))), [now], baseline_evaluations=[then])
    assert not verdict.blessed
    assert "It has metrics of the models '', candidate; of an earlier run" in verdict.problems[0]


@pytest.mark.parametrize(
    ("rename", "sentence"),
    [
        ("attributions-00000-of-00002.gz", "attributions-00001-of-00002.gz is missing"),
        ("attributions-00003-of-00001.gz", "attributions-00000-of-00001.gz is missing"),
    ],
)
def test_a_missing_shard_of_attributions(run, tmp_path, write_split, config, metric, bound, rows, rename, sentence):
    pattern = write_split(tmp_path / "attributions", rows)
    split = tmp_path / "attributions" / "Split-eval"
    (split / "attributions-00000-of-00001.gz").rename(split / rename)
    verdict = run(config(metric("AttributionShare", bound(upper=1), "age")), [], [pattern])
    assert verdict.unreadable
    assert f"There is damage in split 0. {sentence}." in verdict.problems


def test_two_writings_of_attributions(run, tmp_path, write_split, config, metric, bound, rows):
    pattern = write_split(tmp_path / "attributions", rows)
    split = tmp_path / "attributions" / "Split-eval"
    for shard in range(2):
        shutil.copy(split / "attributions-00000-of-00001.gz", split / f"attributions-0000{shard}-of-00002.gz")
    verdict = run(config(metric("AttributionShare", bound(upper=1), "age")), [], [pattern])
    assert (
        "attributions-00000-of-00001.gz and attributions-00000-of-00002.gz are of two writings" in verdict.problems[0]
    )


def test_a_slice_that_only_the_baseline_model_has(run, write_evaluation, at_least, config, metric, bound):
    """As in an evaluation of both models, where the baseline model comes from its own run."""
    change = config(metric("AUC", bound(absolute=-1, better="HIGHER")), slices=({}, {"feature_keys": ["sex"]}))
    now = write_evaluation({(): {KEY: 0.8}, (("sex", "Female"),): {KEY: 0.8}}, "now")
    then = write_evaluation({slice_key: {KEY: 0.7} for slice_key in ((), MALE, (("town", "Ulm"),))}, "then")
    verdict = run(change, [now], baseline_evaluations=[then])
    (reason,) = (reason for reason in verdict.reasons if "sex:Male" in reason)
    assert "auc on sex:Male was not found: only the model 'baseline' has it there, where the candidate has no" in reason
    assert not any("town" in reason for reason in verdict.reasons)
