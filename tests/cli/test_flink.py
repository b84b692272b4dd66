"""`tfx-explain flink`."""

import subprocess
import sys

from tfx_explain.cli.main import run
from tfx_explain.flink.cluster import BOOT, CONFIGURATION
from tfx_explain.flink.jars import POM


def test_writes_what_the_guide_names(tmp_path, capsys):
    folder = tmp_path / "flink"

    assert run(["flink", "--output", str(folder)]) == 0

    assert capsys.readouterr().out == f"{folder}\n"
    assert (folder / "pom.xml").read_bytes() == POM.read_bytes()
    assert {path.name for path in (folder / "conf").iterdir()} == {path.name for path in CONFIGURATION.iterdir()}
    assert (folder / "boot.py").read_bytes() == BOOT.read_bytes()


def test_boot_runs_without_tfx_explain(tmp_path):
    run(["flink", "--output", str(tmp_path / "flink")])

    done = subprocess.run(
        [sys.executable, "-I", tmp_path / "flink" / "boot.py", "--help"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0
    assert "--provision_endpoint" in done.stdout


def test_replaces_nothing(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")

    assert run(["flink", "--output", str(tmp_path)]) == 2

    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text() == "mine"
