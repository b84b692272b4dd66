import logging
import pathlib
import re

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from ml_metadata.proto import metadata_store_pb2
from rich.console import Console

from tfx_explain.pipelines.census import data, features, pipeline
from tfx_explain.pipelines.census.story import STORY
from tfx_explain.pipelines.demonstration import outcome, story
from tfx_explain.pipelines.demonstration.run import demonstrate
from tfx_explain.report.history.left import left_in
from tfx_explain.report.history.run import Reading
from tfx_explain.report.history.store import left_by
from tfx_explain.report.history.write import read_history
from tfx_explain.storage import columns


@pytest.mark.slow
def test_the_story_comes_out_as_told(told):
    assert told.status == 0, told.stdout + told.stderr
    assert "All runs came out as told" in told.stdout


@pytest.mark.slow
def test_it_ends_with_the_path_of_the_blocked_models_report(told):
    what, path = told.stdout.strip().splitlines()[-1].split()
    assert what == "Report"
    assert "NOT BLESSED" in pathlib.Path(path).read_text()


@pytest.mark.slow
def test_nobody_but_the_demonstration_speaks(told):
    assert told.stderr == ""
    assert not re.search(r"warn|tensorflow.*:|absl|beam", told.stdout.partition("Everything is in")[0], re.IGNORECASE)


@pytest.mark.slow
def test_each_node_of_each_run_is_shown_with_its_time(told):
    shown = re.findall(r"^  (\w+) +\d+\.\d s$", told.stdout, re.MULTILINE)
    nodes = [node.id for node in pipeline.create_pipeline("/artifacts", "/data", "/serving").components]
    assert sorted(shown) == sorted(nodes * 3)


@pytest.mark.slow
def test_the_blocked_model_is_shown_with_the_feature_that_leapt(told):
    failed = [line for line in told.stdout.splitlines() if re.match(r" +attribution_share +fnlwgt +Overall", line)]
    changed = [line.split() for line in failed if line.split()[-3] != "-"]
    assert len(changed) == 1
    *_, observed, change, sign, bound = changed[0]
    assert float(observed) > float(change) > float(bound)
    assert sign == "<="


@pytest.mark.slow
def test_two_models_are_in_service_and_the_last_was_held_against_the_first(told):
    latest = outcome.read_latest(outcome.open_store(str(told.folder / story.METADATA_FILE)))
    assert latest.baseline_model is not None
    assert len(list(told.folder.glob("serving/*"))) == 2
    assert latest.pushed_to == str(max(told.folder.glob("serving/*")))


@pytest.mark.slow
def test_raw_attributions_of_the_census_model_add_up(told):
    files = list(told.folder.glob("artifacts/Explainer/attributions/*/Split-eval/*.gz"))
    assert files
    parts = [columns.attribution_column(columns.CANDIDATE, name) for name in features.FEATURES]
    ends = [columns.INSTANCE_OUTPUT_VALUE, columns.BASELINE_OUTPUT_VALUE, columns.APPROXIMATION_ERROR]
    parts += [columns.field_column(columns.CANDIDATE, end) for end in ends]
    spec = {part: tf.io.FixedLenFeature([], tf.float32) for part in parts}
    for records in tf.data.TFRecordDataset([str(file) for file in files], "GZIP").batch(1000):
        values = tf.io.parse_example(records, spec)
        *attributions, instance, baseline, error = (values[part].numpy() for part in parts)
        assert np.all(np.abs(sum(attributions) - (instance - baseline)) <= error + 1e-4)


@pytest.mark.slow
def test_its_history_is_what_the_runs_were(told, tmp_path):
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(told.folder / story.METADATA_FILE)
    runs = list(read_history(left_by(connection), Reading(str(tmp_path))))
    first, leaking, last = runs
    assert [run.is_blessed for run in runs] == [True, False, True]
    assert leaking.drift["baseline_model"].change > 0.1
    assert leaking.drift["last_blessed"].run == last.drift["last_blessed"].run == first.number
    folders = [
        str(path) for path in told.folder.glob("artifacts/*/*/*") if path.parent.name in ("attributions", "validation")
    ]
    by_content = left_in(folders)
    assert [(one.attributions, one.validation) for one in by_content] == [
        (run.left.attributions, run.left.validation) for run in runs
    ]


def test_a_node_that_fails_is_named_with_its_cause(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="absl")
    (tmp_path / "artifacts").touch()
    with pytest.raises(story.NodeError, match=r"CsvExampleGen failed\. \w+: .+"):
        story.tell(STORY, Console(quiet=True), tmp_path, fast=True)


def test_a_folder_with_other_files_is_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.txt").touch()
    assert demonstrate("census", "", ["--output", str(tmp_path)]) == 2
    assert "name a new or empty folder" in capsys.readouterr().out
    assert (tmp_path / "thesis.txt").exists()


# The model that it serves; here, since another file would have the story told once more.


@pytest.fixture(scope="module")
def serve(told):
    model = tf.saved_model.load(str(max(told.folder.glob("serving/*"))))
    return lambda examples: model.signatures["serving_default"](tf.constant(examples))["probability"].numpy()


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return data.monthly_extract(2).tail(300)


def example(row: pd.Series) -> bytes:
    """Serializes a row as CsvExampleGen does: without the columns whose value is missing; and without its label."""
    message = tf.train.Example()
    for name, value in row.drop(features.LABEL).dropna().items():
        column = message.features.feature[name]
        if name in features.CATEGORICAL:
            column.bytes_list.value.append(value.encode())
        elif name in ("age", "education-num", "hours-per-week"):
            column.int64_list.value.append(int(value))
        else:
            column.float_list.value.append(value)
    return message.SerializeToString()


@pytest.mark.slow
def test_the_signature_serves_serialized_examples_without_a_label(serve, rows):
    probabilities = serve([example(row) for _, row in rows.iterrows()])
    assert probabilities.shape == (len(rows), 1)
    # Of a row that it is very sure about, the model says 1: float32 has nothing between.
    assert np.all((probabilities >= 0) & (probabilities <= 1))


@pytest.mark.slow
def test_the_model_knows_something(serve, rows):
    probabilities = serve([example(row) for _, row in rows.iterrows()])[:, 0]
    above = rows[features.LABEL] == 1
    assert probabilities[above].mean() > probabilities[~above].mean() + 0.3


@pytest.mark.slow
def test_a_row_gets_alone_what_it_gets_in_a_batch(serve, rows):
    examples = [example(row) for _, row in rows.head(3).iterrows()]
    np.testing.assert_allclose(np.concatenate([serve([one]) for one in examples]), serve(examples), rtol=1e-5)


@pytest.mark.slow
def test_missing_and_unseen_values_are_served(serve, rows):
    row = rows.iloc[0]
    changed = [row.drop("workclass"), row.replace({row["workclass"]: "Astronaut"})]
    missing, unseen = serve([example(row) for row in changed])
    assert missing == pytest.approx(unseen)
