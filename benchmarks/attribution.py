"""Attribution: errors, rates and memory of every method, next to those of other libraries."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import tables
from benchmarks.memory import memory
from benchmarks.report import Table


def run() -> Iterator[Table]:
    """Measures everything, in some minutes."""
    for measure in (tables.path_accuracy, tables.rates, tables.shapley_accuracy):
        yield from measure()
    yield memory()


if __name__ == "__main__":
    from benchmarks.__main__ import main

    main(["attribution"])
