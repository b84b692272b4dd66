import os

import pytest

from tfx_explain.storage.directory import complete_directory


@pytest.mark.parametrize("before", ["absent", "empty", "left over"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_what_is_written_appears_when_the_block_ends(tmp_path, before, slash):
    uri = tmp_path / "key" / "1"
    if before != "absent":
        uri.mkdir(parents=True)
    if before == "left over":
        (uri / "old").write_text("from an attempt that ended after writing")
        (tmp_path / "key" / "1.incomplete").mkdir()
        (tmp_path / "key" / "1.incomplete" / "half").write_text("from an attempt that was killed")
    with complete_directory(f"{uri}{slash}") as path:
        with open(f"{path}/new", "w") as file:
            file.write("whole")
        assert not (uri / "new").exists()
    assert [p.name for p in uri.iterdir()] == ["new"]
    assert [p.name for p in uri.parent.iterdir()] == ["1"]


def test_what_beam_began_in_vain_is_not_part_of_it(tmp_path):
    with complete_directory(str(tmp_path / "1")) as path:
        for folder in ("Split-eval", "Split-eval/beam-temp-attributions-1", "beam-temp-2"):
            os.makedirs(f"{path}/{folder}")
            with open(f"{path}/{folder}/shard", "w") as file:
                file.write("rows")
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()] == ["1/Split-eval/shard"]
    assert not list(tmp_path.rglob("beam-temp-*"))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_directory_as_it_was(tmp_path, error):
    uri = tmp_path / "1"
    uri.mkdir()
    with pytest.raises(error), complete_directory(str(uri)) as path:
        with open(f"{path}/half", "w") as file:
            file.write("half")
        raise error
    assert not list(uri.iterdir())
    assert [p.name for p in tmp_path.iterdir()] == ["1"]
