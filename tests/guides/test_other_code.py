"""What guides show that is neither Python nor a command: parameters, settings, and options for Beam."""

import re
import shlex

import pytest
import yaml
from apache_beam.options.pipeline_options import PipelineOptions
from google.protobuf import json_format

from tests.guides.conftest import PAGES, ROOT, blocks
from tfx_explain.kubeflow.settings import read_settings
from tfx_explain.proto import explanation_pb2

# Pages whose JSON is of another message, and the test that reads it.
ELSEWHERE = {"savedmodel": "tests/savedmodel/test_guide.py"}
PARAMETERS = [(page.stem, block) for page in PAGES if page.stem not in ELSEWHERE for block in blocks(page, "json")]
BEAM = [block for page in PAGES for block in blocks(page, "text") if block.startswith("--")]


@pytest.mark.parametrize(("page", "block"), PARAMETERS)
def test_json_is_parameters(page, block):
    assert json_format.Parse(block, explanation_pb2.ExplanationParameters()).ListFields()


@pytest.mark.parametrize("block", BEAM)
def test_options_for_beam_are_beams(block):
    words = shlex.split(block.replace("NUMBER_OF_SLOTS", "8"))
    known = PipelineOptions(words).get_all_options(drop_default=True)
    assert {word.partition("=")[0].removeprefix("--") for word in words} <= set(known)


def test_settings_of_kubeflows_tasks_are_such():
    (block,) = blocks(ROOT / "docs" / "kubeflow.md", "yaml")
    given = yaml.safe_load(block)
    assert read_settings(given, [name for name in given if name != "default"])


def test_no_other_language_goes_untried():
    told = {language for page in PAGES for language in re.findall(r"(?m)^ *```(\w+)", page.read_text())}
    assert told == {"json", "mermaid", "python", "sh", "text", "yaml"}
