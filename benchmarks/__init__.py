"""Measured claims: `python -m benchmarks` runs every module of `MODULES`, prints its tables, keeps them in RESULTS.md.

A benchmark is a module of this package, listed in `MODULES`, with

- a docstring whose first line says what it measures (the heading of its section), and
- `run() -> Iterable[report.Table]`, which measures, and gives each table as soon as it has it.

Ratios are of one run: contenders take turns (`rates.rates_by_turn`), so that a busy machine slows them alike. No
benchmark is a test, and none may take more than ten minutes. `python -m benchmarks NAME...` runs some of them and
leaves the other sections of RESULTS.md as they are. Those of `APART` need an environment beside this one, and run when
they are named.
"""

MODULES = (
    "attribution",
    "savedmodel",
    "explainer",
    "growth",
    "gate",
    "broken",
    "coverage",
    "calibration",
    "images",
    "texts",
)
APART = ("torch_peers",)
