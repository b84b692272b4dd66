"""One command of `tfx-explain` in a process of its own, and its cost: `python -m benchmarks.growing ARGUMENT...`."""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys
import time
from collections.abc import Sequence

from benchmarks.memory import peak_megabytes
from benchmarks.processes import measured


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a command took once its libraries were imported.

    Attributes:
      seconds: Of processor time.
      megabytes: The most memory that the process had.
      imports: As much of it as the process had after its imports.
    """

    seconds: float
    megabytes: float
    imports: float


def cost(arguments: Sequence[str]) -> Cost:
    """Runs `tfx-explain` with these arguments.

    Raises:
      RuntimeError: It failed; a verdict, whatever it is, is no failure.
    """
    return Cost(**measured(["-m", "benchmarks.growing", *arguments]))


def _child(arguments: Sequence[str]) -> int:
    from tfx_explain.cli import main

    for module in ("tfx_explain.savedmodel", f"tfx_explain.cli.{arguments[0]}"):
        importlib.import_module(module)
    imports, started = peak_megabytes(), time.process_time()
    code = main.run([*arguments])
    spent = Cost(time.process_time() - started, peak_megabytes(), imports)
    print(json.dumps(dataclasses.asdict(spent)))
    return int(code == main.CANNOT_TELL)


if __name__ == "__main__":
    sys.exit(_child(sys.argv[1:]))
