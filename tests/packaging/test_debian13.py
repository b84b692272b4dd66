"""`make test-debian13` where it can't run: skipped with a message for people, a failure in CI."""

import subprocess

import pytest


@pytest.mark.parametrize(("ci", "status"), [("", 0), ("true", 1)])
def test_without_root_it_says_so_and_fails_only_in_ci(root, executable, tmp_path, ci, status):
    executable("bin/id", "echo 1000")
    environ = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "HOME": str(tmp_path), "CI": ci}

    done = subprocess.run([root / "tools" / "debian13.sh"], env=environ, capture_output=True, text=True, check=False)

    assert done.returncode == status
    assert "needs root" in done.stderr
    assert ("skipped" in done.stderr) == (status == 0)
