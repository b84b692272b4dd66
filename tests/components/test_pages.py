"""The guides have every argument of the components, and every key of the messages that they take."""

import inspect
import re
from pathlib import Path

import pytest

from tfx_explain.components import Explainer, MetadataGenerator, ThresholdValidator
from tfx_explain.components.own_id import COMPONENT_ID_KEY
from tfx_explain.proto import explanation_pb2

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    MetadataGenerator: "metadata-generator",
    Explainer: "explainer",
    ThresholdValidator: "threshold-validator",
}
PAGES_OF_MESSAGES = ("metadata-generator", "parameters", "threshold-validator")


def messages():
    """All messages of the project, those inside of others too, but for the entries of maps."""
    waiting = list(explanation_pb2.DESCRIPTOR.message_types_by_name.values())
    while waiting:
        message = waiting.pop()
        waiting += message.nested_types
        if not message.GetOptions().map_entry:
            yield message


def tables(page):
    """The rows of a page's tables by the word that their first column is headed by, and by the heading above."""
    found, heading = {}, ""
    for block in (DOCS / f"{page}.md").read_text().split("\n\n"):
        if block.startswith("#"):
            heading = block.split("\n")[0].strip("# ")
        elif block.startswith("| "):
            head, _, *rows = (
                [cell.strip(" `") for cell in line.split("|")[1:-1]] for line in block.strip().split("\n")
            )
            found[head[0], heading] = {name: cells for name, *cells in rows}
    return found


def of_kind(page, kind):
    (rows,) = [rows for (found, _), rows in tables(page).items() if found == kind]
    return rows


@pytest.mark.parametrize("component", PAGES)
def test_every_argument_is_on_its_page(component):
    arguments = set(inspect.signature(component.__init__).parameters) - {"self"}
    spec = component.SPEC_CLASS
    taken = {*spec.INPUTS, *spec.PARAMETERS} - {COMPONENT_ID_KEY}  # which the component sets itself
    assert arguments == taken
    assert set(of_kind(PAGES[component], "argument")) == arguments
    assert set(of_kind(PAGES[component], "output")) == set(spec.OUTPUTS)


@pytest.mark.parametrize("component", PAGES)
def test_what_is_said_to_be_required_is(component):
    parameters = inspect.signature(component.__init__).parameters
    required = {name for name in parameters if parameters[name].default is inspect.Parameter.empty} - {"self"}
    assert {name for name, cells in of_kind(PAGES[component], "argument").items() if "required" in cells} == required


@pytest.mark.parametrize("message", messages(), ids=lambda message: message.name)
def test_every_key_of_a_message_is_on_a_page(message):
    found = {}
    for page in PAGES_OF_MESSAGES:
        found |= {heading.split(":")[0].strip("`"): rows for (_, heading), rows in tables(page).items()}
    keys = {field.name for field in message.fields}
    said = set(found.get(message.name, {}))
    assert not keys - said, f"docs/: the table of {message.name} lacks {', '.join(sorted(keys - said))}"
    assert not said - keys, f"docs/: {message.name} has no {', '.join(sorted(said - keys))}"


def test_every_word_that_a_key_may_be_stands_on_a_page():
    enums = [enum for message in messages() for enum in message.enum_types]
    words = {value.name for enum in enums for value in enum.values if not value.name.endswith("_UNSPECIFIED")}
    text = "".join((DOCS / f"{page}.md").read_text() for page in PAGES_OF_MESSAGES)
    missing = words - set(re.findall(r"`([A-Z_]+)`", text))
    assert not missing, f"docs/: no table says what {', '.join(sorted(missing))} means"
