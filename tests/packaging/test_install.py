"""The wheel installs where no lock is at hand, with what PyPI has today."""

import subprocess
import sys
from pathlib import Path

import pytest

# What is promised for uv; also keeps a resolver that backtracks from hanging the tests.
INSTALL_SECONDS = 180
IMPORTS = (
    "from tfx import v1; from tfx_explain import components, metrics; from tfx_explain.pipelines.census import pipeline"
)


@pytest.mark.slow
def test_wheel_installs_without_a_lock_and_imports(wheel, tmp_path):
    uv = Path(sys.executable).parent / "uv"
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv"], check=True)

    install = [uv, "pip", "install", "--quiet", "--python", python, wheel]
    subprocess.run(install, check=True, timeout=INSTALL_SECONDS)
    done = subprocess.run([python, "-c", IMPORTS], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
