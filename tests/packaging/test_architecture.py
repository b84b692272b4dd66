"""docs/architecture.md names what there is, and what the import linter can't see holds too."""

import ast
import re

import pytest

# No regular packages, so that the linter does not see them.
UNSEEN = {"proto": set(), "kubeflow": {"pipelines", "components", "gate", "beam", "savedmodel", "metrics", "storage"}}


def rooms_imported_by(path):
    """The rooms of tfx_explain that a file imports from, wherever it does."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        found |= {name.split(".")[1] for name in names if name.startswith("tfx_explain.")}
    return found


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs" / "architecture.md").read_text()


def test_every_path_exists(root, page):
    paths = re.findall(r"\]\(([^)#]+)\)", page)
    assert len(paths) > 50
    assert [path for path in paths if not (root / "docs" / path).exists()] == []


def test_every_function_is_where_it_is_said_to_be(root, page):
    named = re.findall(r"\[`([\w.]+)`\]\(([^)]+\.py)\)", page)
    assert len(named) > 12
    for name, path in named:
        text = (root / "docs" / path).read_text()
        for part in name.split("."):
            assert re.search(rf"^ *(def|class) {part}\b", text, re.MULTILINE), f"{path} has no {name}"


def test_every_room_has_its_row(root, page):
    rooms = {link.name for link in (root / "tfx_explain").iterdir() if link.is_symlink()}
    assert rooms == set(re.findall(r"^\| \[(\w+)/\]", page, re.MULTILINE))


@pytest.mark.parametrize("room", UNSEEN)
def test_a_room_that_the_linter_does_not_see_imports_from_below_alone(root, room):
    imported = set().union(*(rooms_imported_by(path) for path in (root / room).glob("*.py")))
    assert imported - {room} <= UNSEEN[room]


def test_messages_and_orchestrators_are_not_imported_from_below(root):
    attribution = set().union(*(rooms_imported_by(path) for path in (root / "attribution").rglob("*.py")))
    everywhere = [
        path
        for link in (root / "tfx_explain").iterdir()
        if link.is_symlink()
        for path in (root / link.name).rglob("*.py")
        if "kubeflow" in rooms_imported_by(path)
    ]
    assert attribution == {"attribution"}
    assert {path.relative_to(root).parts[0] for path in everywhere} <= {"cli", "kubeflow"}
