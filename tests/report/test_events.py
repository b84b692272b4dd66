"""What TensorBoard's own reader finds in the event files."""

import json
import os

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tfx_explain.report.history.events import add_events, write_events
from tfx_explain.report.history.left import Left
from tfx_explain.report.history.run import Reading
from tfx_explain.report.history.write import read_history
from tfx_explain.storage import event_files


@pytest.fixture
def left(tmp_path, explained, check):
    def write(name, male, female, blessed=True, before=None):
        """A run of 100 men and 60 women: the share of `a` among the attributions of both, by sex."""
        folder = tmp_path / name / "Split-eval"
        folder.mkdir(parents=True)
        options = tf.io.TFRecordOptions(compression_type="GZIP")
        with tf.io.TFRecordWriter(str(folder / "attributions-00000-of-00001.gz"), options) as writer:
            for sex, share, rows in ((b"Male", male, 100), (b"Female", female, 60)):
                example = tf.train.Example()
                example.features.feature["sex"].bytes_list.value.append(sex)
                columns = explained({"a": share, "b/c": share - 1}) | (explained(before, "baseline") if before else {})
                for column, value in columns.items():
                    kind = "float_list" if isinstance(value, float) else "int64_list"
                    getattr(example.features.feature[column], kind).value.append(value)
                for _ in range(rows):
                    writer.write(example.SerializeToString())
        asked = [check("a", passed=blessed, slice=title) for title in ("Overall", "sex:Male")]
        said = {"schema_version": 1, "blessed": blessed, "overridden": False, "unreadable": False, "override": None}
        said |= {"models": {}, "thresholds": [one.to_dict() for one in asked]}
        said |= {name: [] for name in ("problems", "evidence", "not_asked")}
        said |= {"reasons": [] if blessed else [one.reason for one in asked]}
        (tmp_path / f"{name} verdict").mkdir()
        (tmp_path / f"{name} verdict" / "verdict.json").write_text(json.dumps(said))
        return Left(name, [str(folder.parent)], str(tmp_path / f"{name} verdict"))

    return write


@pytest.fixture
def runs(tmp_path):
    return lambda lefts: read_history(lefts, Reading(str(tmp_path / "scratch"), with_sample=True))


def read(folder, *tags):
    """Returns the (step, value) of scalars in a folder, read as TensorBoard does."""
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    accumulator.Reload()
    values = [accumulator.Tensors(tag) for tag in tags]
    return [[(event.step, tf.make_ndarray(event.tensor_proto).tolist()) for event in some] for some in values]


def test_a_step_is_a_run_and_a_run_a_slice(runs, left, tmp_path):
    lefts = [left("one", 0.25, 0.5), left("two", 0.75, 0.5, blessed=False)]
    logs = tmp_path / "logs"
    write_events(str(logs), runs(lefts), 2)
    assert sorted(os.listdir(logs)) == ["Overall", "sex:Male"]
    (male,) = read(logs / "sex:Male", "attribution_share/a")
    assert male == [(1, 0.25), (2, 0.75)]
    tags = ("attribution_share/a", "attribution_share/b/c", "verdict/blessed", "verdict/failed_thresholds")
    a, b, blessed, failed = read(logs / "Overall", *tags)
    assert a == [(1, pytest.approx(55 / 160)), (2, pytest.approx(105 / 160))]
    assert b == [(1, pytest.approx(105 / 160)), (2, pytest.approx(55 / 160))]
    assert (blessed, failed) == ([(1, 1.0), (2, 0.0)], [(1, 0.0), (2, 2.0)])
    ((step, change),) = read(logs / "Overall", "drift/last_blessed/largest_share_change")[0]
    assert (step, change) == (2, pytest.approx(50 / 160))
    (texts,) = read(logs / "Overall", "verdict")
    assert texts[1][1].decode().startswith("    NOT BLESSED: 0 of 2 thresholds passed\n    Run 2: two\n")
    (counts,) = read(logs / "Overall", "attributions/a")
    assert [sum(bucket[2] for bucket in buckets) for _, buckets in counts] == [160, 160]


def test_what_is_written_again_takes_the_place_of_what_was(runs, left, tmp_path):
    lefts = [left("one", 0.25, 0.5), left("two", 0.5, 0.5)]
    logs = tmp_path / "logs"
    (logs / "Overall").mkdir(parents=True)
    (logs / "Overall" / "events.out.tfevents.1.others").write_bytes(b"")
    for some in (lefts, lefts[1:]):
        write_events(str(logs), runs(some), len(some))
    assert read(logs / "sex:Male", "attribution_share/a") == [[(1, 0.5)]]
    assert len(os.listdir(logs / "Overall")) == 2
    assert not (tmp_path / "logs.incomplete").exists()


def test_runs_that_are_added_get_the_next_step_and_a_second_attempt_the_same(runs, left, tmp_path):
    lefts = [left(name, share, 0.5) for name, share in (("one", 0.25), ("two", 0.5), ("two again", 0.75))]
    logs = str(tmp_path / "logs")
    write_events(logs, runs(lefts[:1]), 1)
    for one in (lefts[1], lefts[1], lefts[2]):
        add_events(logs, one)
    files = [f"{logs}/sex:Male/{name}" for name in os.listdir(f"{logs}/sex:Male")]
    values = sorted(value for file in files for value in read(file, "attribution_share/a")[0])
    assert values == [(1, 0.25), (2, 0.5), (3, 0.75)]


def test_a_feature_of_the_baseline_model_alone_has_no_share(left, tmp_path):
    add_events(str(tmp_path / "logs"), left("one", 0.25, 0.5, before={"a": 1.0, "gone": 3.0}))
    accumulator = EventAccumulator(str(tmp_path / "logs" / "sex:Male"))
    accumulator.Reload()
    assert sorted(accumulator.Tags()["tensors"]) == ["attribution_share/a", "attribution_share/b/c"]
    ((_, change),) = read(tmp_path / "logs" / "Overall", "drift/baseline_model/largest_share_change")[0]
    assert change == pytest.approx(0.75)


def test_a_failure_leaves_what_was_there(runs, left, tmp_path):
    logs = tmp_path / "logs"
    add_events(str(logs), left("one", 0.25, 0.5))
    before = {path: path.read_bytes() for path in logs.rglob("*tfevents*")}

    def broken():
        yield from runs([left("two", 0.5, 0.5)])
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        write_events(str(logs), broken(), 2)
    assert {path: path.read_bytes() for path in logs.rglob("*tfevents*")} == before


def test_without_tensorboard_the_error_names_the_extra(left, tmp_path, monkeypatch):
    monkeypatch.setattr(event_files.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs it: pip install 'tfx-explain\[tensorboard\]'"):
        add_events(str(tmp_path / "logs"), left("one", 0.25, 0.5))
    assert not (tmp_path / "logs").exists()


def test_names_of_folders_stay_inside():
    assert event_files.folder_name("sex:Male") == "sex:Male"
    assert "/" not in event_files.folder_name("a:../../b")
    long = [event_files.folder_name("x" * 1000 + end) for end in "ab"]
    assert long[0] != long[1]
    assert max(map(len, long)) < 120


def test_the_link_has_no_smoothing():
    expected = "http://localhost:6006/?smoothing=0&tagFilter=%5Eattribution_share%2F#timeseries"
    assert event_files.link("^attribution_share/") == expected
