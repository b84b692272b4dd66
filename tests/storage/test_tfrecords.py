import apache_beam as beam
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_explain.storage.tfrecords import RecordWriter, as_records, read_records

RECORDS = [b"", b"\0", b"one\0", b"x" * 3_000_000, bytes(range(256)) * 5]


@pytest.fixture
def written(tmp_path):
    path = str(tmp_path / "records.gz")
    writer = RecordWriter(path)
    for batch in (RECORDS[:3], [], RECORDS[3:]):
        writer.write(as_records(batch))
    writer.close()
    return path


def test_tensorflow_reads_what_is_written(written):
    dataset = tf.data.TFRecordDataset(written, compression_type="GZIP")
    assert list(dataset.as_numpy_iterator()) == RECORDS


def test_beam_reads_what_is_written(written):
    with beam.Pipeline() as pipeline:
        counted = pipeline | beam.io.ReadFromTFRecord(written) | beam.combiners.Count.Globally()
        counted | beam.Map(_verify_count)


def _verify_count(count):
    assert count == len(RECORDS)


@settings(deadline=None, max_examples=30)
@given(records=st.lists(st.binary(max_size=300), max_size=20), name=st.sampled_from(["plain", "packed.gz"]))
def test_what_tensorflow_writes_is_read(tmp_path_factory, records, name):
    path = str(tmp_path_factory.mktemp("records") / name)
    options = tf.io.TFRecordOptions(compression_type="GZIP" if name.endswith(".gz") else "")
    with tf.io.TFRecordWriter(path, options) as writer:
        for record in records:
            writer.write(record)
    assert list(read_records(path)) == records


def test_two_gzip_files_in_one_are_read_one_after_the_other(written, tmp_path):
    content = (tmp_path / "records.gz").read_bytes()
    (tmp_path / "twice.gz").write_bytes(content * 2)
    assert list(read_records(str(tmp_path / "twice.gz"))) == RECORDS * 2
