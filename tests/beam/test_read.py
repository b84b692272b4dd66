"""Files into batches: what is read, what is refused, and which rows a sample takes."""

import gzip

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from pyarrow import parquet
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_explain.beam.reading.batches import batched
from tfx_explain.beam.reading.decode import one_line
from tfx_explain.beam.reading.read import PARQUET, Format, first_records, list_files
from tfx_explain.beam.reading.sample import FindLimit, Limit, row_hashes
from tfx_explain.storage.tfrecords import as_records


def _sizes(lengths, max_rows=4, max_bytes=10):
    rows = [bytes(length) for length in lengths]
    chunks = [as_records(rows[start : start + 3]) for start in range(0, len(rows), 3)]
    found = list(batched(chunks, max_rows, max_bytes))
    assert [len(row) for batch in found for row in batch] == lengths
    return [len(batch) for batch in found]


def test_batches_are_bounded_in_rows_and_in_bytes():
    assert _sizes([1] * 10) == [4, 4, 2]
    assert _sizes([4, 4, 4, 4, 4]) == [2, 2, 1]
    assert _sizes([1, 50, 1, 1]) == [1, 1, 2]
    assert _sizes([]) == []


def test_batches_are_the_same_however_a_reader_cuts_the_file():
    rows = as_records([bytes(i % 7) for i in range(50)])
    whole = [list(batch) for batch in batched([rows], 8, 20)]
    assert whole == [list(batch) for batch in batched(np.array_split(rows, 9), 8, 20)]


def test_of_an_error_of_tensorflows_the_line_is_told_that_says_what_is_wrong():
    message = "Graph execution error:\n\n{{function_node __a}} {{function_node b}} rows lack values\n\t [[{{node c}}]]"
    assert one_line(tf.errors.InvalidArgumentError(None, None, message)) == "rows lack values"


@pytest.fixture
def shard(tmp_path, rows, write_rows):
    return write_rows(tmp_path, rows * 50)


def test_a_whole_shard_is_read(shard, rows):
    assert list(np.concatenate(list(Format().chunks(shard)))) == rows * 50
    assert first_records([shard], Format(), 5) == rows[:5]


def test_a_truncated_shard_is_refused_by_name(shard, tmp_path):
    whole = (tmp_path / "data_tfrecord-00000-of-00001.gz").read_bytes()
    for kept in (0.3, 0.9):
        (tmp_path / "cut.gz").write_bytes(whole[: int(len(whole) * kept)])
        with pytest.raises(ValueError, match=r"cut\.gz is damaged"):
            list(Format().chunks(str(tmp_path / "cut.gz")))


def test_a_flipped_bit_is_refused_by_name(shard, tmp_path):
    records = bytearray(gzip.decompress((tmp_path / "data_tfrecord-00000-of-00001.gz").read_bytes()))
    records[len(records) // 2] ^= 1
    (tmp_path / "flipped").write_bytes(records)
    with pytest.raises(ValueError, match="flipped is damaged"):
        list(Format().chunks(str(tmp_path / "flipped")))


def test_a_flipped_bit_in_gzip_is_refused_by_name(shard, tmp_path):
    packed = bytearray((tmp_path / "data_tfrecord-00000-of-00001.gz").read_bytes())
    packed[len(packed) // 2] ^= 1
    (tmp_path / "flipped.gz").write_bytes(packed)
    with pytest.raises(ValueError, match=r"flipped\.gz is damaged"):
        list(Format().chunks(str(tmp_path / "flipped.gz")))


def test_an_empty_shard_has_no_rows(tmp_path, write_rows):
    assert list(Format().chunks(write_rows(tmp_path, []))) == []
    assert first_records([write_rows(tmp_path, [])], Format(), 5) == []


def test_no_files_and_hidden_files(tmp_path):
    (tmp_path / "_SUCCESS").touch()
    with pytest.raises(ValueError, match="No file matches"):
        list_files([str(tmp_path / "*")])


def test_parquet_rows_are_examples(tmp_path):
    table = pa.table(
        {
            "n": pa.array([1, None, 3], pa.int32()),
            "x": pa.array([0.5, 1.5, 2.5], pa.float64()),
            "color": ["red", None, "blue"],
            "tags": pa.array([["a", "b"], [], None], pa.list_(pa.string())),
            "year": pa.array([1999, 2000, 2001]),
        }
    )
    parquet.write_table(table, tmp_path / "data.parquet")
    schema = schema_pb2.Schema(feature=[schema_pb2.Feature(name="year", type=schema_pb2.FLOAT)])
    (records,) = Format(PARQUET, schema.SerializeToString()).chunks(str(tmp_path / "data.parquet"))
    kinds = {"n": tf.int64, "x": tf.float32, "color": tf.string, "tags": tf.string, "year": tf.float32}
    parsed = tf.io.parse_example(list(records), {name: tf.io.RaggedFeature(kind) for name, kind in kinds.items()})
    assert parsed["n"].to_list() == [[1], [], [3]]
    assert parsed["x"].to_list() == [[0.5], [1.5], [2.5]]
    assert parsed["color"].to_list() == [[b"red"], [], [b"blue"]]
    assert parsed["tags"].to_list() == [[b"a", b"b"], [], []]
    assert parsed["year"].to_list() == [[1999.0], [2000.0], [2001.0]]


def test_parquet_that_no_example_can_hold_is_refused(tmp_path):
    parquet.write_table(pa.table({"when": pa.array([0], pa.timestamp("s"))}), tmp_path / "data.parquet")
    with pytest.raises(ValueError, match=r"Column 'when' has type timestamp\[ms\]"):
        list(Format(PARQUET).chunks(str(tmp_path / "data.parquet")))
    (tmp_path / "text.parquet").write_text("no")
    with pytest.raises(ValueError, match=r"text\.parquet is damaged, or not a Parquet file"):
        list(Format(PARQUET).chunks(str(tmp_path / "text.parquet")))


def _limit(shards, rows):
    find = FindLimit(rows)
    added = [find.add_input(find.create_accumulator(), (name, row_hashes(of))) for name, of in shards.items()]
    return find.extract_output(find.merge_accumulators(added))


@pytest.mark.parametrize("rows", [1, 5, 13, 29, 100])
def test_a_sample_has_as_many_rows_as_asked_for_in_any_order_of_shards(rows):
    # Some rows thrice, in two shards.
    shards = {"a": as_records([b"%d" % (i % 10) for i in range(20)]), "b": as_records([b"%d" % i for i in range(10)])}
    limits = [_limit(shards, rows), _limit(dict(reversed(shards.items())), rows)]
    assert limits[0] == limits[1]
    taken = []
    for name, records in shards.items():
        first, ties = limits[0].taken(row_hashes(records[:7]), name, 0)
        rest, _ = limits[0].taken(row_hashes(records[7:]), name, ties)
        taken += list(records[np.concatenate([first, rest])])
    assert len(taken) == min(rows, 30)
    assert len(set(taken)) == min(10, -(-rows // 3))


def test_a_fraction_takes_about_that_share():
    records = as_records([b"row %d" % i for i in range(4000)])
    taken, _ = Limit.of_fraction(0.25).taken(row_hashes(records), "", 0)
    assert 900 < np.count_nonzero(taken) < 1100
    assert Limit.of_fraction(1.0).taken(row_hashes(records), "", 0)[0].all()
