"""The commands that people and CI are told of are those that there are."""

import re
import subprocess

import pytest


def documents(root):
    pages = [root / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
    return [*pages, *(root / "docs").glob("*.md")]


def targets(root):
    return set(re.findall(r"(?m)^([a-z0-9-]+):", (root / "Makefile").read_text()))


@pytest.mark.parametrize("command", ["make demo", "make test"])
def test_readme_names_the_two_commands(root, command):
    assert command in (root / "README.md").read_text()


def test_documents_name_only_targets_that_exist(root):
    named = {name for file in documents(root) for name in re.findall(r"`make ([a-z0-9-]+)", file.read_text())}

    assert named <= targets(root)


def test_documents_link_to_files_that_exist(root):
    links = {
        file.parent / link
        for file in documents(root)
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", file.read_text())
    }

    assert [str(link) for link in links if not link.exists()] == []


def test_documents_name_only_files_that_exist(root):
    folders = {path.name for path in root.iterdir() if path.is_dir()}
    named = {name for file in documents(root) for name in re.findall(r"`([\w.-]+/[\w./*-]*)`", file.read_text())}

    ours = [name for name in named if name.split("/")[0] in folders - {"build", "dist"}]
    assert len(ours) > 10
    assert [name for name in ours if not list(root.glob(name))] == []


def is_there(root, name):
    """Whether a dotted name is of a folder, a module, or of something that a module has."""
    at, (first, *parts) = root, name.split(".")
    assert first == "tfx_explain"
    while parts and (at / parts[0]).is_dir():
        at /= parts.pop(0)
    if parts and (at / f"{parts[0]}.py").exists():
        at /= f"{parts.pop(0)}.py"
    else:
        at /= "__init__.py"
    return not parts or (at.exists() and re.search(rf"\b{parts[0]}\b", at.read_text()) is not None)


def test_documents_name_only_modules_that_exist(root):
    named = {name for file in documents(root) for name in re.findall(r"\btfx_explain(?:\.\w+)+", file.read_text())}

    assert len(named) > 10
    assert [name for name in named if not is_there(root, name)] == []
    assert not is_there(root, "tfx_explain.beam.no_such") and not is_there(root, "tfx_explain.gate.presets.no_such")


def test_the_site_has_every_page(root):
    pages = {file.stem for file in (root / "docs").glob("*.md")} - {"index"}

    assert pages <= set((root / "docs" / "index.md").read_text().split("\n"))


def test_ci_runs_the_readmes_test_command(root):
    assert re.search(r"(?m)\bmake test$", (root / ".ci" / "run").read_text())


def test_help_lists_every_target(root):
    listed = subprocess.run(["make", "help"], cwd=root, capture_output=True, text=True, check=True).stdout

    assert set(re.findall(r"(?m)^  make ([a-z0-9-]+)", listed)) == targets(root)
