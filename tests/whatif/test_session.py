"""What the page is told, held against closed forms and against the library asked by itself."""

import numpy as np
import pytest
import tensorflow as tf

from tests.whatif.conftest import COLORS, EMBEDDING, HOSTILE
from tfx_explain.attribution import IntegratedGradients
from tfx_explain.beam.reading.names import row_names
from tfx_explain.savedmodel import generate_metadata, load_explainable
from tfx_explain.whatif.asking.session import APART, HIGHEST
from tfx_explain.whatif.asking.values import values_of, with_values

CANDIDATE, BASELINE = "candidate", "baseline"


def logit(values, slope):
    """The model's formula, of a row's values."""
    color = values.get("color", [b""])[0].decode()
    embedded = EMBEDDING[COLORS.index(color) + 1] if color in COLORS else EMBEDDING[0]
    x, other, (first, second) = values["x"][0], values[HOSTILE][0], values["pair"]
    return slope * x + x * other + values.get("count", [0])[0] / 10 + first - second + embedded


def test_attributions_of_an_edited_row_are_those_of_the_formula(session, row):
    edited = with_values(row(), session.models.features, {"x": [1.5], "color": [b"blue"], "count": []})
    answer = session.ask(edited)
    for model, slope in {CANDIDATE: 2.0, BASELINE: 5.0}.items():
        found = answer.attributions[model]
        parts = dict(zip(found.features, found.values[0], strict=True))
        # From 0 to the row: a product is shared by its two factors.
        expected = {"x": slope * 1.5 + 1.5, HOSTILE: 1.5, "count": 0.0, "pair": -0.75, "color": 4.0}
        assert parts == pytest.approx(expected, abs=float(found.approximation_errors[0]) + 1e-6)
        assert found.converged[0]
        assert answer.outputs[model][0] == pytest.approx(logit(values_of(edited), slope), abs=1e-5)


def test_they_are_those_of_the_library_asked_by_itself(session, save_model, row):
    record = row(x=-0.75)
    directory = session.models.job.model_dir
    model = load_explainable(directory, generate_metadata(directory))
    cut = model.differentiable()
    alone = IntegratedGradients().attribute(
        cut, cut.encode(np.array([record], object)), cut.baselines, cut.players, np.zeros(1, np.int32)
    )
    found = session.ask(record).attributions[CANDIDATE]
    assert found.features == alone.features
    np.testing.assert_allclose(found.values, alone.values, rtol=1e-5, atol=1e-6)


def test_a_curve_is_the_formula_at_each_value(session, row):
    answer = session.ask(row(x=7.0))
    curve = session.curve(answer, "x", [np.float32(9.0)])
    assert curve.is_numeric and (9.0,) in curve.values
    assert curve.values[curve.here] == (7.0,)
    assert list(curve.values) == sorted(curve.values)
    for model, slope in {CANDIDATE: 2.0, BASELINE: 5.0}.items():
        expected = [logit(values_of(row(x=float(value))), slope) for (value,) in curve.values]
        np.testing.assert_allclose(curve.outputs[model], expected, atol=1e-4)


def test_a_curve_over_names_has_the_commonest_and_a_missing_one(session, row):
    curve = session.curve(session.ask(row(color="mauve")), "color")
    assert not curve.is_numeric
    assert {value for values in curve.values for value in values} == {b"red", b"green", b"blue", b"mauve"}
    assert curve.values[-1] == ()
    expected = [logit(values_of(row(color=value[0].decode() if value else None)), 2.0) for value in curve.values]
    np.testing.assert_allclose(curve.outputs[CANDIDATE], expected, atol=1e-5)


def test_numbers_are_tried_between_those_observed(session):
    observed = [values_of(record)["x"][0] for record in session.rows.sample]
    tried = [value for (value,) in session.domain("x").values]
    step = (max(tried) - min(tried)) / (len(tried) - 1)
    assert min(observed) - step / 10 <= min(tried) and max(tried) <= max(observed) + step / 10
    assert len(tried) == 41


def far(session, one, other):
    """The distance as docs/whatif.md has it, in plain words."""
    total = 0.0
    sample = [values_of(record) for record in session.rows.sample]
    for name in session.models.features:
        a, b = one.get(name), other.get(name)
        if a is None or b is None or name == "color":
            total += (list(a) if a else None) != (list(b) if b else None)
        else:
            spread = np.std([values[name] for values in sample], axis=0)
            total += float(np.mean(np.abs(np.subtract(a, b, dtype=float)) / spread))
    return total


def test_the_nearest_row_of_another_prediction_is_found_by_trying_all(session, row):
    record = row(x=0.2, color=None)
    near = session.nearest(session.ask(record))
    decided = logit(values_of(record), 2.0) >= 0
    every = [
        (far(session, values_of(record), values_of(other)), place)
        for place, other in enumerate(session.rows.sample)
        if (logit(values_of(other), 2.0) >= 0) != decided
    ]
    distance, place = min(every)
    assert (near.place, near.distance) == (place, pytest.approx(distance, rel=1e-5))
    assert set(near.differences) <= set(session.models.features) and "label" not in near.differences


