"""The wheel and the sdist have what they should, and nothing else."""

import re
import tarfile
import zipfile
from pathlib import Path

import pytest

KNOWN = {
    "tfx_explain/__init__.py",
    "tfx_explain/py.typed",
    "tfx_explain/components/artifacts.py",
    "tfx_explain/pipelines/census/data/adult_census.csv.gz",
    "tfx_explain/proto/explanation.proto",
    "tfx_explain/proto/explanation_pb2.py",
    "tfx_explain/proto/explanation_pb2.pyi",
}


def package_files(root: Path) -> set[str]:
    """What is in the folders that people import, caches apart."""
    files = {"tfx_explain/__init__.py", "tfx_explain/py.typed"}
    for link in (root / "tfx_explain").iterdir():
        if link.is_symlink():
            folder = root / link.name
            assert link.resolve() == folder
            files |= {f"tfx_explain/{path.relative_to(root)}" for path in folder.rglob("*") if path.is_file()}
    return {name for name in files if not re.search(r"/(__pycache__|\.[a-z_]+)/", name)}


def test_wheel_has_the_package_and_nothing_else(wheel, root):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    metadata = {name for name in names if name.split("/")[0].endswith(".dist-info")}

    assert names - metadata == package_files(root)
    assert names >= KNOWN
    assert {name.split("/", 1)[1] for name in metadata} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
        "top_level.txt",
    }


def test_wheel_is_pure_python(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/WHEEL"))

    assert wheel.name.endswith("-py3-none-any.whl")
    assert "Root-Is-Purelib: true" in archive.read(name).decode().splitlines()


def test_sdist_has_the_package_and_what_builds_it(sdist, root):
    with tarfile.open(sdist) as archive:
        names = {member.name.split("/", 1)[1] for member in archive if member.isfile()}
        links = [member.name for member in archive if member.issym() or member.islnk()]
    made = {name for name in names if name.startswith("tfx_explain.egg-info/")} | {"PKG-INFO", "setup.cfg"}

    assert names - made == package_files(root) | {"LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "setup.py"}
    assert links == []


@pytest.mark.parametrize("folder", ["proto", "kubeflow"])
def test_folders_that_would_shadow_a_package_of_pypi_are_no_regular_packages(root, folder):
    assert not (root / folder / "__init__.py").exists()


def test_the_type_checker_sees_every_folder_that_people_import(root):
    settings = (root / "pyproject.toml").read_text()
    folders = {link.name for link in (root / "tfx_explain").iterdir() if link.is_symlink()} - {"proto"}

    assert set(re.findall(r'"tfx_explain/([a-z]+)"', settings)) == folders


def test_the_long_description_can_be_read_elsewhere(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    text = archive.read(name).decode()

    assert "raw/main/docs/report.png)" in text
    assert re.findall(r"\]\((?!https?://|#)[^)]*\)", text) == []
    assert "```mermaid" not in text
