"""Attributions as a frame, and as shap's object."""

import matplotlib.pyplot as plt
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


def test_paths_in_every_form(write, rows, tmp_path):
    path = write(rows[:5], split="train")
    write_eval = f"{path}/Split-eval"
    (tmp_path / "attributions").rename(tmp_path / "first")
    write(rows[5:8], split="eval")
    (tmp_path / "attributions" / "Split-eval").rename(tmp_path / "first" / "Split-eval")
    first, split = tmp_path / "first", write_eval.replace("/attributions/", "/first/")
    for given, count in (
        (first, 8),
        (f"{first}/", 8),
        (f"file://{first}", 8),
        (f"{split}/", 3),
        ([split, f"{first}/Split-train"], 8),
        ([first, split], 8),
    ):
        assert len(read_attributions(given)) == count


def test_what_cannot_be_meant_is_refused(write, rows, tmp_path):
    path = write(rows[:5])
    with pytest.raises(ValueError, match=r"features='sex': give a list of names, such as \['sex'\]"):
        read_attributions(path, features="sex")
    with pytest.raises(ValueError, match="sample=0: give a number of rows, 1 or more"):
        read_attributions(path, sample=0)
    with pytest.raises(ValueError, match=r"No record in .* explains a class '>50K'"):
        read_attributions(path, class_name=">50K")
    with pytest.raises(ValueError, match=r"There is no folder .*nowhere; give what an Explainer wrote"):
        read_attributions(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="There are no records in no path at all"):
        read_attributions([])


def test_a_feature_that_only_later_records_have(write, explained):
    early, late = explained({"b": 1.0}), {"raw": 3} | explained({"a": 2.0, "b": 1.0})
    frame = read_attributions(write([*[early] * 1000, late]))
    assert [name for of, _, name in frame.columns if of == "row"] == ["raw"]
    assert list(frame["candidate"]["attribution"]) == ["a", "b"]
    assert np.isnan(frame["candidate", "attribution", "a"][999])
    assert frame["candidate", "attribution", "a"][1000] == 2


@pytest.mark.parametrize("model", ["candidate", "baseline"])
def test_all_of_shaps_plots_draw_them(write, rows, model):
    explanation = to_shap(read_attributions(write(rows), sample=100), model)
    assert explanation.shape == (100, 3)
    np.testing.assert_allclose(explanation.base_values, 0.5)
    assert set(explanation.display_data[:, 2]) == {"Male", "Female"}
    base, names = explanation.base_values[0], list(explanation.feature_names)
    cohorts = explanation.cohorts([str(sex) for sex in explanation.display_data[:, 2]])
    for draw in (
        lambda: shap.plots.beeswarm(explanation, show=False),
        lambda: shap.plots.bar(explanation, show=False),
        lambda: shap.plots.bar(cohorts, show=False),
        lambda: shap.plots.heatmap(explanation, show=False),
        lambda: shap.plots.violin(explanation, show=False),
        lambda: shap.plots.scatter(explanation[:, "fnlwgt"], color=explanation, show=False),
        lambda: shap.plots.scatter(explanation[:, "sex"], show=False),
        lambda: shap.plots.waterfall(explanation[0], show=False),
        lambda: shap.plots.force(explanation[0], matplotlib=True, show=False),
        lambda: shap.plots.decision(base, explanation.values, explanation.display_data, names, show=False),
        lambda: shap.plots.group_difference(explanation.values, explanation.data[:, 2] > 0, names, show=False),
    ):
        plt.close("all")  # They draw on what is there.
        draw()
        assert plt.gcf().axes
    plt.close("all")


def test_shap_gets_the_rows_that_were_explained(write, explained):
    rows = [explained({"age": value}) for value in (1.0, float("nan"), 3.0)]
    explanation = to_shap(read_attributions(write(rows)))
    assert explanation.values.ravel().tolist() == [1, 3]
    assert explanation.base_values.shape == (2,)
    (nothing,) = [explained({"age": float("nan")})]
    frame = read_attributions(write([nothing], split="none") + "/Split-none")
    with pytest.raises(ValueError, match="No row in this frame has all its attributions of the model 'candidate'"):
        to_shap(frame)


def test_shap_without_the_features_values(write, explained):
    explanation = to_shap(read_attributions(write([explained({"age": 1.0})])))
    assert np.isnan(explanation.data).all()


def test_shap_takes_features_of_several_values(write, explained):
    row = {"pixels": [float(i) for i in range(20)], "sex": b"Male"} | explained({"pixels": 1.0, "sex": 2.0})
    explanation = to_shap(read_attributions(write([row, row])))
    assert explanation.display_data[0].tolist() == [
        "[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0,\N{HORIZONTAL ELLIPSIS}",
        "Male",
    ]
    shap.plots.waterfall(explanation[0], show=False)
    shap.plots.bar(explanation, show=False)
    plt.close("all")
