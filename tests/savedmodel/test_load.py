import shutil

import pytest
import tensorflow as tf

from tfx_explain.savedmodel.analysis.read import read_model, read_once
from tfx_explain.savedmodel.graph.load import choose_signature, load_signature


@pytest.mark.parametrize(
    ("names", "wanted", "chosen"),
    [
        (["a", "b"], "b", "b"),
        (["a"], None, "a"),
        (["serving_default", "xai_model"], None, "xai_model"),
        (["a", "serving_default"], None, "serving_default"),
        (["a", "__saved_model_init_op"], None, "a"),
    ],
)
def test_choice_of_signature(names, wanted, chosen):
    assert choose_signature(names, wanted, "dir") == chosen


def test_missing_signature_lists_those_present(models, tmp_path):
    module = models.TwoSignatures()
    tf.saved_model.save(module, str(tmp_path), signatures={"one": module.serve, "two": module.other})
    with pytest.raises(ValueError, match="has no signature 'three'; it has 'one', 'two'"):
        load_signature(str(tmp_path), "three")
    with pytest.raises(ValueError, match="has 'one', 'two' as signatures, none of them xai_model or serving_default"):
        load_signature(str(tmp_path))


def test_signature_is_described_by_its_own_names(zoo):
    signature = load_signature(zoo("Linear").path)
    assert list(signature.inputs) == ["x", "y"]
    assert signature.input_specs["x"].shape.as_list() == [None, 3]
    assert list(signature.outputs) == ["score"]


def test_a_signature_is_read_once_in_a_block_and_again_behind_it(zoo):
    path = zoo("Linear").path
    with read_once():
        read = read_model(path, None)
        assert read_model(path, read.signature.name) is read
        assert read_model(zoo("VarLen").path, None) is not read
    assert read_model(path, None) is not read


def test_not_a_savedmodel(tmp_path):
    with pytest.raises(ValueError, match=r"is not a SavedModel directory: it has no saved_model\.pb"):
        load_signature(str(tmp_path))


def test_a_directory_of_versions_names_them(zoo, tmp_path):
    shutil.copytree(zoo("Linear").path, tmp_path / "1")
    with pytest.raises(ValueError, match="Give one of those in it: '1'"):
        load_signature(str(tmp_path))


def test_a_file_of_keras_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"is a file, .* export it with model\.export\(directory\)"):
        load_signature(str(path))


def test_a_path_that_does_not_exist(tmp_path):
    with pytest.raises(ValueError, match="There is no SavedModel directory"):
        load_signature(str(tmp_path / "nothing"))


def test_damaged_savedmodel(zoo, tmp_path):
    with open(f"{zoo('Linear').path}/saved_model.pb", "rb") as file:
        content = file.read()
    (tmp_path / "saved_model.pb").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="is damaged and cannot be parsed"):
        load_signature(str(tmp_path))


def test_lost_variables(zoo, tmp_path):
    with open(f"{zoo('Linear').path}/saved_model.pb", "rb") as file:
        (tmp_path / "saved_model.pb").write_bytes(file.read())
    with pytest.raises(ValueError, match="cannot be loaded"):
        load_signature(str(tmp_path))


def test_damaged_variables(zoo, tmp_path):
    path = shutil.copytree(zoo("Linear").path, tmp_path / "model")
    with open(path / "variables" / "variables.index", "r+b") as file:
        file.truncate(5)
    with pytest.raises(ValueError, match="cannot be loaded"):
        load_signature(str(path))


def test_unknown_tags_list_those_present(zoo):
    with pytest.raises(ValueError, match="has no meta graph tagged 'gpu'; there is: 'serve'"):
        load_signature(zoo("Linear").path, tags=["gpu"])
