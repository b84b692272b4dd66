"""Measured claims: `python -m benchmarks` runs every module of `MODULES`, and prints its tables.

RESULTS.md keeps them, RESULTS.json the same for programs. `goals` says what they should find, and a run ends with which
goals were met.

A benchmark is a module of this package, listed in `MODULES`, with

- a docstring whose first line says what it measures (the heading of its section), and
- `run() -> Iterable[report.Table]`, which measures, and gives each table as soon as it has it.

Ratios are of one run: contenders take turns (`rates.rates_by_turn`), so that a busy machine slows them alike. No
benchmark is a test, and none may take more than ten minutes. `python -m benchmarks NAME...` runs some of them and
leaves the other sections of both files as they are. Those of `APART` need an environment beside this one, and run when
they are named.
"""

MODULES = (
    "attribution",
    "savedmodel",
    "explainer",
    "start_up",
    "fixed_cost",
    "growth",
    "gate",
    "broken",
    "coverage",
    "calibration",
    "images",
    "texts",
)
APART = ("torch_peers",)
