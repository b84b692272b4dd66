import subprocess
import sys

import pytest

from tfx_explain.storage import columns


@pytest.mark.parametrize("model", columns.MODELS)
@pytest.mark.parametrize("feature", ["age", "capital-gain", "a/b", "attributions/x", "", "größe"])
def test_an_attribution_column_gives_its_feature_back(model, feature):
    column = columns.attribution_column(model, feature)
    assert columns.attribution_feature(column, model) == feature
    assert columns.is_explanation_column(column)


def test_features_are_those_of_the_model_asked_for():
    names = [
        columns.attribution_column(columns.CANDIDATE, "b"),
        columns.attribution_column(columns.CANDIDATE, "a"),
        columns.attribution_column(columns.BASELINE, "c"),
        columns.field_column(columns.CANDIDATE, columns.OUTPUT_INDEX),
        "age",
    ]
    assert columns.attributed_features(names, columns.CANDIDATE) == ("a", "b")
    assert columns.attributed_features(names, columns.BASELINE) == ("c",)
    assert [columns.is_explanation_column(n) for n in names] == [True] * 4 + [False]


def test_unknown_models_and_fields_are_refused():
    with pytest.raises(ValueError, match=r"Unknown model 'champion' .* the models are candidate and baseline"):
        columns.attribution_column("champion", "age")
    with pytest.raises(ValueError, match=r"Unknown field 'error' .* approximation_error"):
        columns.field_column(columns.CANDIDATE, "error")


def test_importing_the_column_names_does_not_import_tensorflow():
    code = "import sys, tfx_explain.storage.columns; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
