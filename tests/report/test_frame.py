"""Attributions as a frame, and as shap's object."""

import numpy as np
import pytest
import shap

from tfx_explain.report import read_attributions, to_shap


def test_models_features_and_errors_are_told_apart(write, rows):
    frame = read_attributions(write(rows))
    assert len(frame) == 400
    assert list(frame["candidate"]["attribution"]) == ["fnlwgt", "hours-per-week", "sex"]
    assert list(frame["row"]["value"]) == ["fnlwgt", "hours-per-week", "sex"]
    first = rows[0]
    assert frame["row", "value", "sex"][0] == first["sex"].decode()
    assert frame["row", "value", "hours-per-week"].dtype == np.int64
    assert frame["baseline", "attribution", "fnlwgt"][0] == pytest.approx(0.1)
    assert frame["candidate", "output", "approximation_error"][0] == pytest.approx(0.01)


def test_a_sample_is_the_same_however_the_rows_lie(write, rows, tmp_path):
    sample = read_attributions(write(rows), sample=50)
    (tmp_path / "attributions").rename(tmp_path / "before")
    again = read_attributions(write(rows[::-1]), sample=50)
    assert len(sample) == 50
    assert sample.equals(again)


def test_features_can_be_chosen_and_a_split_named(write, rows):
    path = write(rows, split="train")
    frame = read_attributions(f"{path}/Split-train", features=["sex"])
    assert list(frame["candidate"]["attribution"]) == ["sex"]
    assert list(frame["row"]["value"]) == ["sex"]


def test_a_value_that_is_missing_and_several_values(write, explained):
    rows = [{"age": 3, "tags": [b"a", b"\xff"]} | explained({"age": 1.0}), explained({"age": 2.0})]
    frame = read_attributions(write(rows))
    assert np.isnan(frame["row", "value", "age"][1])
    assert frame["row", "value", "tags"][0] == ["a", r"\xff"]
    assert frame["row", "value", "tags"][1] is None


def test_what_is_not_there_is_named(write, rows, tmp_path):
    path = write(rows)
    with pytest.raises(ValueError, match="unknown feature 'fnlwgth'; did you mean 'fnlwgt'"):
        read_attributions(path, features=["fnlwgth"])
    with pytest.raises(ValueError, match="has no folder Split-"):
        read_attributions(str(tmp_path))
    with pytest.raises(ValueError, match="no attributions of the model 'other'"):
        to_shap(read_attributions(path), "other")


def test_records_of_something_else_are_refused(write):
    with pytest.raises(ValueError, match="they lack the columns tfx_explain/candidate/attributions/<feature>"):
        read_attributions(write([{"age": 3}]))


def test_shap_draws_them(write, rows):
    explanation = to_shap(read_attributions(write(rows), sample=100))
    assert explanation.shape == (100, 3)
    np.testing.assert_allclose(explanation.base_values, 0.5)
    assert set(explanation.display_data[:, 2]) == {"Male", "Female"}
    for plot in (shap.plots.beeswarm, shap.plots.bar, shap.plots.heatmap):
        plot(explanation, show=False)
    shap.plots.scatter(explanation[:, "fnlwgt"], show=False)
    shap.plots.waterfall(explanation[0], show=False)


def test_shap_without_the_features_values(write, explained):
    explanation = to_shap(read_attributions(write([explained({"age": 1.0})])))
    assert np.isnan(explanation.data).all()
