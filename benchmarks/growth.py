"""Growth: time and memory of features, slices, classes, baselines, embedding tables and shards.

Each is a command that people run, in a process of its own: its processor time without the imports, and the most memory
that the process had. The last column is the exponent of its growth from the size above, the quotient of the logarithms
of the ratios: 1 is linear, and below 1 is what a command takes whatever the size.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
import tempfile
from collections.abc import Callable, Iterator, Mapping

from benchmarks.growing import Cost, cost
from benchmarks.grown import Size, prepare
from benchmarks.report import Table

_SHARE = '{{ class_name: "AttributionShare" module: "tfx_explain.metrics" config: {config} {threshold} }}'
_THRESHOLD = "threshold { value_threshold { upper_bound { value: 0.9 } } }"
_FOUR_STEPS = {"integrated_gradients_attribution": {"step_count": 4}}

_HEADS = ("", "processor s", "ms each", "MB at most", "MB but the model", "MB of imports", "grows as n^")

# From the folder of a case and its size to its commands, and what each is called; "" is not shown.
Steps = Callable[[pathlib.Path, int], Iterator[tuple[str, list[str]]]]


@dataclasses.dataclass(frozen=True)
class Axis:
    """What grows.

    Attributes:
      title: Of the table.
      unit: Of what there is more and more.
      sizes: What is made of each number.
      steps: What is run.
    """

    title: str
    unit: str
    sizes: Mapping[int, Size]
    steps: Steps


def run() -> Iterator[Table]:
    """Measures everything, in some ten minutes."""
    for axis in AXES:
        yield measured(axis)


def measured(axis: Axis) -> Table:
    """Runs the commands of each size, in a folder of its own that is removed before the next is made."""
    costs: dict[str, dict[int, Cost]] = {}
    models: dict[int, float] = {}
    for number, size in axis.sizes.items():
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch)
            prepare(folder, size)
            models[number] = sum(file.stat().st_size for file in (folder / "model").rglob("*")) / 2**20
            for name, arguments in axis.steps(folder, number):
                costs.setdefault(name, {})[number] = cost(arguments)
    costs.pop("", None)
    return Table(axis.title, (_HEADS[0], axis.unit, *_HEADS[1:]), [*_rows(costs, models)])


def _rows(costs: Mapping[str, Mapping[int, Cost]], models: Mapping[int, float]) -> Iterator[tuple[str, ...]]:
    for name, of_sizes in costs.items():
        before: tuple[int, float] | None = None
        for number, one in of_sizes.items():
            exponent = "-"
            if before:
                exponent = f"{math.log(one.seconds / before[1]) / math.log(number / before[0]):.2f}"
            memory = (one.megabytes, one.megabytes - models[number], one.imports)
            seconds = f"{one.seconds:,.1f}", f"{1000 * one.seconds / number:,.1f}"
            yield name, f"{number:,}", *seconds, *(f"{megabytes:,.0f}" for megabytes in memory), exponent
            before = number, one.seconds


def _inspect(folder: pathlib.Path, *options: str) -> list[str]:
    return ["inspect", f"{folder}/model", "--output", f"{folder}/metadata.json", "--quiet", *options]


def _explain(folder: pathlib.Path, *options: str) -> list[str]:
    rows = ["--metadata", f"{folder}/metadata.json", "--examples", f"{folder}/examples-*.gz"]
    return ["explain", "--model", f"{folder}/model", *rows, "--output", f"{folder}/explained", "--quiet", *options]


def _validate(folder: pathlib.Path, *settings: Mapping[str, str]) -> list[str]:
    """Holds shares of the whole and of each town against a bound."""
    metrics = "\n".join(
        f"metrics {_SHARE.format(config=json.dumps(json.dumps(one)), threshold=_THRESHOLD)}" for one in settings
    )
    slices = 'slicing_specs { } slicing_specs { feature_keys: "town" }'
    config = folder / "gate.pbtxt"
    config.write_text(f"model_specs {{ }} {slices}\nmetrics_specs {{ {metrics} }}")
    given = ["--eval-config", str(config), "--attributions", f"{folder}/explained"]
    return ["validate", *given, "--output", f"{folder}/verdict", "--report", "none", "--quiet"]


def _report(folder: pathlib.Path) -> list[str]:
    given = ["--attributions", f"{folder}/explained", "--validation", f"{folder}/verdict"]
    return ["report", *given, "--output", f"{folder}/report.html", "--quiet"]


def _of_features(folder: pathlib.Path, _: int) -> Iterator[tuple[str, list[str]]]:
    yield "inspect", _inspect(folder)
    yield "explain", _explain(folder)
    yield "validate", _validate(folder, {"feature": "number_*"})
    yield "report", _report(folder)


def _of_slices(folder: pathlib.Path, _: int) -> Iterator[tuple[str, list[str]]]:
    yield "", _inspect(folder)
    yield "", _explain(folder)
    yield "validate", _validate(folder, {"feature": "number_*"})
    yield "report", _report(folder)


def _of_classes(folder: pathlib.Path, classes: int) -> Iterator[tuple[str, list[str]]]:
    yield "inspect", _inspect(folder)
    yield "explain", _explain(folder, "--class", "all")
    every = ({"feature": "number_0", "class_name": str(number)} for number in range(classes))
    yield "validate", _validate(folder, *every)
    yield "report", _report(folder)


def _of_baselines(folder: pathlib.Path, baselines: int) -> Iterator[tuple[str, list[str]]]:
    rows = ["--examples", f"{folder}/examples-*.gz", "--baselines", f"examples:{baselines}"]
    yield "inspect", _inspect(folder, *rows)
    yield "explain", _explain(folder)


def _of_tables(folder: pathlib.Path, _: int) -> Iterator[tuple[str, list[str]]]:
    yield "inspect", _inspect(folder)
    yield "explain", _explain(folder)


def _of_shards(folder: pathlib.Path, _: int) -> Iterator[tuple[str, list[str]]]:
    parameters = folder / "parameters.json"
    parameters.write_text(json.dumps(_FOUR_STEPS))
    yield "", _inspect(folder)
    yield "explain", _explain(folder, "--parameters", str(parameters))


AXES = (
    Axis(
        "Features, 500 rows; a bound for each on the whole and 10 slices",
        "features",
        {count: Size(features=count) for count in (200, 1_000, 2_000)},
        _of_features,
    ),
    Axis(
        "Slices of 5 rows, 10 features; a bound for each feature on each slice",
        "slices",
        {count: Size(rows=5 * count, slices=count) for count in (1_000, 10_000)},
        _of_slices,
    ),
    Axis(
        "Classes, all of them explained, 500 rows, 10 features; a bound for each on the whole and 10 slices",
        "classes",
        {count: Size(classes=count) for count in (20, 200)},
        _of_classes,
    ),
    Axis(
        "Baselines, 500 rows, 10 features",
        "baselines",
        {count: Size() for count in (8, 64)},
        _of_baselines,
    ),
    Axis(
        "MB of an embedding table, 500 rows, 11 features",
        "MB",
        {count: Size(megabytes=count) for count in (300, 3_000)},
        _of_tables,
    ),
    Axis(
        "Shards of 200 rows, 10 features, four gradients a row",
        "shards",
        {count: Size(rows=200, shards=count) for count in (500, 5_000)},
        _of_shards,
    ),
)


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["growth"])
