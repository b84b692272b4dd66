"""Every block of Python in a guide runs: here, or in a test that is named here."""

import re

import numpy as np
import pytest
import tensorflow as tf
from tfx import v1 as tfx
from tfx.types import standard_artifacts

from tests.guides.conftest import PAGES, ROOT, blocks
from tfx_explain import attribution, components

# Pages whose Python another test runs, and that test.
ELSEWHERE = {
    "README": "tests/pipelines/test_readme.py",
    "calibration": "tests/gate/test_recipes.py",
    "first-pipeline": "tests/packaging/test_guides.py",
    "from-alibi": "tests/packaging/test_guides.py",
    "from-captum": "tests/packaging/test_guides.py",
    "from-shap": "tests/packaging/test_guides.py",
    "from-vertex": "tests/packaging/test_guides.py",
    "metrics": "tests/metrics/test_docs.py",
    "recipes": "tests/gate/test_recipes.py",
    "savedmodel": "tests/savedmodel/test_guide.py",
    "text": "tests/packaging/test_guides.py",
}
# Pages whose Python is of an environment that the tests' has no room for, and where that is tried.
FOREIGN = {
    "airflow": "tests/airflow/test_census.py",
    "kubeflow": "tests/kubeflow/test_sdk.py",
}
HERE = [page for page in PAGES if blocks(page, "python") and page.stem not in ELSEWHERE | FOREIGN]


@pytest.mark.parametrize("page", ELSEWHERE | FOREIGN)
def test_pages_that_others_run_have_code_and_the_test_is_there(page):
    assert any(path.stem == page and blocks(path, "python") for path in PAGES)
    assert (ROOT / (ELSEWHERE | FOREIGN)[page]).exists()


@pytest.mark.parametrize("page", FOREIGN)
def test_what_is_for_other_environments_is_python(page):
    for block in blocks(ROOT / "docs" / f"{page}.md", "python"):
        compile(block, page, "exec")


@pytest.fixture
def given(world, wired, tmp_path, monkeypatch):
    """What pages take for granted, and a folder in which they can write."""
    nodes, arguments = wired
    (tmp_path / "world").symlink_to(world)
    for each in world.iterdir():
        (tmp_path / each.name).symlink_to(each)
    monkeypatch.chdir(tmp_path)
    names = {**nodes, "arguments": arguments, "tfx": tfx, "tf": tf, "standard_artifacts": standard_artifacts}
    names |= {name: getattr(components, name) for name in ("Explainer", "ThresholdValidator")}
    return names | {"serving_dir": "serving", "eval_config": arguments["ThresholdValidator"]["eval_config"]}


@pytest.fixture
def attributed():
    """Of docs/attribution.md: everything that the package exports, a model, rows and pictures."""
    generator = np.random.default_rng(0)
    images = tf.constant(generator.uniform(size=(2, 16, 16, 1)), tf.float32)
    weights = tf.constant(generator.normal(size=(16, 16, 3)), tf.float32)

    @tf.function
    def model(x):
        return tf.einsum("nhwc,hwk->nk", x, weights) if x.shape.rank == 4 else tf.reduce_sum(x * x, axis=1)

    rows = tf.constant(generator.normal(size=(5, 3)), tf.float32)
    exported = {name: getattr(attribution, name) for name in attribution.__all__}
    return {**exported, "model": model, "rows": rows, "images": images}


@pytest.fixture
def trained():
    """Of docs/history.md: a model, and data in batches."""
    inputs = {name: tf.keras.Input((1,), name=name) for name in ("age", "hours")}
    model = tf.keras.Model(inputs, tf.keras.layers.Dense(1)(tf.keras.layers.Concatenate()(list(inputs.values()))))
    model.compile("sgd", "mse")
    rows = {name: np.ones((8, 1), np.float32) for name in inputs}
    data = tf.data.Dataset.from_tensor_slices((rows, np.ones(8, np.float32))).batch(4)
    return {"model": model, "train": data, "validation": data}


@pytest.mark.slow
@pytest.mark.parametrize("page", HERE, ids=lambda page: page.stem)
def test_a_page_is_one_program(page, given, request, monkeypatch):
    names = dict(given)
    for fixture, of in (("attributed", "attribution"), ("trained", "history")):
        if page.stem == of:
            names |= request.getfixturevalue(fixture)
    if page.stem == "report":
        pyplot = pytest.importorskip("matplotlib.pyplot")
        monkeypatch.setattr(pyplot, "show", lambda *_, **__: None)
    for block in blocks(page, "python"):
        # Where a guide leaves out what it has shown before.
        code = re.sub(r"\b(Explainer|ThresholdValidator)\(\s*\.\.\.", r'\1(**arguments["\1"]', block)
        exec(compile(code, f"{page.name}", "exec"), names)
