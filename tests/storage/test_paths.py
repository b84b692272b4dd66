"""Paths of any characters: what is there is meant as it is written."""

import pytest
import tensorflow as tf

from tfx_explain.storage.paths import is_within, matching, plain, resolved, served
from tfx_explain.storage.sink import write_records, write_text

ODD = ("run[12]", "a*b", "what?", "with space", "#1", "100%25", "Grüße", "back\\slash")


@pytest.mark.parametrize("name", ODD)
def test_a_folder_that_is_there_is_no_pattern(tmp_path, name):
    for folder in (name, "run1", "axb", "whatX"):
        (tmp_path / folder / "Split-eval").mkdir(parents=True)
        (tmp_path / folder / "Split-eval" / "x-0.gz").touch()
    split = tmp_path / name / "Split-eval"
    assert matching(str(tmp_path / name)) == [str(tmp_path / name)]
    assert matching(str(split / "*.gz")) == [str(split / "x-0.gz")]
    assert matching(str(tmp_path / name / "*" / "x-?.gz")) == [str(split / "x-0.gz")]


def test_what_is_not_there_is_a_pattern(tmp_path, monkeypatch):
    for name in ("run1", "run2", "run3"):
        (tmp_path / name / "file").touch()
    assert matching(str(tmp_path / "run[12]" / "*")) == [str(tmp_path / f"run{i}" / "file") for i in (1, 2)]
    assert matching(str(tmp_path / "none" / "*")) == matching(str(tmp_path / "run1" / "x*")) == []
    monkeypatch.chdir(tmp_path)
    assert matching("run*") == ["run1", "run2", "run3"]


@pytest.mark.parametrize("name", ODD)
def test_writing_to_a_folder_leaves_another_alone(tmp_path, name):
    for folder in (name, "run1", "axb", "whatX"):
        (tmp_path / folder).mkdir()
        write_text(folder, str(tmp_path / folder / "metrics-00000-of-00001.tfrecord"))
    write_records([b"record"], str(tmp_path / name / "metrics-00000-of-00001.tfrecord"))
    for folder in ("run1", "axb", "whatX"):
        assert (tmp_path / folder / "metrics-00000-of-00001.tfrecord").read_text() == folder
    (written,) = (tmp_path / name).iterdir()
    assert written.name == "metrics-00000-of-00001.tfrecord"
    assert list(tf.data.TFRecordDataset(str(written)).as_numpy_iterator()) == [b"record"]


def test_a_link_leads_where_patterns_are_made_of_paths(tmp_path):
    (tmp_path / "run[12]").mkdir()
    (tmp_path / "run[12]" / "file").touch()
    assert tf.io.gfile.glob(f"{plain(str(tmp_path / 'run[12]'))}/*")[0].endswith("/file")
    assert plain(str(tmp_path)) == str(tmp_path)
    assert plain("gs://bucket/run[12]") == "gs://bucket/run[12]"


@pytest.mark.parametrize("name", ["Format-Serving", "serving_model_dir"])
def test_a_model_artifact_serves_what_is_in_it(tmp_path, name):
    artifact, model = str(tmp_path), str(tmp_path / name)
    assert served(artifact) == artifact
    write_text("graph", str(tmp_path / name / "saved_model.pb"))
    assert (served(artifact), served(model)) == (model, model)


def test_what_is_within_a_folder(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    folder = resolved(str(tmp_path / "folder"))
    assert resolved(f"file://{tmp_path}/link/") == folder
    assert is_within(resolved(str(tmp_path / "link" / "file")), folder)
    assert not is_within(resolved(str(tmp_path / "folder2")), folder)
    assert resolved("gs://bucket/folder/") == "gs://bucket/folder"
