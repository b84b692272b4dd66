import gzip

import pytest
import tensorflow as tf

from tfx_explain.storage.integrity import verify_whole

RECORDS = [b"first", b"second" * 5, b""]


@pytest.fixture(params=["records.gz", "records.tfrecord"])
def path(tmp_path, request):
    result = tmp_path / request.param
    options = tf.io.TFRecordOptions(compression_type="GZIP" if result.suffix == ".gz" else "")
    with tf.io.TFRecordWriter(str(result), options) as writer:
        for record in RECORDS:
            writer.write(record)
    return result


def test_what_was_written_is_whole(path):
    verify_whole(str(path))


def test_a_plain_file_without_records_is_whole(tmp_path):
    (tmp_path / "empty.tfrecord").touch()
    verify_whole(str(tmp_path / "empty.tfrecord"))


def test_a_cut_shows_but_between_two_plain_records(path):
    content = path.read_bytes()
    between = {0, 16 + len(RECORDS[0]), 32 + len(RECORDS[0] + RECORDS[1])} if path.suffix == ".tfrecord" else set()
    for end in set(range(len(content))) - between:
        path.write_bytes(content[:end])
        with pytest.raises(ValueError, match=f"{path.name} is damaged: "):
            verify_whole(str(path))


def test_a_flipped_bit_shows_or_changes_no_record(path):
    content = path.read_bytes()
    silent = 0
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
        try:
            verify_whole(str(path))
        except ValueError as error:
            assert f"{path.name} is damaged: " in str(error)
        else:
            silent += 1
            assert gzip.decompress(path.read_bytes()) == gzip.decompress(content)
    assert silent <= (8 if path.suffix == ".gz" else 0)  # gzip's time of writing and system, and its padding
