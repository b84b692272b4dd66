"""What a program spends its time on: samples of the main thread, by the functions that it is in."""

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from types import CodeType, FrameType, TracebackType
from typing import Any

_EVERY = 0.005
_OTHER = "all else"
# What runs a module when it is first imported; it has no public name.
_IMPORTING = importlib._bootstrap._find_and_load  # type: ignore[attr-defined]

Spent = tuple[float, float]
"""Seconds of processor time, of all threads, and seconds by the clock."""


class Stages:
    """While it is entered, adds up what passes in some functions, by the functions inside of them that have a name.

    A sample counts for the innermost function that has a name. What other threads spend meanwhile counts too: the main
    thread waits for them.

    Attributes:
      spent: Of each of the wholes by name, what each stage took.
    """

    def __init__(
        self, wholes: Mapping[str, Callable[..., Any]], stages: Mapping[str, Sequence[Callable[..., Any]]]
    ) -> None:
        """Initializes the samples.

        Args:
          wholes: By name, what is sampled.
          stages: By name, functions that are called in them.
        """
        self.spent: dict[str, dict[str, Spent]] = {name: defaultdict(lambda: (0.0, 0.0)) for name in wholes}
        self._wholes = {function.__code__: name for name, function in wholes.items()}
        self._stages = {function.__code__: name for name, some in stages.items() for function in some}
        self._stages[_IMPORTING.__code__] = "importing modules"
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, args=(threading.main_thread().ident,), daemon=True)

    def __enter__(self) -> Stages:
        """Begins."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        """Ends."""
        self._done.set()
        self._thread.join()

    def _sample(self, thread: int) -> None:
        before = time.process_time(), time.perf_counter()
        while not self._done.wait(_EVERY):
            now = time.process_time(), time.perf_counter()
            whole, stage = self._place(sys._current_frames()[thread])
            if whole:
                processor, clock = self.spent[whole][stage]
                self.spent[whole][stage] = processor + now[0] - before[0], clock + now[1] - before[1]
            before = now

    def _place(self, frame: FrameType | None) -> tuple[str, str]:
        """Returns the whole, or an empty string, and the stage that a frame is in."""
        stage = ""
        while frame is not None:
            code: CodeType = frame.f_code
            stage = stage or self._stages.get(code, "")
            if code in self._wholes:
                return self._wholes[code], stage or _OTHER
            frame = frame.f_back
        return "", ""
