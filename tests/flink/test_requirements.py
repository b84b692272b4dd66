"""What is missing on a machine is said in one line, with what would enable it."""

import subprocess
from pathlib import Path

import pytest

from tfx_explain.flink import jars

ALONE = Path(jars.__file__).parent / "alone.sh"


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    """Makes a few commands all that there are."""

    def put(*names: str) -> None:
        for name in names:
            (tmp_path / name).write_text("#!/bin/sh\n")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return put


@pytest.mark.parametrize(
    ("present", "absent"),
    [((), "Java and Maven are missing"), (("java",), "Maven is missing"), (("mvn",), "Java is missing")],
)
def test_it_says_what_keeps_flink_from_running(on_path, present, absent):
    on_path(*present)

    assert jars.missing().startswith(absent)
    assert "apt-get install default-jre-headless maven" in jars.missing()
    with pytest.raises(ValueError, match=absent):
        jars.fetch()


def test_it_says_nothing_where_java_and_maven_are_there(on_path):
    on_path("java", "mvn")

    assert jars.missing() == ""


def test_a_cluster_needs_root(tmp_path):
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "id").chmod(0o755)

    done = subprocess.run(
        [ALONE, "touch", tmp_path / "run"], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True
    )

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "need root" in done.stderr
    assert not (tmp_path / "run").exists()
