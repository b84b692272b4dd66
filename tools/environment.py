"""Makes the virtual environment that `make` runs things in, where it is missing or out of date.

Standard library only, and no syntax newer than Python 3.6, as in interpreters.py.
"""

import argparse
import hashlib
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import interpreters

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
# Written last: an environment without it, or with other contents, is not finished.
STAMP = "tfx-explain.json"
# PyPI has it as source only, and TensorFlow Data Validation imports it.
NEEDS_COMPILER = "pyfarmhash"
STAND_IN = ROOT / "tools" / "standins" / "farmhash.py"
HEARTBEAT_SECONDS = 15


class Progress:
    """Prints a line a step, with the time since the start."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def say(self, text: str) -> None:
        """Prints one line."""
        print(f"[{time.monotonic() - self._start:5.1f} s] {text}", flush=True)

    def run(self, command: "list[str]", environ: "dict[str, str]") -> None:
        """Runs a command and passes on what it says, less the long list of packages; shows life while it is silent.

        Raises:
            ValueError: the command failed.
        """
        with subprocess.Popen(
            command,
            bufsize=0,  # so that select() sees all there is to read
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environ,
            cwd=str(ROOT),
        ) as process:
            assert process.stdout is not None
            while True:
                if not select.select([process.stdout], [], [], HEARTBEAT_SECONDS)[0]:
                    self.say("  ...")
                    continue
                line = process.stdout.readline().decode(errors="replace")
                if not line:
                    break
                if line.strip() and not line.startswith((" + ", " - ", " ~ ")):
                    self.say("  " + line.rstrip())
        if process.returncode:
            raise ValueError(
                "`{}` failed (exit status {}); what it said stands above. docs/install.md has what to do where PyPI is "
                "behind a mirror.".format(" ".join(command), process.returncode)
            )


def digest(*paths: Path) -> str:
    """Returns one hash over the contents of files."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.read_bytes())
    return total.hexdigest()


def stamp(lock: str, request: "list[str]") -> "dict[str, object]":
    """Returns all that an environment depends on."""
    return {
        "root": str(ROOT),
        "request": request,
        "lock": lock,
        "packages": digest(REQUIREMENTS / lock, REQUIREMENTS / "uv.txt", REQUIREMENTS / "build.txt"),
        "project": digest(ROOT / "setup.py", ROOT / "tfx_explain" / "__init__.py"),
    }


def is_current(venv: Path, request: "list[str]") -> bool:
    """Tells whether the environment is whole, was asked for in the same words, and still runs."""
    try:
        found = json.loads((venv / STAMP).read_text())
        if found != stamp(found["lock"], request):
            return False
        subprocess.run([str(venv / "bin" / "python"), "-I", "-S", "-c", ""], check=True, timeout=20)
    except (OSError, ValueError, KeyError, subprocess.SubprocessError):
        return False
    return True


def select_line(python: str, tfx: str) -> "interpreters.Choice":
    """Chooses interpreter and line within what was asked for: a command or version of Python, a line of TFX.

    Raises:
        ValueError: nothing on this machine serves.
    """
    lines = [line for line in (*interpreters.LINES, interpreters.AIRFLOW, *interpreters.TOOLS) if line.name == tfx]
    if tfx and not lines:
        known = " and ".join(line.name for line in interpreters.LINES)
        raise ValueError(f"TFX={tfx} is not a line that this project supports; these are {known}.")
    lines = tuple(lines) or interpreters.LINES
    if python and not re.fullmatch(r"3\.\d+", python):
        return interpreters.choose([interpreters.named(python)], lines)
    found = interpreters.discover(dict(os.environ))
    return interpreters.choose([each for each in found if python in ("", "{}.{}".format(*each.python))], lines)


def can_compile(interpreter: "interpreters.Interpreter") -> bool:
    """Tells whether C++ extension modules can be built for the interpreter."""
    compilers = [os.environ.get("CXX", ""), "c++", "g++", "clang++"]
    return interpreter.headers and any(name and shutil.which(name.split()[0]) for name in compilers)


def without(lock: str, package: str) -> str:
    """Returns the text of a lock file less one package's lines."""
    return re.sub(rf"(?m)^{re.escape(package)}==.*\n(?:[ \t]+.*\n)*", "", lock)


def index_settings(python: str) -> "dict[str, str]":
    """Returns uv's variables for what pip is configured with, since uv doesn't read pip's files."""
    names = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "cert": "SSL_CERT_FILE"}
    listed = subprocess.run([python, "-m", "pip", "config", "list"], stdout=subprocess.PIPE, check=True).stdout
    settings = re.findall(r"(?m)^\S+\.([a-z-]+)='(.*)'$", listed.decode())
    return {names[key]: value.replace("\\n", " ").strip() for key, value in settings if key in names}


