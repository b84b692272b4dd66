"""docs/recipes.md: each code runs, and makes a config that can be meant; what some say of real models is so."""

import inspect
import os
import re
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.beam import ExplanationJob
from tfx_explain.beam.run import explain_splits
from tfx_explain.gate import presets
from tfx_explain.gate.config.lint import lint
from tfx_explain.gate.config.verify import verify_config
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata
from tfx_explain.storage.columns import attribution_column

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text()
RECIPES = dict(re.findall(r"## (.+?)\n.*?```python\n(.*?)```", PAGE, re.DOTALL))
FEATURES = ("age", "fnlwgt", "hours")
ROWS = 300


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipes_code_makes_a_config_that_can_be_meant(name):
    found: dict[str, object] = {}
    exec(RECIPES[name], found)
    policy = found.get("policy", explanation_pb2.GatePolicy())
    verify_config(found["eval_config"], policy)
    assert lint(found["eval_config"], policy) == ()


def test_every_case_has_its_recipe():
    cases = "A leak|A dead feature|A protected attribute|A proxy|Drift after retraining|A feature added or removed"
    for case in (*cases.split("|"), "Several classes", "Regression", "Small slices"):
        assert any(name.startswith(case) for name in RECIPES), case


def test_the_guide_has_every_guard():
    page = (Path(__file__).parents[2] / "docs" / "gate.md").read_text()
    functions = inspect.getmembers(presets, inspect.isfunction)
    guards = {name for name, one in functions if one.__module__ == presets.__name__ and not name.startswith("_")}
    assert set(re.findall(r"(?m)^\| `(\w+)\(", page)) == guards - {"release_config"}


class Linear(tf.Module):
    """A logistic regression."""

    def __init__(self, weights):
        super().__init__()
        self.weights = tf.Variable(tf.constant(weights, tf.float32))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, {f: tf.io.FixedLenFeature([], tf.float32) for f in FEATURES})
        columns = tf.stack([parsed[feature] for feature in FEATURES], axis=1)
        return {"score": tf.sigmoid(columns @ self.weights[:, tf.newaxis])}


def draw(generator):
    """A month: age and hours say something of the label, fnlwgt nothing."""
    table = generator.normal(size=(ROWS, len(FEATURES)))
    labels = table @ [2.0, 0.0, 1.0] + generator.normal(size=ROWS) > 0
    return table, labels


def trained(folder, table, labels):
    """A real model, fitted by least squares on centred labels, and saved."""
    weights, *_ = np.linalg.lstsq(table, 4.0 * (labels - 0.5), rcond=1e-6)
    module = Linear(weights)
    tf.saved_model.save(module, folder, signatures={"serving_default": module.serve})
    return folder


@pytest.fixture
def release(run, tmp_path):
    def judge(spoil, *guards, served=None):
        """What fails on a model of a spoilt month, against one of a sound month before; `served`: on other rows."""
        generator = np.random.default_rng(5)
        before = trained(str(tmp_path / "before"), *draw(generator))
        table, labels = draw(generator)
        spoil(table, labels)
        model = trained(str(tmp_path / "model"), table, labels)
        table = table if served is None else served
        path = str(tmp_path / "examples-00000-of-00001.gz")
        with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
            for row in table:
                example = tf.train.Example()
                for feature, value in zip(FEATURES, row, strict=True):
                    example.features.feature[feature].float_list.value.append(value)
                writer.write(example.SerializeToString())
        # Against 0, which is the columns' mean.
        job = ExplanationJob(model, generate_metadata(model), explanation_pb2.ExplanationParameters(), before)
        os.mkdir(tmp_path / "attributions")
        explain_splits(beam.Pipeline, {"eval": [path]}, job, str(tmp_path / "attributions"))
        verdict = run(presets.release_config(*guards), patterns=[str(tmp_path / "attributions" / "Split-eval" / "*")])
        return {(check.metric.partition("/")[0], check.feature) for check in verdict.checks if not check.passed}

    return judge


def sound(table, labels):
    pass


def leak(table, labels):
    table[:, 1] = np.where(labels, 2.0, -2.0)


def broken(table, labels):
    """Candidate and rows have a constant in it, and so has the baseline."""
    table[:, 2] = 0.0


def test_guards_on_real_models(release):
    assert release(sound, *presets.GUARDS, presets.alive(["age", "hours"], at_least=0.01)) == set()


def test_a_leak_into_a_real_model_is_stopped(release):
    assert ("attribution_share", "fnlwgt") in release(leak, *presets.GUARDS)


def test_a_feature_that_is_dead_in_todays_rows_has_not_changed_and_is_not_alive(release):
    found = release(broken, *presets.GUARDS, presets.alive(["age", "hours"], at_least=0.01))
    assert ("alive", "hours") in found
    assert ("share_kept", "hours") not in found


def test_a_feature_that_only_the_candidate_lost_has_gone_dead(release):
    """It was constant when the candidate was trained, and is there again in the rows that are explained."""
    rows, _ = draw(np.random.default_rng(6))
    assert ("share_kept", "hours") in release(broken, *presets.GUARDS, served=rows)


def test_the_guide_to_calibration_runs(tmp_path, write_split):
    guide = (Path(__file__).parents[2] / "docs" / "calibration.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    generator = np.random.default_rng(0)
    for name in ("one", "other", "third"):
        sizes = {f: np.exp(generator.normal(0, 0.1)) for f in FEATURES}
        rows = [
            {"sex": b"Male", **{attribution_column("candidate", f): s * generator.normal() for f, s in sizes.items()}}
            for _ in range(ROWS)
        ]
        write_split(tmp_path / name, rows)
    found = {"directories": [str(tmp_path / name) for name in ("one", "other", "third")]}
    exec(code, found)
    verify_config(found["eval_config"], explanation_pb2.GatePolicy())
    assert lint(found["eval_config"]) == ()
