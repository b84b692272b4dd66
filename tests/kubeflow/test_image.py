"""What `make image` gives to the builder that is there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "image.sh"
# Says what it was told, and what it was given: the context is the last argument.
BUILDER = """#!/bin/sh
echo "$(basename "$0") $*"
for last; do :; done
find "$last" -type f
"""
NEEDED = ("sh", "dirname", "mktemp", "rm", "mkdir", "cp", "touch", "find", "cat", "basename")


@pytest.fixture
def build(tmp_path):
    """Runs the script where nothing is on the PATH but what it needs, and the builders that are given."""
    for name in NEEDED:
        (tmp_path / name).symlink_to(shutil.which(name))

    def run(*builders, arguments=()):
        for name in builders:
            (tmp_path / name).write_text(BUILDER)
            (tmp_path / name).chmod(0o755)
        command = [SCRIPT, sys.executable, "name:1", *arguments]
        environment = {**os.environ, "PATH": str(tmp_path)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


def test_the_first_builder_gets_the_wheel_and_the_locks_and_nothing_else(build):
    done = build("podman", "buildah", arguments=["debian:bookworm"])
    assert done.returncode == 0, done.stderr
    told, *files = done.stdout.splitlines()
    assert told.startswith("podman build --build-arg BASE=debian:bookworm --tag name:1 --file ")
    context = told.split()[-1]
    names = {file.removeprefix(f"{context}/") for file in files}
    (wheel,) = (name for name in names if name.startswith("wheel/"))
    assert wheel.endswith("-py3-none-any.whl")
    assert {"packages/setup.py", "packages/tools/environment.py", "packages/requirements/uv.txt"} < names
    assert {name.split("/")[0] for name in names} == {"wheel", "packages"}


def test_without_a_builder_it_says_what_to_install(build):
    done = build()
    assert done.returncode == 1
    assert done.stderr.startswith("image: none of docker, podman, buildah is there; install one")
