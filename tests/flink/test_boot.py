"""What a worker pool installs of what a pipeline staged."""

import shutil
import subprocess
import sys

import pytest

from tfx_explain.flink import boot

SETUP = (
    "from setuptools import setup; setup(name='staged', py_modules=['staged'], install_requires=['nowhere-to-be-had'])"
)


@pytest.fixture
def sdist(tmp_path):
    """A package, as Beam's `--setup_file` packs it."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "setup.py").write_text(SETUP)
    (folder / "staged.py").write_text("")
    subprocess.run([sys.executable, "setup.py", "--quiet", "sdist"], cwd=folder, check=True)
    (archive,) = (folder / "dist").iterdir()
    return archive


def test_the_package_of_setup_file_is_installed_without_its_dependencies(sdist, tmp_path):
    staged = shutil.copy(sdist, tmp_path / "workflow.tar.gz")

    installed = boot.install({"workflow.tar.gz": staged}, tmp_path / "packages")

    assert (installed / "staged.py").exists()


def test_extra_packages_are_those_in_the_list(sdist, tmp_path):
    (tmp_path / "extra_packages.txt").write_text(f"{sdist.name}\n")
    files = {"extra_packages.txt": tmp_path / "extra_packages.txt", sdist.name: sdist}

    assert (boot.install(files, tmp_path / "packages") / "staged.py").exists()


def test_a_pipeline_that_stages_nothing_gets_an_empty_folder(tmp_path):
    assert list(boot.install({}, tmp_path / "packages").iterdir()) == []


def test_requirements_that_a_pool_cannot_install_are_refused(tmp_path):
    with pytest.raises(ValueError, match="--requirements_file is staged"):
        boot.install({"requirements.txt": tmp_path / "requirements.txt"}, tmp_path / "packages")
