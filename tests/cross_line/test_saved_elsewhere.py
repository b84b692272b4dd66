"""A model saved under one line of TFX is explained alike under the other, and whichever Keras saved it."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest

from tfx_explain.savedmodel import generate_metadata

pytestmark = pytest.mark.slow

HERE = pathlib.Path(__file__).parent
SAVED = sorted(path.parent.relative_to(HERE / "saved") for path in HERE.glob("saved/*/*/attributions.json"))


@pytest.fixture(scope="module")
def builder():
    spec = importlib.util.spec_from_file_location("cross_line_save", HERE / "save.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def explained_here(builder, tmp_path_factory):
    """Saved and explained in this process, by Keras 3 and tf_keras side by side."""
    paths = {library: str(tmp_path_factory.mktemp(library)) for library in builder.LIBRARIES}
    for library, path in paths.items():
        builder.save(library, path)
    return {library: (generate_metadata(path), builder.explain(path)) for library, path in paths.items()}


def assert_equal(found, expected):
    assert set(found) == set(expected) == {"color", "user", "x", "y"}
    for feature, values in expected.items():
        np.testing.assert_allclose(found[feature], values, rtol=1e-5, atol=1e-5)


def test_both_lines_and_both_libraries_saved_a_model():
    assert {(path.parts[0][:8], path.parts[1]) for path in SAVED} == {
        (line, library) for line in ("tfx-1.16", "tfx-1.21") for library in ("keras", "tf_keras")
    }


def test_both_libraries_in_one_process_explain_alike(explained_here):
    assert_equal(explained_here["keras"][1], explained_here["tf_keras"][1])


@pytest.mark.parametrize("saved", SAVED, ids=str)
def test_explained_here_as_where_it_was_saved(saved, builder, explained_here):
    path = str(HERE / "saved" / saved / "model")
    found = builder.explain(path)
    assert_equal(found, json.loads((HERE / "saved" / saved / "attributions.json").read_text()))
    metadata, here = explained_here[saved.name]
    assert_equal(found, here)
    for feature, entry in generate_metadata(path).inputs.items():
        assert list(entry.explainable_by) == list(metadata.inputs[feature].explainable_by)
