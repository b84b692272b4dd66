"""The set-up's own steps: when an environment counts as finished, and what is said where it can't be made."""

import json
import re
import subprocess
import sys

import environment
import pytest
from interpreters import Interpreter

REQUEST = ["", ""]
LOCK = """\
pyfarmhash==0.3.2 \\
    --hash=sha256:aa
    # via tensorflow-data-validation
rich==15.0.0 \\
    --hash=sha256:bb \\
    --hash=sha256:cc
    # via tfx-explain (setup.py)
"""


@pytest.fixture
def finished(tmp_path, executable):
    """An environment folder that has all that a finished one has."""
    executable("venv/bin/python", "exit 0")
    stamp = environment.stamp("tfx121.txt", REQUEST)
    (tmp_path / "venv" / environment.STAMP).write_text(json.dumps(stamp))
    return tmp_path / "venv"


def test_a_finished_environment_is_current(finished):
    assert environment.is_current(finished, REQUEST)


def test_an_environment_asked_for_in_other_words_is_not(finished):
    assert not environment.is_current(finished, ["3.10", ""])


def test_an_environment_without_its_stamp_is_not_finished(finished):
    (finished / environment.STAMP).unlink()

    assert not environment.is_current(finished, REQUEST)


def test_an_environment_whose_interpreter_is_gone_is_not_current(finished, executable):
    executable("venv/bin/python", "exit 127")

    assert not environment.is_current(finished, REQUEST)


@pytest.mark.parametrize("key", ["root", "lock", "packages", "project"])
def test_an_environment_made_from_something_else_is_not_current(finished, key):
    stamp = json.loads((finished / environment.STAMP).read_text())
    (finished / environment.STAMP).write_text(json.dumps({**stamp, key: "uv.txt"}))

    assert not environment.is_current(finished, REQUEST)


def test_a_failed_step_names_its_command_and_leaves_no_finished_environment(finished, executable, monkeypatch):
    broken = executable("python3.11", "echo 'ensurepip is not available'; exit 1")
    interpreter = Interpreter(str(broken), (3, 11, 2), "linux-x86_64", (2, 36), venv=True, headers=True)

    with pytest.raises(ValueError, match=r"apt-get install python3\.11-venv.*\n.*ensurepip is not available"):
        environment.make_venv(interpreter, finished)

    assert not finished.exists()


def test_without_removes_one_package_with_its_hashes():
    assert environment.without(LOCK, "pyfarmhash") == LOCK[LOCK.index("rich") :]


def test_the_stand_in_has_what_tfdv_calls_and_says_what_to_install(root):
    sys_path = str(root / "tools" / "standins")
    code = f"import sys; sys.path.insert(0, {sys_path!r}); import farmhash; farmhash.fingerprint64('a')"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False)

    assert "apt-get install g++ python3-dev" in done.stderr


def test_progress_passes_on_what_matters(capsys):
    script = "echo 'Installed 2 packages'; echo ' + rich==15.0.0'; echo"
    environment.Progress().run(["sh", "-c", script], {})

    assert re.fullmatch(r"\[ +\d+\.\d s\]   Installed 2 packages\n", capsys.readouterr().out)


def test_progress_shows_life_while_a_command_is_silent(capsys, monkeypatch):
    monkeypatch.setattr(environment, "HEARTBEAT_SECONDS", 0.01)
    environment.Progress().run(["sleep", "0.1"], {"PATH": "/usr/bin:/bin"})

    assert "..." in capsys.readouterr().out


def test_a_command_that_fails_is_named():
    with pytest.raises(ValueError, match=r"`sh -c exit 3` failed \(exit status 3\)"):
        environment.Progress().run(["sh", "-c", "exit 3"], {})


def test_uv_is_told_what_pip_is_configured_with(executable):
    listing = r"global.index-url='https://mirror.example/simple'\nglobal.cert='/etc/ca.crt'\n:env:.timeout='180'"
    pip = executable("python", f'printf "{listing}\\n"')

    assert environment.index_settings(str(pip)) == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "SSL_CERT_FILE": "/etc/ca.crt",
    }


def test_an_unknown_line_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match=r"TFX=1\.15 is not a line.*1\.21 and 1\.16"):
        environment.select_line("", "1.15")
