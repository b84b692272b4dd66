"""Start-up: what the commands take that people wait for, next to what they import of TensorFlow and TFMA.

In processes of their own, after one of each that nobody times: the files are read from memory, and compiled.
"""

from __future__ import annotations

import pathlib
import sys
import tempfile
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from benchmarks import census, gate
from benchmarks.processes import timed
from benchmarks.report import Table
from tfx_explain.pipelines.census import data
from tfx_explain.pipelines.census.gate import BOUNDS

_TURNS = 3
_METRICS = ["auc"]


def run() -> Iterator[Table]:
    """Measures in some minutes."""
    with tempfile.TemporaryDirectory() as folder:
        commands = _commands(pathlib.Path(folder))
        # In turns, so that a busy moment of the machine hits all.
        costs = np.array([[timed(command) for command in commands.values()] for _ in range(1 + _TURNS)])[1:].min(axis=0)
    rows = [
        (name, f"{clock:.2f}", f"{processor:.2f}") for name, (clock, processor) in zip(commands, costs, strict=True)
    ]
    yield Table(f"Start-up, the best of {_TURNS} turns", ("command", "s by the clock", "processor s"), rows)


def _commands(folder: pathlib.Path) -> dict[str, list[str]]:
    table = data.monthly_extract(0)
    network = census.CensusModel(table)
    model = str(folder / "model")
    tf.saved_model.save(network, model, signatures={"serving_default": network.serve})
    config = folder / "config.pbtxt"
    config.write_text(str(gate.eval_config(_METRICS)))
    evaluation = gate.write_evaluation(folder / "evaluation", 2, _METRICS)
    ours = [sys.executable, "-m", "tfx_explain.cli.main"]
    return {
        "python -c 'import tensorflow'": [sys.executable, "-c", "import tensorflow"],
        "python -c 'import tensorflow_model_analysis'": [sys.executable, "-c", "import tensorflow_model_analysis"],
        "tfx-explain --help": [*ours, "--help"],
        "tfx-explain inspect": [*ours, "inspect", model, "--json"],
        "tfx-explain lint": [*ours, "lint", str(BOUNDS)],
        "tfx-explain validate": [*ours, "validate", "--eval-config", str(config), "--evaluation", evaluation],
    }


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["start_up"])
