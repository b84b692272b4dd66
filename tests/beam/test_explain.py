"""A batch of records through real models: values, and what becomes of the bad ones."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.beam import explain
from tfx_explain.beam.explain import RowExplainer
from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.reading.batches import RowBatch
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata
from tfx_explain.storage.tfrecords import as_records

ATTRIBUTIONS = ("attributions/x", "attributions/y", "attributions/color")


def _job(model_dir, baseline_model_dir="", **parameters):
    return ExplanationJob(
        model_dir,
        generate_metadata(model_dir),
        explanation_pb2.ExplanationParameters(**parameters),
        baseline_model_dir,
    ).completed()


def _batch(rows, shard=""):
    return RowBatch(as_records(rows), shard)


def _expected(rows, slope):
    """Integrated gradients and Shapley values from the baseline x = y = 0, color unknown: half of x * y each."""
    spec = {name: tf.io.FixedLenFeature([], tf.float32) for name in ("x", "y")}
    parsed = tf.io.parse_example(rows, spec)
    x, y = parsed["x"].numpy(), parsed["y"].numpy()
    colors = np.tile([1.0, -2.0, 4.0, 0.0], len(rows))[: len(rows)]
    return slope * x + x * y / 2, x * y / 2, colors


@pytest.mark.parametrize("method", ["integrated_gradients_attribution", "sampled_shapley_attribution"])
def test_records_carry_the_closed_form_for_both_models(method, model_dir, baseline_model_dir, rows, parse_columns):
    job = _job(model_dir, baseline_model_dir, **{method: {}})
    records = RowExplainer(job).explain(_batch(rows)).records
    for model, slope in (("candidate", 2.0), ("baseline", 5.0)):
        parsed = parse_columns(records, model, *ATTRIBUTIONS, "instance_output_value", "baseline_output_value")
        for name, expected in zip(ATTRIBUTIONS, _expected(rows, slope), strict=True):
            np.testing.assert_allclose(parsed[name], expected, atol=1e-4)
        total = sum(parsed[name] for name in ATTRIBUTIONS)
        difference = parsed["instance_output_value"] - parsed["baseline_output_value"]
        np.testing.assert_allclose(total, difference, atol=1e-4)


def test_records_keep_the_original_features(model_dir, rows):
    records = RowExplainer(_job(model_dir)).explain(_batch(rows)).records
    ids = tf.io.parse_example(records, {"id": tf.io.FixedLenFeature([], tf.int64)})["id"]
    np.testing.assert_array_equal(ids, np.arange(len(rows)))


def test_served_scale_explains_the_probability(model_dir, rows, parse_columns):
    job = _job(model_dir, output_scale=explanation_pb2.ExplanationParameters.SERVED)
    records = RowExplainer(job).explain(_batch(rows)).records
    served = tf.saved_model.load(model_dir).signatures["serving_default"](examples=tf.constant(rows))["score"]
    parsed = parse_columns(records, "candidate", "instance_output_value")
    np.testing.assert_allclose(parsed["instance_output_value"], served, atol=1e-6)


def test_bad_rows_are_set_aside_singly(model_dir, rows, example):
    lacks_x = example(y=1.0, color="red")
    wrong_type = example(x=1, y=1.0, color="red")
    not_finite = example(x=float("nan"), y=1.0, color="red")
    batch = RowExplainer(_job(model_dir)).explain(_batch([rows[0], b"\xff", lacks_x, rows[1], wrong_type, not_finite]))
    assert len(batch.records) == 2
    letters = tf.io.parse_example(
        batch.dead_letters,
        {"record": tf.io.FixedLenFeature([], tf.string), "error": tf.io.FixedLenFeature([], tf.string)},
    )
    assert list(letters["record"].numpy()) == [b"\xff", lacks_x, wrong_type, not_finite]
    errors = [error.decode() for error in letters["error"].numpy()]
    assert errors[1] == "Feature 'x' has no value; the model's parser requires one."
    assert 'expected float_list, found int64_list for feature "x"' in errors[2]
    assert errors[3] == "feature 'x' is not finite"
    assert (batch.summary.rows_read, batch.summary.rows_explained, batch.summary.rows_failed) == (6, 2, 4)


def test_only_bad_rows(model_dir):
    batch = RowExplainer(_job(model_dir)).explain(_batch([b"\xff", b"\xfe"]))
    assert len(batch.records) == 0
    assert batch.summary.rows_unreadable == 2


def test_the_rows_a_row_is_explained_with_do_not_matter(model_dir, rows):
    explainer = RowExplainer(_job(model_dir, sampled_shapley_attribution={"path_count": 3}, seed=7))
    together = explainer.explain(_batch(rows)).records
    apart = [record for row in rows for record in explainer.explain(_batch([row])).records]
    assert list(together) == apart


def test_output_index_out_of_range_is_refused(model_dir):
    with pytest.raises(ValueError, match=r"names output 3; the candidate model has outputs 0 to 0"):
        RowExplainer(_job(model_dir, output_indices=[3]))


class Dense(tf.Module):
    @tf.function(
        input_signature=[tf.TensorSpec([None, 2], tf.float32, "point"), tf.TensorSpec([None], tf.float32, "scale")]
    )
    def serve(self, point, scale):
        return {"value": tf.reduce_sum(point, axis=1) * 3.0 + scale**2}


def test_float_signature_is_fed_from_columns_of_its_inputs_names(tmp_path, example, parse_columns):
    module = Dense()
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": module.serve})
    rows = [example(point=[1.0, 2.0], scale=2.0), example(point=[1.0], scale=2.0), example(point=[0.0, 1.0], scale=1.0)]
    batch = RowExplainer(_job(str(tmp_path))).explain(_batch(rows))
    names = ("attributions/point[0]", "attributions/point[1]", "attributions/scale")
    parsed = parse_columns(batch.records, "candidate", *names)
    np.testing.assert_allclose(parsed["attributions/point[0]"], [3.0, 0.0], atol=1e-4)
    np.testing.assert_allclose(parsed["attributions/point[1]"], [6.0, 3.0], atol=1e-4)
    np.testing.assert_allclose(parsed["attributions/scale"], [4.0, 1.0], atol=1e-3)
    assert batch.summary.causes == {"Feature 'point' has 1 values; the model takes 2.": 1}


@pytest.mark.parametrize(
    "parameters",
    [
        {"integrated_gradients_attribution": {}, "kept_features": {"names": ["x", "id"]}},
        {"integrated_gradients_attribution": {"step_count": 10}, "kept_features": {"names": []}},
        {"integrated_gradients_attribution": {"smooth_grad_config": {"noise_sigma": 0.1}}},
        {"sampled_shapley_attribution": {"path_count": 4}, "kept_features": {"names": ["x", "id"]}},
        {"kernel_shap_attribution": {"coalition_count": 16}},
    ],
    ids=["path", "steps", "smooth", "orders", "regression"],
)
def test_a_batch_of_which_no_row_is_left(parameters, model_dir, baseline_model_dir, example):
    explainer = RowExplainer(_job(model_dir, baseline_model_dir, **parameters))
    bad = [example(x=value, y=1.0, color="red", id=1) for value in (float("nan"), float("inf"))]
    for rows in (bad[:1], bad, [*bad, b"\xff"]):
        batch = explainer.explain(_batch(rows))
        assert (len(batch.records), len(batch.dead_letters)) == (0, len(rows))
        assert batch.summary.causes["feature 'x' is not finite"] == len(bad[: len(rows)])
        assert (batch.summary.rows_explained, batch.summary.tolerance_not_met) == (0, 0)


def test_a_batch_of_much_is_cut_and_its_rows_keep_their_bits(model_dir, baseline_model_dir, rows, monkeypatch):
    explainer = RowExplainer(_job(model_dir, baseline_model_dir))
    whole = explainer.explain(_batch(rows))
    monkeypatch.setattr(explain, "_MOST_NUMBERS", 5 * 3 * (1 * 2 + 1))  # features, output, models, baseline
    parts = list(explainer.parts(RowBatch(as_records(rows), "shard", not_sampled=7)))
    assert [len(part.records) for part in parts] == [4, 4, 4]
    assert [(part.shard, part.not_sampled) for part in parts] == [("shard", 7), ("shard", 0), ("shard", 0)]
    found = [explainer.explain(part) for part in parts]
    np.testing.assert_array_equal(np.concatenate([one.records for one in found]), whole.records)
    assert sum(one.summary.rows_explained for one in found) == len(rows)
    assert [len(part.records) for part in explainer.parts(RowBatch(np.empty(0, object), "", 3))] == [0]
