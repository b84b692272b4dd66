"""Guards by name: what each of them stops, and that together they are sound."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_model_analysis.metrics import metric_specs
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate import presets
from tfx_explain.gate.config.lint import lint
from tfx_explain.gate.config.verify import Wiring, verify_config
from tfx_explain.proto import explanation_pb2
from tfx_explain.storage import columns

SIZES = {"age": 2.0, "hours": 1.0, "fnlwgt": 0.2, "sex": 0.1, "unused": 0.0}


@pytest.fixture
def verdict(run, write_split, tmp_path):
    def judge(*guards, **changes):
        """The verdict on a candidate whose attributions are the baseline model's, times `changes`, nearly."""
        generator, rows = np.random.default_rng(7), []
        for i in range(80):
            row: dict[str, object] = {"sex": b"Male" if i % 3 else b"Female"}
            totals = {model: 0.0 for model in columns.MODELS}
            for feature, size in SIZES.items():
                drawn = size * generator.normal()
                again = drawn + 0.1 * size * generator.normal()
                for model, value in (("baseline", drawn), ("candidate", again * changes.get(feature, 1.0))):
                    row[columns.attribution_column(model, feature)] = value
                    totals[model] += value
            for model, total in totals.items():
                row[columns.field_column(model, columns.INSTANCE_OUTPUT_VALUE)] = total
                row[columns.field_column(model, columns.BASELINE_OUTPUT_VALUE)] = 0.0
            rows.append(row)
        config = presets.release_config(*guards, slices=[["sex"]])
        return run(config, patterns=[write_split(tmp_path / "attributions", rows)])

    return judge


def failed(verdict):
    return sorted({(check.metric.partition("/")[0], check.feature) for check in verdict.checks if not check.passed})


def test_the_same_model_trained_again_is_blessed(verdict):
    got = verdict(*presets.GUARDS, presets.same_reasons(), presets.capped(["sex"], at_most=0.1))
    assert got.blessed, got.reasons


def test_a_leak_is_taken_over(verdict):
    assert ("attribution_share", "fnlwgt") in failed(verdict(*presets.GUARDS, fnlwgt=10.0))


@pytest.mark.parametrize("feature", ["age", "fnlwgt", "sex"])
def test_a_column_that_went_dead_is_named_however_little_it_said(verdict, feature):
    assert ("share_kept", feature) in failed(verdict(*presets.GUARDS, **{feature: 0.0}))


def test_a_feature_without_a_say_can_not_lose_it(verdict):
    assert verdict(presets.gone_dead(), unused=0.0).blessed


def test_a_protected_feature_is_capped_on_every_slice(verdict):
    got = verdict(presets.taken_over(), presets.capped(["sex"], at_most=0.02))
    assert failed(got) == [("capped_share", "sex")]
    assert {check.slice for check in got.checks if not check.passed} == {"Overall", "sex:Female", "sex:Male"}


def test_rankings_and_reasons(verdict):
    got = verdict(presets.same_ranking(0.9), presets.same_reasons(0.7), age=0.01, sex=40.0)
    assert [metric for metric, _ in failed(got)] == ["attribution_agreement", "importance_ndcg"]


def test_all_together_are_a_config_that_the_linter_has_nothing_against():
    config = presets.release_config(
        presets.metric("AUC", at_least=0.8, may_lose=0.01),
        *presets.GUARDS,
        presets.same_reasons(),
        presets.capped(["sex"], at_most=0.1),
        label_key="income",
        slices=[["sex"], ["sex", "race"]],
        example_weight_key="weight",
    )
    policy = explanation_pb2.GatePolicy()
    verify_config(config, policy, Wiring(evaluation=True, attributions=True, baseline=True))
    assert list(lint(config, policy)) == []
    assert config.model_specs[0] == config_pb2.ModelSpec(label_key="income", example_weight_key="weight")
    assert [list(spec.feature_keys) for spec in config.slicing_specs] == [[], ["sex"], ["sex", "race"]]


def test_mistakes_are_said():
    with pytest.raises(ValueError, match="no guard"):
        presets.release_config()
    with pytest.raises(ValueError, match="a list of features for each slice"):
        presets.release_config(presets.taken_over(), slices=["sex"])


def test_a_mask_s_file_is_read_where_the_config_is_made(tmp_path):
    path = tmp_path / "stamp.png"
    path.write_bytes(tf.io.encode_png(np.eye(4, dtype=np.uint8)[:, :, np.newaxis]).numpy())
    [metric] = presets.capped_region("image", 0.1, mask=str(path), outside=True).metrics
    path.unlink()
    found = metric_specs.metric_instance(metric)
    assert found.name == "map_share/image/mask:stamp,outside"
    assert np.array_equal(found.measure.region.within((4, 4)), ~np.eye(4, dtype=bool))
    assert metric.threshold.value_threshold.upper_bound.value == 0.1
