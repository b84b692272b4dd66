"""Which interpreter the set-up takes, on machines made of small scripts."""

import json
import sys

import interpreters
import pytest
from interpreters import Interpreter, choose

HELPFUL = r"No Python on this machine can run TFX"


def python(version, glibc=(2, 36), platform="linux-x86_64", venv=True):
    path = "/usr/bin/python" + ".".join(map(str, version[:2]))
    return Interpreter(path, version, platform, glibc, venv=venv, headers=True)


DEBIAN_12 = [python((3, 11, 2))]
DEBIAN_13 = [python((3, 13, 5), glibc=(2, 41))]
UBUNTU_22 = [python((3, 10, 12), glibc=(2, 35))]
UBUNTU_24 = [python((3, 12, 3), glibc=(2, 39))]
PYENV = [python(version) for version in ((3, 11, 7), (3, 9, 18), (3, 13, 0), (3, 10, 13))]


@pytest.mark.parametrize(
    ("machine", "line", "version", "lock"),
    [
        (DEBIAN_12, "1.16", (3, 11), "tfx116-py311.txt"),
        (DEBIAN_13, "1.21", (3, 13), "tfx121.txt"),
        (UBUNTU_22, "1.16", (3, 10), "tfx116-py310.txt"),
        (UBUNTU_24, "1.21", (3, 12), "tfx121.txt"),
        (PYENV, "1.16", (3, 10), "tfx116-py310.txt"),
    ],
)
def test_choice_on_known_machines(machine, line, version, lock):
    choice = choose(machine)

    assert (choice.line.name, choice.interpreter.python, choice.lock) == (line, version, lock)


def test_each_line_is_locked_for_the_interpreters_it_supports(root):
    locks = {line.name: line.locks for line in interpreters.LINES}

    assert set(locks["1.21"]) == {(3, 10), (3, 11), (3, 12), (3, 13)}
    assert set(locks["1.16"]) == {(3, 10), (3, 11)}
    for names in locks.values():
        assert all((root / "requirements" / name).is_file() for name in names.values())


@pytest.mark.parametrize(
    "machine",
    [
        [],
        [python((3, 9, 18)), python((3, 12, 1))],
        [python((3, 14, 0), glibc=(2, 41))],
        [python((3, 10, 1), platform="linux-aarch64")],
        [python((3, 10, 1), glibc=(0, 0))],  # musl
    ],
    ids=["none", "too old a glibc for 3.12", "too new a Python", "another processor", "no glibc"],
)
def test_refuses_with_what_was_found_and_what_to_install(machine):
    with pytest.raises(ValueError, match=HELPFUL) as refusal:
        choose(machine)

    for each in machine:
        assert str(each) in str(refusal.value)
    assert "apt-get install python3-venv" in str(refusal.value)


def test_says_so_where_only_venv_is_missing():
    with pytest.raises(ValueError, match=r"neither `ensurepip` nor `pip`.*apt-get install python3\.11-venv"):
        choose([python((3, 11, 2), venv=False)])


def test_prefers_an_interpreter_that_can_make_environments():
    able = python((3, 11, 7))

    assert choose([python((3, 10, 2), venv=False), python((3, 11, 2), venv=False), able]).interpreter is able


def answering(version, path="/opt/python"):
    facts = {"path": path, "version": version, "platform": "linux-x86_64", "glibc": [2, 36]}
    return f"echo '{json.dumps({**facts, 'venv': True, 'headers': False})}'"


def test_a_shim_that_fails_is_passed_over_and_pyenvs_own_versions_are_tried(executable, tmp_path):
    executable("shims/python3.10", "echo 'pyenv: python3.10: command not found' >&2; exit 127")
    executable("pyenv/versions/3.10.13/bin/python3.10", answering([3, 10, 13], "/pyenv/python3.10"))
    environ = {"PATH": str(tmp_path / "shims"), "PYENV_ROOT": str(tmp_path / "pyenv"), "HOME": str(tmp_path)}

    found = interpreters.discover(environ)

    assert "/pyenv/python3.10" in [each.path for each in found]
    assert str(tmp_path / "shims/python3.10") in interpreters.candidates(environ)


def test_interpreters_that_uv_manages_are_tried(executable, tmp_path):
    file = executable(".local/share/uv/python/cpython-3.11.9-linux-x86_64-gnu/bin/python3.11", "exit 1")

    assert str(file) in interpreters.candidates({"PATH": "", "HOME": str(tmp_path)})


def test_what_only_looks_like_an_interpreter_is_no_candidate(executable, tmp_path):
    for name in ("python3-config", "python3.10-config", "python2.7", "pythonw"):
        executable(f"bin/{name}", "exit 1")

    assert not [
        path
        for path in interpreters.candidates({"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)})
        if path.startswith(str(tmp_path))
    ]


@pytest.mark.parametrize("script", ["exit 127", "echo hello", "echo '[]'", "echo '{}'"])
def test_a_candidate_that_gives_no_answer_is_none(executable, script):
    assert interpreters.probe(str(executable("python3", script))) is None


def test_an_interpreter_in_a_virtual_environment_stands_for_the_one_it_was_made_from():
    found = interpreters.probe(sys.executable)

    assert found is not None
    assert found.version == tuple(sys.version_info[:3])
    assert not found.path.startswith(sys.prefix) or sys.prefix == sys.base_prefix


def test_an_interpreter_asked_for_by_name_must_work(executable):
    with pytest.raises(ValueError, match=r"PYTHON=/.*/python3\.10 is not a working Python 3"):
        interpreters.named(str(executable("python3.10", "exit 127")))
    with pytest.raises(ValueError, match=r"PYTHON=python3\.no is not a working Python 3"):
        interpreters.named("python3.no")
