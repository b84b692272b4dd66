"""Which Python of this machine can run which line of TFX.

Standard library only, and no syntax newer than Python 3.6: it runs before anything is installed, on whatever `python3`
is, if only to say what is missing.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

# Asked of each candidate by running it, because a file called python3.10 may be a shim with nothing behind it.
PROBE = """
import importlib.util, json, os, platform, sys, sysconfig
has = lambda name: importlib.util.find_spec(name) is not None
name, libc = platform.libc_ver()
print(json.dumps({
    "path": sys.executable if sys.prefix == sys.base_prefix else os.path.realpath(sys.executable),
    "version": list(sys.version_info[:3]),
    "platform": sys.platform + "-" + platform.machine(),
    "glibc": [int(part) for part in libc.split(".")[:2]] if name == "glibc" else [0, 0],
    "venv": has("venv") and (has("ensurepip") or has("pip")),
    "headers": os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")),
}))
"""
PROBE_SECONDS = 20
PLATFORM = "linux-x86_64"


class Line(NamedTuple):
    """A line of TFX that this project supports."""

    name: str
    glibc: "tuple[int, int]"
    locks: "dict[tuple[int, int], str]"  # by Python, the preferred one first


# In order of preference. glibc is what the wheels of ml-metadata and tensorflow-data-validation need.
LINES = (
    Line("1.21", (2, 38), {(3, minor): "tfx121.txt" for minor in (13, 12, 11, 10)}),
    Line("1.16", (2, 17), {(3, 10): "tfx116-py310.txt", (3, 11): "tfx116-py311.txt"}),
)
# The line that has room for Airflow beside it, and what tests/airflow needs.
AIRFLOW = Line("airflow", (2, 17), {(3, 10): "tfx116-airflow.txt"})
# No lines of TFX, but tools that can't be installed beside it: what generates proto/*_pb2.py needs an old protoc,
# Kubeflow Pipelines' SDK a newer protobuf than TFX 1.16, and what builds distributions a newer setuptools. The
# documentation's site is made without TFX, and what other libraries find too: alibi wants an older TensorFlow.
TOOLS = (
    Line("proto", (2, 17), {(3, 10): "proto.txt", (3, 11): "proto.txt"}),
    Line("kfp", (2, 17), {(3, minor): "kfp.txt" for minor in (13, 12, 11, 10)}),
    Line("docs", (2, 17), {(3, minor): "docs.txt" for minor in (13, 12, 11, 10)}),
    Line("peers", (2, 28), {(3, 10): "peers.txt"}),
    Line("dist", (2, 17), {(3, minor): "dist.txt" for minor in (13, 12, 11, 10)}),
)


class Interpreter(NamedTuple):
    """What a candidate said of itself."""

    path: str  # of the installation's own executable, where the candidate is a shim or in a virtual environment
    version: "tuple[int, int, int]"
    platform: str
    glibc: "tuple[int, int]"
    venv: bool  # can make a virtual environment with pip in it
    headers: bool  # can compile extension modules, given a compiler

    @property
    def python(self) -> "tuple[int, int]":
        """Major and minor version."""
        return self.version[:2]

    def __str__(self) -> str:
        """Version and place, for messages."""
        return "Python {} ({})".format(".".join(map(str, self.version)), self.path)


class Choice(NamedTuple):
    """An interpreter, and the line that it will run."""

    interpreter: Interpreter
    line: Line

    @property
    def lock(self) -> str:
        """Name of the lock file in requirements/."""
        return self.line.locks[self.interpreter.python]


def candidates(environ: "dict[str, str]") -> "list[str]":
    """Returns the paths that may be Python interpreters, the likeliest first, without having tried any."""
    home = Path(environ.get("HOME", "/nonexistent"))
    folders = [Path(folder) for folder in environ.get("PATH", "").split(os.pathsep) if folder]
    folders += [Path("/usr/bin"), Path("/usr/local/bin")]
    pyenv = Path(environ.get("PYENV_ROOT") or home / ".pyenv")
    folders += sorted(pyenv.glob("versions/*/bin"), reverse=True)
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    uv = Path(environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    folders += sorted(uv.glob("*/bin"), reverse=True)
    name = re.compile(r"python(3(\.\d+)?)?")
    found = []
    for folder in folders:
        if folder.is_dir():
            found += sorted(str(path) for path in folder.glob("python*") if name.fullmatch(path.name))
    return found


def probe(path: str) -> "Interpreter | None":
    """Runs a candidate; returns None where it is not a working Python 3."""
    try:
        answer = subprocess.run(
            [path, "-I", "-c", PROBE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PROBE_SECONDS,
            check=True,
        ).stdout
        facts = json.loads(answer.decode())
        return Interpreter(**dict(facts, version=tuple(facts["version"]), glibc=tuple(facts["glibc"])))
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return None


def discover(environ: "dict[str, str]") -> "list[Interpreter]":
    """Tries all candidates and returns those that work, each once, however many paths lead to it."""
    tried = set()
    found = {}
    for path in candidates(environ):
        executable = os.path.realpath(path)
        if executable not in tried:
            tried.add(executable)
            interpreter = probe(path)
            if interpreter is not None:
                found.setdefault(os.path.realpath(interpreter.path), interpreter)
    return list(found.values())


def named(command: str) -> Interpreter:
    """Probes the interpreter that a person asked for by name or path.

    Raises:
        ValueError: there is no such command, or it is not a working Python 3.
    """
    path = shutil.which(command)
    interpreter = probe(path) if path else None
    if interpreter is None:
        raise ValueError(
            f"PYTHON={command} is not a working Python 3; name another, give a version such as PYTHON=3.10, or leave "
            "it out to have one looked for."
        )
    return interpreter


def runs(interpreter: Interpreter, line: Line) -> bool:
    """Tells whether the line's wheels can be installed for this interpreter."""
    return interpreter.platform == PLATFORM and interpreter.python in line.locks and interpreter.glibc >= line.glibc


