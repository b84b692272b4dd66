import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import statistics_pb2

from tfx_explain.savedmodel.files import read_examples, read_metadata, read_schema, read_statistics

STATISTICS = text_format.Parse('datasets { name: "x" }', statistics_pb2.DatasetFeatureStatisticsList())


def write_records(path, records, compression=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in records:
            writer.write(record)


@pytest.mark.parametrize("name", ["FeatureStats.pb", "stats_tfrecord", "stats.pbtxt"])
def test_statistics_in_each_form(tmp_path, name):
    path = tmp_path / name
    if name.endswith("tfrecord"):
        write_records(path, [STATISTICS.SerializeToString()])
    elif name.endswith(".pb"):
        path.write_bytes(STATISTICS.SerializeToString())
    else:
        path.write_text(text_format.MessageToString(STATISTICS))
    assert read_statistics(str(path)) == STATISTICS


def test_artifact_folders(tmp_path):
    for split in ("eval", "train"):
        folder = tmp_path / f"Split-{split}"
        folder.mkdir()
        STATISTICS.datasets[0].name = split
        (folder / "FeatureStats.pb").write_bytes(STATISTICS.SerializeToString())
        write_records(folder / "data.gz", [split.encode()] * 2, "GZIP")
    (tmp_path / "schema.pbtxt").write_text('feature { name: "a" }')
    assert read_statistics(str(tmp_path)).datasets[0].name == "train"
    assert read_schema(str(tmp_path)).feature[0].name == "a"
    assert list(read_examples(str(tmp_path / "Split-eval" / "*.gz"))) == [b"eval"] * 2


def test_metadata_of_a_folder(tmp_path):
    (tmp_path / "explanation_metadata.json").write_text('{"framework": "TensorFlow 2.4"}')
    assert read_metadata(str(tmp_path)).framework == "tensorflow2"


@pytest.mark.parametrize(
    ("read", "content", "message"),
    [
        (read_schema, b"feature { nam: 3 }", r"f' cannot be read: .*nam"),
        (read_statistics, b"garbage", "f' cannot be read"),
        (read_statistics, b"", "f' cannot be read: it holds no statistics"),
        (read_metadata, b"{", "f' cannot be read: .* line 1, column 2"),
        (read_metadata, b"\xff", "f' cannot be read"),
        (lambda path: list(read_examples(path)), b"garbage" * 9, "cannot be read as TFRecords"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, read, content, message):
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read(str(tmp_path / "f"))


@pytest.mark.parametrize("read", [read_schema, read_statistics, read_metadata])
def test_files_that_are_not_there(tmp_path, read):
    with pytest.raises(ValueError, match=r"There is no file '.*absent'"):
        read(str(tmp_path / "absent"))
    with pytest.raises(ValueError, match=r"holds no .*; give the directory that has one, or the file"):
        read(str(tmp_path))
    with pytest.raises(ValueError, match="There are no examples at"):
        list(read_examples(str(tmp_path / "absent")))