def make_venv(interpreter: "interpreters.Interpreter", venv: Path) -> None:
    """Makes an environment with nothing but pip in it: by `ensurepip`, or by the interpreter's own pip.

    Raises:
        ValueError: neither worked.
    """
    ways = (
        [["venv", str(venv)]],
        [["venv", "--without-pip", str(venv)], ["pip", "--python", str(venv), "install", "--quiet", "pip"]],
    )
    said = b""
    for way in ways:
        shutil.rmtree(str(venv), ignore_errors=True)
        for arguments in way:
            command = [interpreter.path, "-m", *arguments]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            said = done.stdout
            if done.returncode:
                break
        else:
            return
    raise ValueError(
        "{} could not make a virtual environment. On Debian and Ubuntu, `sudo apt-get install python{}.{}-venv` brings "
        "what is missing. It said:\n{}".format(interpreter, *interpreter.python, said.decode(errors="replace").strip())
    )


def install(venv: Path, choice: "interpreters.Choice", progress: Progress, extra: str = "") -> None:
    """Installs the pinned uv, and with it what the lock file lists, byte-compiled: all, or for one extra alone."""
    python = str(venv / "bin" / "python")
    environ = dict(index_settings(python), **os.environ)
    progress.say("installing uv, which installs the rest")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    progress.run([*pip, "-r", str(REQUIREMENTS / "uv.txt")], environ)
    lock = (REQUIREMENTS / choice.lock).read_text()
    dropped = ""
    if NEEDS_COMPILER in lock and not can_compile(choice.interpreter):
        progress.say(
            "no C++ compiler with Python's headers here: TFDV's feature skew detection will not work, all else will"
        )
        lock = without(lock, NEEDS_COMPILER)
        dropped = f"{NEEDS_COMPILER}; sys_platform == 'none'\n"
        for folder in venv.glob("lib/python*/site-packages"):
            shutil.copy(str(STAND_IN), str(folder))
    progress.say(f"installing and byte-compiling what requirements/{choice.lock} lists (minutes, the first time)")
    with tempfile.TemporaryDirectory() as folder:
        listed, overrides = Path(folder) / "lock.txt", Path(folder) / "overrides.txt"
        listed.write_text(lock)
        overrides.write_text(dropped)
        uv = [str(venv / "bin" / "uv"), "pip", "install", "--python", python, "--compile-bytecode"]
        build = ["--build-constraints", str(REQUIREMENTS / "build.txt")]
        what = ["--no-deps", "--require-hashes", "-r", str(listed)]
        if extra:
            what = ["-r", str(ROOT / "setup.py"), "--extra", extra]
            what += ["--constraints", str(listed), "--overrides", str(overrides)]
        progress.run([*uv, *build, *what], environ)


def install_project(venv: Path, progress: Progress) -> None:
    """Makes the checkout importable as tfx_explain."""
    progress.say("installing tfx-explain from this checkout")
    uv = [str(venv / "bin" / "uv"), "pip", "install", "--python", str(venv / "bin" / "python"), "--offline", "--quiet"]
    progress.run([*uv, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], dict(os.environ))


def main() -> None:
    """Command line: makes the environment unless it is there already."""
    parser = argparse.ArgumentParser(description="Makes the virtual environment that `make` runs things in.")
    parser.add_argument("--venv", default=".venv", help="folder of the environment (default: %(default)s)")
    parser.add_argument("--python", default="", help="interpreter, as a command or a version (default: the best here)")
    parser.add_argument(
        "--tfx",
        default="",
        help="line of TFX, `airflow` for one with Airflow beside it, or one of the tools `proto` and `kfp`",
    )
    parser.add_argument("--extra", default="", help="install what this extra of tfx-explain needs, and nothing else")
    arguments = parser.parse_args()
    venv = (ROOT / arguments.venv).absolute()
    request = [arguments.python, arguments.tfx]
    if is_current(venv, request):
        return
    progress = Progress()
    choice = select_line(*request)
    progress.say(f"making {venv.name} with {choice.interpreter} for requirements/{choice.lock}")
    make_venv(choice.interpreter, venv)
    install(venv, choice, progress, arguments.extra)
    if choice.line not in interpreters.TOOLS and not arguments.extra:
        install_project(venv, progress)
    (venv / STAMP).write_text(json.dumps(stamp(choice.lock, request), indent=2))
    progress.say("ready")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"Cannot set up the environment: {error}")
    except KeyboardInterrupt:
        sys.exit("Set-up interrupted; the next `make` starts it again.")
