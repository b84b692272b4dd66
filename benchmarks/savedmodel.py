"""SavedModels: what opening one costs, and how fast it is when it is cut.

Opened means `generate_metadata`: loaded, flattened, analysed, and what was found verified. Memory is the peak of a
process of its own above what it has after its imports.
"""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks import saved_models
from benchmarks.processes import measured
from benchmarks.rates import best_rates, rate
from benchmarks.report import Table
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, load_explainable

_ROWS = 512
_FEATURES = (250, 500, 1000, 2000, 5000)
_OPEN = """
import json, sys, time
from benchmarks.memory import peak_megabytes
from tfx_explain.savedmodel import generate_metadata, load_explainable

before, wall, processor = peak_megabytes(), time.perf_counter(), time.process_time()
metadata = generate_metadata(sys.argv[1])
print(json.dumps([time.perf_counter() - wall, time.process_time() - processor, peak_megabytes() - before]))
"""


def run() -> Iterator[Table]:
    """Measures everything, in some minutes."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: str(pathlib.Path(folder, name)) for name in saved_models.BUILDERS}
        models = {name: build(paths[name]) for name, build in saved_models.BUILDERS.items()}
        yield _opening(paths)
        yield _growth(folder)
        yield _speed(paths, models)


def _opening(paths: dict[str, str]) -> Table:
    rows = []
    for name, path in paths.items():
        size = sum(file.stat().st_size for file in pathlib.Path(path).rglob("*") if file.is_file()) / 2**20
        wall, processor, memory = _opened(path)
        rows.append((name, f"{size:.1f}", f"{wall:.1f}", f"{processor:.1f}", f"{memory:.0f}", f"{memory / size:.1f}"))
    heads = ("model", "MB on disk", "opened in s", "processor s", "peak MB", "peak / size")
    return Table("Opening a model", heads, rows)


def _growth(folder: str) -> Table:
    """How the cost of opening grows with the number of features."""
    rows = []
    for count in _FEATURES:
        path = str(pathlib.Path(folder, f"many_{count}"))
        saved_models.many(path, count)
        wall, processor, memory = _opened(path)
        each = f"{1000 * processor / count:.1f}", f"{1024 * memory / count:.0f}"
        rows.append((f"{count:,}", f"{wall:.1f}", f"{processor:.1f}", f"{memory:.0f}", *each))
    heads = ("scalar features", "opened in s", "processor s", "peak MB", "processor ms / feature", "KB / feature")
    return Table("Opening a model of many features", heads, rows)


def _opened(path: str) -> tuple[float, float, float]:
    """Seconds, processor seconds and megabytes that opening a model takes in a process of its own."""
    wall, processor, memory = measured(["-c", _OPEN, path])
    return wall, processor, memory


def _speed(paths: dict[str, str], models: dict[str, Any]) -> Table:
    """Rates of the cut graph over those of the model as it was loaded by TensorFlow."""
    heads = ("model", "forward", "gradients", "forward, raw", "original, evaluations / s")
    return Table("Speed of the cut graph, original = 1", heads, [_ratios(n, paths[n], models[n]) for n in paths])


def _ratios(name: str, path: str, rows_of: Callable[[int], Any]) -> tuple[str, ...]:
    served = explanation_pb2.ExplanationParameters.SERVED
    metadata = generate_metadata(path)
    model = load_explainable(path, metadata, output_name=next(iter(metadata.outputs)), output_scale=served)
    cut, raw = model.differentiable(), model.raw()
    rows, targets = rows_of(_ROWS), tf.zeros([_ROWS], tf.int32)
    given = rows if isinstance(rows, dict) else {"examples": rows}
    loaded = tf.saved_model.load(path)  # it owns the variables
    original = loaded.signatures["serving_default"]
    inputs, raw_inputs = cut.encode(rows), raw.encode(rows)
    forward, called, by_raw = best_rates(
        [_rate(lambda: cut.outputs(inputs)), _rate(lambda: original(**given)), _rate(lambda: raw.outputs(raw_inputs))]
    )
    gradients = "-"
    if isinstance(rows, dict):  # a tape can only watch floats: behind a parser there is nothing to compare with

        def tape() -> Any:
            with tf.GradientTape() as watching:
                watching.watch(given)
                output = next(iter(original(**given).values()))[:, 0]
            return watching.gradient(output, given)

        ours, theirs = best_rates([_rate(lambda: cut.gradients(inputs, targets)), _rate(tape)])
        gradients = f"{ours[0] / theirs[0]:.2f}"
    return name, f"{forward[0] / called[0]:.2f}", gradients, f"{by_raw[0] / called[0]:.2f}", f"{called[0]:,.0f}"


def _rate(call: Callable[[], Any]) -> Callable[[], tuple[float, float]]:
    def evaluate() -> int:
        np.asarray(tf.nest.flatten(call())[0])
        return _ROWS

    evaluate()
    return lambda: rate(evaluate)


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["savedmodel"])
