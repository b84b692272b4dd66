"""Whole splits on Beam: what is written, and what fails the run."""

import json

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.beam import ExplanationJob, Summary
from tfx_explain.beam.run import check_summary, explain_splits
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata


@pytest.fixture
def job(model_dir, baseline_model_dir):
    parameters = explanation_pb2.ExplanationParameters()
    return ExplanationJob(model_dir, generate_metadata(model_dir), parameters, baseline_model_dir)


def _read(folder):
    files = sorted(str(path) for path in folder.glob("*.gz"))
    return [record.numpy() for record in tf.data.TFRecordDataset(files, compression_type="GZIP")]


def test_splits_are_explained_and_counted(tmp_path, job, rows, write_rows, parse_columns):
    many = rows * 20
    pattern = write_rows(tmp_path, [*many, b"\xff"])
    output = tmp_path / "output"
    output.mkdir()
    summaries = explain_splits(beam.Pipeline, {"eval": [pattern], "test": [pattern]}, job, str(output))
    records = _read(output / "Split-eval")
    assert sorted(records) == sorted(_read(output / "Split-test"))
    values = parse_columns(records, "baseline", "attributions/x")["attributions/x"]
    assert len(values) == len(many)
    assert np.isfinite(values).all()
    assert len(_read(output / "dead_letters" / "Split-eval")) == 1
    assert json.loads((output / "summary.json").read_text())["eval"] == summaries["eval"].to_dict()
    counts = summaries["eval"]
    assert (counts.rows_read, counts.rows_explained, counts.rows_failed) == (241, 240, 1)
    assert sorted(path.name for path in output.iterdir()) == [
        "Split-eval",
        "Split-test",
        "dead_letters",
        "summary.json",
    ]


@pytest.mark.parametrize(
    ("make_rows", "message"),
    [
        (lambda example: [], "Split 'eval' of the examples has no records"),
        (lambda example: [example(x=1.0, y=2.0)] * 3, "lacks feature 'color', which the model reads"),
        (lambda example: [example(x=1.0, y=2.0, color="red"), b"\xff"], "1 of the 2 records .* more than 1%"),
    ],
)
def test_a_split_that_does_not_speak_for_itself_fails_the_run(make_rows, message, tmp_path, job, example, write_rows):
    pattern = write_rows(tmp_path, make_rows(example))
    with pytest.raises(ValueError, match=message):
        explain_splits(beam.Pipeline, {"eval": [pattern]}, job, str(tmp_path))


def test_summaries_add_up_in_any_order():
    parts = [
        Summary(rows_read=3, rows_explained=2, rows_failed=1, causes={"b": 1}, feature_counts={"x": 3}),
        Summary(rows_read=2, rows_failed=2, causes={"a": 1, "b": 1}, feature_counts={"x": 0, "y": 1}),
    ]
    total = Summary.merge(parts)
    assert total == Summary.merge([Summary.merge(parts[1:]), Summary.merge([]), parts[0]])
    assert (total.rows_read, total.causes, total.feature_counts) == (5, {"b": 2, "a": 1}, {"x": 3, "y": 1})
    assert Summary.from_json(total.to_json()) == total


def test_the_commonest_causes_are_named():
    causes = {f"cause {i}": 10 - i for i in range(5)}
    with pytest.raises(ValueError, match=r"\(10 times\) cause 0 \(9 times\) cause 1 \(8 times\) cause 2$"):
        check_summary("eval", Summary(rows_read=100, rows_failed=40, causes=causes))
