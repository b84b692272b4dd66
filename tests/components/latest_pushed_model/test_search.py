"""Which model is found: the newest whole version, or none, and what is said of it."""

import shutil

import pytest

from tfx_explain.components.latest_pushed_model.search import Found, find_model
from tfx_explain.storage.no_model import NoModel


@pytest.fixture
def push(tmp_path, saved_model):
    def copy(version, *, without=""):
        """Copies the model to a version; leaves files out whose names have `without` in them."""
        leave = (lambda _, names: [name for name in names if without in name]) if without else None
        return shutil.copytree(saved_model, tmp_path / "serving" / version, ignore=leave)

    return copy


@pytest.fixture
def serving(tmp_path):
    return str(tmp_path / "serving")


def test_the_newest_version_is_taken_and_versions_are_numbers(push, serving):
    for version in ("999999999", "1795350678", "0000000005"):
        push(version)
    found = find_model(serving)
    assert found == Found(f"{serving}/1795350678", f"It is the newest whole one of 3 versions in {serving!r}.")


@pytest.mark.parametrize("without", ["saved_model.pb", "variables.index", "variables.data", "variables"])
def test_a_push_that_is_not_whole_is_passed_over_and_said(push, serving, caplog, without):
    push("7")
    push("8", without=without)
    assert find_model(serving).path == f"{serving}/7"
    assert "Version 8 is passed over, it is not whole" in caplog.text


def test_a_graph_that_was_cut_off_is_not_whole(push, serving):
    push("7")
    path = push("8") / "saved_model.pb"
    path.write_bytes(path.read_bytes()[:-10])
    assert find_model(serving).path == f"{serving}/7"


@pytest.mark.parametrize("name", ["1795350678.tmp", "beam-temp-8", "8_", "-8", "8.5", "eight", "٨"])
def test_what_is_no_version_is_not_looked_at(push, serving, name):
    push("7")
    push(name)
    assert find_model(serving).path == f"{serving}/7"


def test_without_a_push_there_is_no_model_yet(tmp_path, serving):
    assert find_model(serving) == NoModel(f"No version was pushed to {serving!r} yet.", is_first=True)
    (tmp_path / "serving" / "lost+found").mkdir(parents=True)
    assert find_model(serving) == NoModel(f"No version was pushed to {serving!r} yet (1 other names).", is_first=True)


def test_where_no_push_is_whole_there_should_be_a_model(push, serving):
    push("8", without="saved_model.pb")
    assert find_model(serving) == NoModel(f"None of the 1 versions in {serving!r} is whole.", is_first=False)


@pytest.mark.parametrize("inside", [".", "Format-Serving"])
def test_a_model_of_ones_own_is_taken_as_it_is(tmp_path, saved_model, inside):
    folder = tmp_path / "mine"
    shutil.copytree(saved_model, folder / inside)
    assert find_model(str(folder)).path.rstrip("/.") == str(folder / inside)


def test_a_model_of_ones_own_that_is_not_whole_is_refused(push):
    with pytest.raises(ValueError, match=r"lacks variables/variables\.index"):
        find_model(str(push("7", without="index")))
