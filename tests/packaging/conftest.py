"""A copy of the sources, and what is built from it."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD_FILES = ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")


def setup_py(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "setup.py", "--quiet", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as Beam's `--setup_file=./setup.py` does."""
    copy = tmp_path_factory.mktemp("sources")
    folders = [link.name for link in (ROOT / "tfx_explain").iterdir() if link.is_symlink()]
    for folder in ["tfx_explain", "tests", "requirements", "tools", *folders]:
        shutil.copytree(ROOT / folder, copy / folder, symlinks=True)
    for name in BUILD_FILES:
        shutil.copy(ROOT / name, copy)
    target = tmp_path_factory.mktemp("sdist")
    setup_py(copy, "sdist", "--dist-dir", str(target))
    (archive,) = target.iterdir()
    return archive


@pytest.fixture(scope="session")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the sdist, which therefore has all that a wheel needs."""
    unpacked = tmp_path_factory.mktemp("unpacked")
    shutil.unpack_archive(sdist, unpacked, filter="data")
    (folder,) = unpacked.iterdir()
    target = tmp_path_factory.mktemp("wheel")
    setup_py(folder, "bdist_wheel", "--dist-dir", str(target))
    (archive,) = target.iterdir()
    return archive


@pytest.fixture
def executable(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a script into a folder of `tmp_path`."""

    def write(path: str, script: str) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file

    return write
