"""Whole splits on Beam: what is written, and what fails the run."""

import dataclasses
import json
import subprocess
import sys

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
from apache_beam.metrics import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to

from tfx_explain.beam import Explain, ExplanationJob, Summary
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
        "explanation_metadata.json",
        "summary.json",
    ]


@pytest.mark.parametrize(
    ("make_rows", "message"),
    [
        (lambda example: [], "Split 'eval' of the examples has no records"),
        (lambda example: [example(x=1.0, y=2.0)] * 3, "lacks feature 'color', which the model reads"),
        (lambda example: [example(x=1.0, y=2.0, color="red"), b"\xff"], "1 of the 2 records .* more than 0.01 of them"),
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
        check_summary("eval", Summary(rows_read=100, rows_failed=40, causes=causes), 0.01)


def _records(folder):
    return sorted(_read(folder))


def _explain(job, patterns, folder, make_pipeline=beam.Pipeline):
    folder.mkdir()
    explain_splits(make_pipeline, {"eval": patterns}, job, str(folder))
    return _records(folder / "Split-eval")


@pytest.fixture
def shards(tmp_path, example):
    """Uneven shards of 300 rows with a bad one in each, an empty one, and one that is not compressed."""
    rows = [example(x=0.1 * i, y=1.0 - i, color=("red", "green")[i % 2], id=i) for i in range(300)]
    parts = {"a.gz": rows[:10], "b.gz": rows[10:200], "c": rows[200:], "d.gz": []}
    for name, part in parts.items():
        options = tf.io.TFRecordOptions(compression_type="GZIP" if name.endswith(".gz") else "")
        with tf.io.TFRecordWriter(str(tmp_path / name), options) as writer:
            for row in part:
                writer.write(row)
    return [str(tmp_path / name) for name in parts]


@pytest.fixture
def sampled_job(model_dir):
    parameters = explanation_pb2.ExplanationParameters(sampled_shapley_attribution={"path_count": 4}, seed=3)
    return ExplanationJob(model_dir, generate_metadata(model_dir), parameters)


def test_the_order_of_shards_and_the_batches_do_not_matter(tmp_path, sampled_job, shards, rows, write_rows):
    records = _explain(sampled_job, shards, tmp_path / "one")
    assert len(records) == 300
    assert records == _explain(sampled_job, shards[::-1], tmp_path / "other")
    together = write_rows(tmp_path, [row for shard in shards for row in _raw(shard)])
    assert records == _explain(sampled_job, [together], tmp_path / "together")


def _raw(shard):
    compression = "GZIP" if shard.endswith(".gz") else ""
    return list(tf.data.TFRecordDataset(shard, compression_type=compression).as_numpy_iterator())


@pytest.mark.slow
def test_processes_give_the_same_bytes(tmp_path, sampled_job, shards):
    options = PipelineOptions(["--direct_running_mode=multi_processing", "--direct_num_workers=2"])
    apart = _explain(sampled_job, shards, tmp_path / "apart", lambda: beam.Pipeline(options=options))
    assert apart == _explain(sampled_job, shards, tmp_path / "one")


@pytest.mark.parametrize(("sample", "count"), [({"rows": 40}, 40), ({"rows": 1000}, 300), ({"fraction": 1.0}, 300)])
def test_a_sample_is_explained_and_the_rest_counted(sample, count, tmp_path, sampled_job, shards):
    everything = set(_explain(sampled_job, shards, tmp_path / "all"))
    sampled_job.parameters.sample.CopyFrom(explanation_pb2.Sample(**sample))
    records = _explain(sampled_job, shards, tmp_path / "sample")
    assert len(records) == count
    assert set(records) <= everything
    assert records == _explain(sampled_job, shards[::-1], tmp_path / "again")
    counts = json.loads((tmp_path / "sample" / "summary.json").read_text())["eval"]
    assert (counts["rows_read"], counts["rows_not_sampled"]) == (count, 300 - count)


def test_a_damaged_shard_fails_the_run_by_name(tmp_path, sampled_job, shards):
    whole = (tmp_path / "b.gz").read_bytes()
    (tmp_path / "b.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"^[^\n]*b\.gz is damaged[^\n]*$"):
        _explain(sampled_job, shards, tmp_path / "out")
    assert not (tmp_path / "out" / "summary.json").exists()


def test_duplicate_rows_are_each_explained(tmp_path, sampled_job, rows, write_rows):
    records = _explain(sampled_job, [write_rows(tmp_path, rows[:2] * 30)], tmp_path / "out")
    assert [records.count(record) for record in sorted(set(records))] == [30, 30]


def test_a_row_of_fifty_megabytes_is_explained(tmp_path, sampled_job, rows, example, write_rows):
    huge = example(x=1.0, y=2.0, color="red", note="n" * 50_000_000)
    records = _explain(sampled_job, [write_rows(tmp_path, [rows[0], huge, rows[1]])], tmp_path / "out")
    assert sum(len(record) > 50_000_000 for record in records) == 1
    assert len(records) == 3


def test_dead_letters_name_their_shard_and_the_allowed_fraction_is_the_callers(tmp_path, sampled_job, shards):
    (tmp_path / "e").write_bytes(b"")
    with tf.io.TFRecordWriter(str(tmp_path / "e")) as writer:
        for _ in range(30):
            writer.write(b"\xff")
    sampled_job.parameters.max_failed_fraction = 0.1
    assert len(_explain(sampled_job, [*shards, str(tmp_path / "e")], tmp_path / "out")) == 300
    letters = [tf.train.Example.FromString(one) for one in _read(tmp_path / "out" / "dead_letters" / "Split-eval")]
    named = {one.features.feature["shard"].bytes_list.value[0].decode() for one in letters}
    assert (len(letters), named) == (30, {str(tmp_path / "e")})


def test_a_full_disk_is_an_error_that_says_so(tmp_path, sampled_job, shards):
    # The whole process can't write a larger file: it sees what it sees on a full disk, an error in the middle of one.
    code = f"import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n{_FULL_DISK}"
    arguments = [sampled_job.model_dir, str(tmp_path / "out"), *shards]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert "can't be written" in done.stdout, done.stderr[-2000:]
    assert not (tmp_path / "out" / "summary.json").exists()


_FULL_DISK = """
import sys
import apache_beam as beam
from tfx_explain.beam import ExplanationJob
from tfx_explain.beam.run import explain_splits
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata

model, output, *shards = sys.argv[1:]
import os
os.makedirs(output)
job = ExplanationJob(model, generate_metadata(model), explanation_pb2.ExplanationParameters())
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    explain_splits(beam.Pipeline, {"eval": shards}, job, output)
except OSError as error:
    print(error)
"""


def test_a_pipeline_of_ones_own(tmp_path, model_dir, baseline_model_dir, shards, sampled_job):
    job = dataclasses.replace(sampled_job, baseline_model_dir=baseline_model_dir)
    with beam.Pipeline() as pipeline:
        rows = pipeline | beam.io.ReadFromTFRecord(shards[1]) | beam.Filter(len)
        explained = (rows, pipeline | beam.Create([b"\xff"])) | beam.Flatten() | Explain(job)
        explained["records"] | beam.io.WriteToTFRecord(str(tmp_path / "mine"), file_name_suffix=".gz")
        explained["dead_letters"] | "Dead" >> beam.io.WriteToTFRecord(str(tmp_path / "dead"), file_name_suffix=".gz")
        counts = explained["summary"] | beam.Map(lambda summary: (summary.rows_read, summary.rows_failed))
        assert_that(counts, equal_to([(191, 1)]))
    metrics = pipeline.result.metrics().query(MetricsFilter().with_name("rows_explained"))["counters"]
    assert [one.committed for one in metrics] == [190]
    mine = sorted(tf.data.TFRecordDataset(tf.io.gfile.glob(str(tmp_path / "mine*")), "GZIP").as_numpy_iterator())
    assert mine == _explain(job, [shards[1]], tmp_path / "out")
