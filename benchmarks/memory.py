"""Memory of a process in which rows stream through, block after block: `python -m benchmarks.memory`."""

from __future__ import annotations

import json
import pathlib

from benchmarks.processes import measured
from benchmarks.report import Table

_BLOCK, _COALITIONS = 20_000, 32
_MARKS = (100_000, 1_000_000)


def peak_megabytes() -> float:
    """Returns the most memory that this process had; the one of `getrusage` can be its parent's."""
    status = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def memory() -> Table:
    """Measures, in a process of its own, the most memory after some and after ten times as many rows."""
    rows = [(f"{seen:,}", f"{megabytes:,.0f} MB") for seen, megabytes in measured(["-m", "benchmarks.memory"])]
    title = f"Memory, dense network, KernelShap of {_COALITIONS} coalitions, {_BLOCK:,} rows a call"
    return Table(title, ("rows so far", "most memory of the process"), rows)


def _stream() -> list[tuple[int, float]]:
    from benchmarks.workloads import dense_network
    from tfx_explain.attribution import KernelShap

    workload, method, found = dense_network(_BLOCK), KernelShap(coalitions=_COALITIONS), []
    for seen in range(_BLOCK, _MARKS[-1] + 1, _BLOCK):
        workload.attribute(method)
        if seen in _MARKS:
            found.append((seen, peak_megabytes()))
    return found


if __name__ == "__main__":
    print(json.dumps(_stream()))
