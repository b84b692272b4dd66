"""Beam's Flink runner, from Maven: the jars of pom.xml, fetched once; and of any other folder's pom.xml."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

POM = Path(__file__).parent / "pom.xml"
HOW_TO_ENABLE = "on Debian and Ubuntu, `apt-get install default-jre-headless maven` brings both"


def missing() -> str:
    """Returns what keeps Flink from running on this machine, in one sentence; empty where nothing does."""
    absent = [name for name, command in (("Java", "java"), ("Maven", "mvn")) if not shutil.which(command)]
    if not absent:
        return ""
    are = "is" if len(absent) == 1 else "are"
    return f"{' and '.join(absent)} {are} missing; {HOW_TO_ENABLE}, then run `make test-flink`."


def cache_dir(pom: Path = POM) -> Path:
    """Returns the folder that the jars of a pom.xml are kept in."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "tfx-explain" / pom.parent.name / hashlib.sha256(pom.read_bytes()).hexdigest()[:12]


def fetch(pom: Path = POM) -> Path:
    """Fetches the jars (Flink's are 150 MB) unless they are here already.

    Args:
      pom: What lists them.

    Returns:
      The folder that they are in.

    Raises:
      ValueError: Java or Maven is missing, or Maven failed.
    """
    if missing():
        raise ValueError(f"{pom.parent.name.title()} can't run here: {missing()}")
    folder = cache_dir(pom)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        target = Path(temporary) / "jars"
        command = ["mvn", "--batch-mode", "--quiet", "--file", str(pom), "dependency:copy-dependencies"]
        done = subprocess.run(
            [*command, f"-DoutputDirectory={target}"], stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode:
            raise ValueError(f"Maven could not fetch the jars of {pom}. It said:\n{done.stdout}{done.stderr}".rstrip())
        # Whole or not there, also for two that fetch at the same time.
        try:
            target.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    return folder


def main() -> None:
    """Command line: says in one line what `make test` leaves out, or with `--fetch` fetches the jars."""
    if "--fetch" in sys.argv[1:]:
        fetch()
    elif missing():
        print(f"Flink was skipped: {missing()}")
    else:
        print("Flink was skipped: `make test-flink` runs the Explainer on it.")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(str(error))
