"""The lock files fit what setup.py asks for, pin everything with hashes, and name no index."""

import ast
import re

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

LOCKS = {
    "tfx116-py310.txt": ["3.10"],
    "tfx116-py311.txt": ["3.11"],
    "tfx121.txt": ["3.10", "3.11", "3.12", "3.13"],
}
AIRFLOW = "tfx116-airflow.txt"
TOOLS = [f"{tool}.txt" for tool in ("uv", "build", "proto", "kfp", "dist", "docs", "peers")]
USERS = [f"users/{lock}" for lock in LOCKS]
CASES = [(lock, python) for lock, pythons in LOCKS.items() for python in pythons]


def setup_constant(root, name):
    for node in ast.parse((root / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"setup.py has no {name}")


def environment(python):
    return {**default_environment(), "python_version": python, "python_full_version": f"{python}.1", "extra": ""}


def pins(root, lock, python):
    text = (root / "requirements" / lock).read_text()
    lines = [Requirement(line.rstrip("\\ ")) for line in re.findall(r"(?m)^[a-zA-Z].*$", text)]
    chosen = [line for line in lines if line.marker is None or line.marker.evaluate(environment(python))]
    versions = {line.name: str(line.specifier).removeprefix("==") for line in chosen}
    assert len(versions) == len(chosen)
    return versions


@pytest.mark.parametrize(
    ("lock", "python"), [*CASES, *[(f"users/{lock}", each) for lock, each in CASES], (AIRFLOW, "3.10")]
)
def test_lock_satisfies_setup_py(root, lock, python):
    extra = setup_constant(root, "EXTRAS")["test"] if lock in LOCKS else []
    wanted = [*setup_constant(root, "REQUIREMENTS"), *extra]
    pinned = pins(root, lock, python)

    for requirement in map(Requirement, wanted):
        if requirement.marker is None or requirement.marker.evaluate(environment(python)):
            assert requirement.specifier.contains(pinned[requirement.name]), requirement


@pytest.mark.parametrize(("lock", "python"), CASES)
def test_users_have_the_developers_versions_and_none_of_their_tools(root, lock, python):
    users, developers = pins(root, f"users/{lock}", python), pins(root, lock, python)

    assert users.items() < developers.items()
    assert not users.keys() & {"pyright", "pytest", "ruff", "shap", "shapiq", "saliency", "playwright"}


@pytest.mark.parametrize(
    "lock",
    [*LOCKS, "uv.txt", "build.txt", "proto.txt", "kfp.txt", "dist.txt", "docs.txt", "peers.txt", AIRFLOW, *USERS],
)
def test_every_pin_has_hashes_and_no_index_is_named(root, lock):
    text = (root / "requirements" / lock).read_text()
    entries = re.split(r"(?m)^(?=[a-zA-Z])", text)[1:]

    assert entries
    assert all(re.match(r"[A-Za-z0-9._-]+==\S+", entry) and "--hash=sha256:" in entry for entry in entries)
    assert "://" not in text
