"""Measuring in a process of its own, which prints what it found."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any


def measured(arguments: Sequence[str], environment: Mapping[str, str] | None = None, under: Sequence[str] = ()) -> Any:
    """Runs Python with arguments in a process of its own, `under` another command; returns its last line's JSON.

    Raises:
      RuntimeError: It failed; the message is its arguments, and the end of what it wrote to its standard error stream.
    """
    done = subprocess.run(
        [*under, sys.executable, *arguments],
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def timed(command: Sequence[str]) -> tuple[float, float]:
    """Runs a command, whatever it prints; returns its seconds by the clock and of processor time.

    Raises:
      RuntimeError: As above.
    """
    before, started = _of_children(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    clock = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return clock, _of_children() - before


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
