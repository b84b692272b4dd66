"""Inputs with bits flipped or the end cut off; benchmarks/broken.py breaks a thousand."""

import os
import random
from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma

FILES = 2 * ["metrics-00000-of-00001.tfrecord"] + ["validations.tfrecord"]


@pytest.fixture
def whole(tmp_path, bound, metric, config, run, write_evaluation):
    """An evaluation of three slices that has validated; returns its folder and what blesses it."""
    slices = [(), (("sex", "Male"),), (("sex", "Female"),)]
    key = tfma.metrics.MetricKey("auc", example_weighted=False)
    path = write_evaluation({slice_key: {key: 0.8} for slice_key in slices})
    eval_config = config(metric("AUC", bound(lower=0.7)), slices=({}, {"feature_keys": ["sex"]}))
    verdict = run(eval_config, [path])
    assert verdict.blessed
    with tf.io.TFRecordWriter(f"{path}/validations.tfrecord") as writer:
        writer.write(verdict.validation.SerializeToString())
    return tmp_path / "evaluation", eval_config


@pytest.mark.parametrize("seed", range(60))
def test_a_broken_evaluation_is_not_blessed(run, whole, seed):
    folder, eval_config = whole
    generator = random.Random(seed)
    file = folder / generator.choice(FILES)
    content = bytearray(file.read_bytes())
    if seed % 2:
        del content[generator.randrange(1, len(content)) :]
    else:
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
    file.write_bytes(content)
    verdict = run(eval_config, [str(folder)])
    assert not verdict.blessed
    assert verdict.unreadable
    assert f"There is damage in the evaluation {folder}: " in verdict.reasons[0]


@pytest.mark.parametrize("name", ["summary.json", "eval_config.json", FILES[0]])
def test_a_link_a_folder_or_a_pipe_in_place_of_a_file_is_damage(run, whole, name):
    folder, eval_config = whole
    makers = [lambda path: path.symlink_to("nothing"), lambda path: path.symlink_to(name), Path.mkdir, os.mkfifo]
    for make in makers:
        (folder / name).unlink(missing_ok=True)
        make(folder / name)
        verdict = run(eval_config, [str(folder)])
        assert verdict.unreadable
        assert f"There is damage in the evaluation {folder}: " in verdict.reasons[0]
        if (folder / name).is_dir():
            (folder / name).rmdir()


def test_a_cut_between_two_records_shows_in_the_number_of_validated_slices(run, whole):
    folder, eval_config = whole
    file = folder / FILES[0]
    first = next(tf.data.TFRecordDataset(str(file)).as_numpy_iterator())
    file.write_bytes(file.read_bytes()[: len(first) + 16])
    reason, *_ = run(eval_config, [str(folder)]).problems
    assert reason.endswith("(3 slices were validated, but there are metrics of 1).")


@pytest.mark.parametrize("written", [59, 61])
def test_records_and_summary_disagree(run, tmp_path, write_split, config, metric, bound, one_model_rows, written):
    pattern = write_split(tmp_path / "attributions", one_model_rows)
    counts = f'{{"rows_read": {written}, "rows_explained": {written}, "rows_failed": 0, "tolerance_not_met": 0}}'
    (tmp_path / "attributions" / "summary.json").write_text(f'{{"eval": {counts}}}')
    verdict = run(config(metric("AttributionShare", bound(upper=1), "age")), [], [pattern])
    assert not verdict.blessed
    assert f"It has 60 records, but the Explainer wrote {written} (summary.json)" in verdict.problems[0]


def test_a_summary_of_other_splits(run, tmp_path, write_split, config, metric, bound, one_model_rows):
    pattern = write_split(tmp_path / "attributions", one_model_rows)
    counts = '{"rows_read": 60, "rows_explained": 60, "rows_failed": 0, "tolerance_not_met": 0}'
    (tmp_path / "attributions" / "summary.json").write_text(f'{{"evil": {counts}}}')
    verdict = run(config(metric("AttributionShare", bound(upper=1), "age")), [], [pattern])
    assert not verdict.blessed
    assert "The Explainer's summary.json is of other splits (evil)" in verdict.problems[0]


def test_records_that_no_explainer_wrote(run, tmp_path, write_split, config, metric, bound):
    pattern = write_split(tmp_path / "foreign", [{"age": 3.0}])
    verdict = run(config(metric("AttributionShare", bound(upper=1), "age")), [], [pattern])
    assert verdict.unreadable
    assert verdict.problems[0].startswith("There are no attributions in the records of split 0: they lack the columns")


def test_records_whose_rows_failed_or_missed_their_tolerance(run, tmp_path, write_split, config, metric, bound):
    """Without a summary, the records themselves tell."""
    column = "tfx_explain/candidate/attributions/age"
    rows = [{column: 1.0, "tfx_explain/candidate/tolerance_met": float(i % 4 > 0)} for i in range(20)]
    rows += [{column: float("nan")}]
    verdict = run(
        config(metric("AttributionShare", bound(upper=1), "age")), [], [write_split(tmp_path / "records", rows)]
    )
    assert verdict.problems == (
        "split 0: 1 of 21 rows could not be explained, more than max_failed_fraction, 0.01; what is left may not speak "
        "for them.",
        "split 0: the attributions of 5 of 20 rows missed their tolerance, more than max_tolerance_missed_fraction, "
        "0.1; let the Explainer spend more on a row, or widen its tolerance.",
    )


@pytest.mark.parametrize("bound_of", ["AttributionShare", "MeanAbsoluteAttribution"])
def test_records_of_a_class_on_which_nothing_has_influence(run, tmp_path, write_split, config, metric, bound, bound_of):
    """As a softmax's reference class explained by its logit."""
    columns = [f"tfx_explain/candidate/{name}" for name in ("attributions/age", "output_index", "tolerance_met")]
    rows = [dict(zip(columns, (float(i % 2), i % 2, 1), strict=True)) for i in range(20)]
    verdict = run(config(metric(bound_of, bound(upper=1), "age")), [], [write_split(tmp_path / "records", rows)])
    assert not verdict.blessed
    assert "split 0: 10 of 20 rows are of classes on which no feature has any influence" in verdict.problems[0]
