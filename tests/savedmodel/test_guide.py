"""docs/savedmodel.md: what it shows runs, and says what it is said to say."""

import json
import re
from pathlib import Path

import pytest

from tfx_explain.cli.assignments import parse_assignments
from tfx_explain.savedmodel import load_explainable, metadata_from_json

GUIDE = (Path(__file__).parents[2] / "docs" / "savedmodel.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What the guide's Python defines, run as one program in an empty folder."""
    folder = tmp_path_factory.mktemp("guide")
    found = {}
    program = re.sub(r'"(model|dense|steps)"', lambda match: repr(str(folder / match[1])), "\n".join(blocks("python")))
    exec(program, found)
    return found | {"model_dir": str(folder / "model")}


def test_the_code_runs(names, capsys):
    assert names["model"].features == ("years",)
    assert list(names["job"].explainable_by) == ["integrated_gradients", "sampled_shapley"]
    assert names["metadata"].inputs["age"].baseline_source == "given"
    assert list(names["by_column"].inputs["dense_input"].index_feature_mapping) == ["age", "hours", "gain"]
    assert list(names["last_step"].outputs["scores"].output_element) == [-1]
    assert json.loads(names["text"])["inputs"]["job"]["groupName"] == "person"


def test_the_file_by_hand_fits_the_model(names):
    (text,) = blocks("json")
    assert load_explainable(names["model_dir"], metadata_from_json(text)).features == ("profession", "years")


def test_the_commands_overrides_are_the_codes(names):
    (command,) = [block for block in blocks("sh") if "--set" in block]
    assignments = [match.strip("'") for match in re.findall(r"--set ('[^']+'|\S+)", command)]
    assert parse_assignments(assignments) == names["part"]
