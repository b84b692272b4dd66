"""Java and Python processes that log to a file, are waited for, and end with the block that they serve."""

from __future__ import annotations

import contextlib
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")

# What Flink, Spark and Beam reflect on, and Java 17 keeps from them unless it is told.
_OPENED = (
    *("java.lang", "java.lang.reflect", "java.util", "java.util.concurrent", "java.net", "java.io", "java.nio"),
    *("java.text", "java.time", "sun.nio.ch", "sun.nio.cs", "sun.util.calendar", "sun.security.action"),
    *("java.lang.invoke", "java.util.concurrent.atomic"),
)
_GRACE_SECONDS = 10


def java(jars: Path, main_class: str, *arguments: str, options: Sequence[str] = ()) -> list[str]:
    """Returns the command that runs a main class of the jars.

    Args:
      jars: Folder of the jars.
      main_class: Full name of the class.
      *arguments: Of the program.
      options: Of the virtual machine, as `-Xmx512m`.
    """
    dated = ["-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS"]
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
    return ["java", *opened, *dated, *options, "-cp", f"{jars}/*", main_class, *arguments]


@contextlib.contextmanager
def running(
    command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a process while the block lasts.

    Args:
      command: What to run.
      log: File that takes what it says.
      environ: Its environment; this process's by default.

    Yields:
      The process.
    """
    with log.open("ab") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, env=environ
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(what: str, attempt: Callable[[], _T | None], log: Path, seconds: float) -> _T:
    """Calls `attempt` until it returns something, and returns that.

    Raises:
      TimeoutError: It didn't in time; the message says `what` was waited for and ends with the end of `log`.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = attempt()
        if found:
            return found
        time.sleep(0.2)
    tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
    raise TimeoutError(f"{what} did not come within {seconds:.0f} s. The end of {log}:\n{tail}")


def wait_for_line(process: subprocess.Popen[bytes], log: Path, pattern: str, seconds: float = 120) -> str:
    """Waits until the log has a line with `pattern`, and returns the pattern's first group.

    Raises:
      TimeoutError: No such line came in time.
      RuntimeError: The process ended before; the message has the end of its log.
    """

    def attempt() -> str | None:
        text = log.read_text(errors="replace")
        found = re.search(pattern, text)
        if not found and process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with status {process.returncode}:\n{text[-2000:]}")
        return found[1] if found else None

    return wait_for(f"A line with {pattern!r}", attempt, log, seconds)
