"""The commands that people and CI are told of are those that there are."""

import re
import subprocess

import pytest


def targets(root):
    return set(re.findall(r"(?m)^([a-z0-9-]+):", (root / "Makefile").read_text()))


@pytest.mark.parametrize("command", ["make demo", "make test"])
def test_readme_names_the_two_commands(root, command):
    assert command in (root / "README.md").read_text()


def test_documents_name_only_targets_that_exist(root):
    documents = [root / "README.md", *(root / "docs").glob("*.md")]
    named = {name for file in documents for name in re.findall(r"`make ([a-z0-9-]+)", file.read_text())}

    assert named <= targets(root)


def test_documents_link_to_files_that_exist(root):
    documents = [root / "README.md", *(root / "docs").glob("*.md")]
    links = {
        file.parent / link for file in documents for link in re.findall(r"\]\((?!https?:)([^)#]+)", file.read_text())
    }

    assert [str(link) for link in links if not link.exists()] == []


def test_the_site_has_every_page(root):
    pages = {file.stem for file in (root / "docs").glob("*.md")} - {"index"}

    assert pages <= set((root / "docs" / "index.md").read_text().split("\n"))


def test_ci_runs_the_readmes_test_command(root):
    assert re.search(r"(?m)\bmake test$", (root / ".ci" / "run").read_text())


def test_help_lists_every_target(root):
    listed = subprocess.run(["make", "help"], cwd=root, capture_output=True, text=True, check=True).stdout

    assert set(re.findall(r"(?m)^  make ([a-z0-9-]+)", listed)) == targets(root)