def choose(interpreters: "list[Interpreter]", lines: "tuple[Line, ...]" = LINES) -> Choice:
    """Picks the newest line that can run here, and for it the preferred Python.

    Raises:
        ValueError: none of the interpreters serves; the message says what was found and what to install.
    """
    unable = None
    for line in lines:
        for python in line.locks:
            for interpreter in interpreters:
                if interpreter.python == python and runs(interpreter, line):
                    if interpreter.venv:
                        return Choice(interpreter, line)
                    unable = unable or Choice(interpreter, line)
    if unable is not None:
        raise ValueError(
            "{} could run TFX {}, but cannot make a virtual environment: it has neither `ensurepip` nor `pip`. "
            "Install them (Debian, Ubuntu: `sudo apt-get install python{}.{}-venv`) and try again.".format(
                unable.interpreter, unable.line.name, *unable.interpreter.python
            )
        )
    raise ValueError(_nothing_serves(interpreters, lines))


def _nothing_serves(interpreters: "list[Interpreter]", lines: "tuple[Line, ...]") -> str:
    needs = [
        "TFX {} needs {} and glibc {}.{} or newer".format(
            line.name, " or ".join("Python {}.{}".format(*python) for python in sorted(line.locks)), *line.glibc
        )
        for line in lines
    ]
    found = ["{}, glibc {}.{}, {}".format(each, *each.glibc, each.platform) for each in interpreters]
    return (
        "No Python on this machine can run TFX.\n"
        "  Needed, on {}: {}.\n"
        "  Found: {}.\n"
        "  Install one and try again: `sudo apt-get install python3-venv` on Debian 12 or 13, Ubuntu 22.04 or 24.04; "
        "elsewhere `uv python install 3.10` or `pyenv install 3.10`. docs/install.md says more.".format(
            PLATFORM, "; ".join(needs), "; ".join(found) or "no working Python 3"
        )
    )