def test_of_a_number_another_prediction_is_a_standard_deviation_away(open_session, save_model, records, row):
    session = open_session(save_model(2.0, classes=0), records)
    answer = session.ask(row())
    spread = session.predictions.outputs[CANDIDATE].std()
    near = session.nearest(answer)
    assert abs(near.outputs[CANDIDATE][0] - answer.outputs[CANDIDATE][0]) >= spread
    assert f"{spread:.4g}" in near.meaning


def test_where_all_rows_are_the_same_none_has_another_prediction(open_session, save_model, row):
    session = open_session(save_model(2.0), [row()] * 3)
    assert session.nearest(session.ask(row())) is None


def test_an_edit_keeps_the_class_that_is_explained(open_session, save_model, records, row):
    session = open_session(save_model(2.0, classes=3), records, save_model(5.0, classes=3))
    read = session.ask(row())
    assert read.target == 0 and sorted(session.models.targets(read.outputs[CANDIDATE])) == [0, 1, 2]
    edited = row(x=-9.0)
    assert session.ask(edited).target == 1
    now = session.ask(edited, read.target)
    assert now.target == 0
    assert float(now.attributions[CANDIDATE].instance_outputs[0]) == pytest.approx(now.outputs[CANDIDATE][0], rel=1e-5)


def test_a_row_that_a_model_does_not_take_is_a_sentence(session, row):
    with pytest.raises(ValueError, match=r"^Feature 'x' has no value; the model's parser requires one\.$"):
        session.ask(row(x=None))


def test_bad_rows_of_a_sample_are_last_and_do_no_harm(open_session, save_model, records, row):
    session = open_session(save_model(2.0), [b"no example", row(x=None), *records], save_model(5.0))
    bad = {place for place, record in enumerate(session.rows.sample) if record in (b"no example", row(x=None))}
    assert set(session.predictions.failures) == bad
    for by in (HIGHEST, APART):
        assert set(session.order(by)[-2:].tolist()) == bad
    outputs = session.predictions.outputs
    apart = np.abs(outputs[CANDIDATE] - outputs[BASELINE])[:, 0]
    assert session.order(APART)[0] == np.nanargmax(apart) and session.order(HIGHEST)[0] == np.nanargmax(
        outputs[CANDIDATE][:, 0]
    )
    assert session.nearest(session.ask(records[0])) is not None


def test_without_a_good_row_there_is_no_page(open_session, save_model, row):
    with pytest.raises(ValueError, match=r"The models take none of the 2 rows\. Of the first: Feature 'x'"):
        open_session(save_model(2.0), [row(x=None), row(x=None, count=4)])


def test_the_sample_is_bounded_and_any_other_row_is_found_by_its_name(open_session, save_model, records):
    session = open_session(save_model(2.0), records, most=5)
    assert len(session.rows.sample) == 5 and session.rows.total == 60
    for record, name in zip(records, row_names(records), strict=True):
        assert session.rows.find(f" {name.upper()} ") == record
    with pytest.raises(ValueError, match="None of the 60 rows is called 'nobody'"):
        session.rows.find("nobody")


def test_a_row_and_its_attribution_record_have_one_name(example, row):
    record = row()
    explained = record + example({"tfx_explain/candidate/attributions/x": 0.5, "tfx_explain/candidate/output_index": 1})
    in_pieces = row(x=None, color=None) + example({"color": "red"}) + example({"x": 0.5})
    in_pieces += tf.train.Example(features=tf.train.Features(feature={"empty": tf.train.Feature()})).SerializeToString()
    assert row_names([explained, in_pieces]) == row_names([record]) * 2
    assert row_names([row(color="blue")]) != row_names([record])
    assert row_names([b"no example", record])[0] == ""


def test_what_an_explainer_wrote_is_explained_as_its_examples_are(session, row, example):
    written = row() + example({"tfx_explain/candidate/attributions/x": 0.5})
    for found, expected in zip(*(session.ask(one).attributions.values() for one in (written, row())), strict=True):
        np.testing.assert_array_equal(found.values, expected.values)


class Named(tf.Module):
    """score = 2 a + 3 b, of inputs by name."""

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.float32, name="a"), tf.TensorSpec([None, 2], tf.float32, name="b")]
    )
    def serve(self, a, b):
        return {"score": 2 * a + 3 * tf.reduce_sum(b, axis=1)}


def test_a_model_of_named_inputs_is_asked_in_the_same_way(open_session, example, tmp_path):
    module = Named()
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={"serving_default": module.serve})
    records = [example({"a": float(i), "b": [1.0, float(-i)]}) for i in range(9)]
    session = open_session(str(tmp_path / "model"), records)
    edited = with_values(records[4], session.models.features, {"b": [np.float32(5), np.float32(7)]})
    answer = session.ask(edited)
    parts = dict(zip(answer.attributions[CANDIDATE].features, answer.attributions[CANDIDATE].values[0], strict=True))
    assert parts == pytest.approx({"a": 8.0, "b[0]": 15.0, "b[1]": 21.0})
    with pytest.raises(ValueError, match="Feature 'b' has 0 values; the model takes 2"):
        session.ask(with_values(records[4], session.models.features, {"b": []}))
