"""On what, and with what, the numbers were measured: without it, those of two machines can't be compared."""

from __future__ import annotations

import os
import pathlib
import platform

_CPUINFO = pathlib.Path("/proc/cpuinfo")
_CACHES = pathlib.Path("/sys/devices/system/cpu/cpu0/cache")
_UNKNOWN = "unknown"


def machine() -> dict[str, str]:
    """Returns what numbers depend on, by what it is; "unknown" where a system doesn't tell."""
    import numpy as np
    import tensorflow as tf

    threads = {
        "within an op": tf.config.threading.get_intra_op_parallelism_threads(),
        "ops at once": tf.config.threading.get_inter_op_parallelism_threads(),
    }
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "caches": _caches(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB",
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "TensorFlow": tf.__version__,
        "TensorFlow's threads": ", ".join(f"{name}: {count or 'as many as cores'}" for name, count in threads.items()),
        "oneDNN": {"0": "off", "1": "on"}.get(os.environ.get("TF_ENABLE_ONEDNN_OPTS", ""), "TensorFlow's default"),
    }


def in_words(of: dict[str, str]) -> str:
    """Returns a paragraph of a machine."""
    named = "; ".join(f"{name}: {value}" for name, value in of.items())
    return f"{named}. Rates depend on what else the machine does; compare within a table."


def _processor() -> str:
    lines = _CPUINFO.read_text().splitlines() if _CPUINFO.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or _UNKNOWN


def _caches() -> str:
    """Of the first core; what cores share counts once for all that share it."""
    found = []
    for place in sorted(_CACHES.glob("index*")):
        level, kind, size, shared = (
            (place / name).read_text().strip() for name in ("level", "type", "size", "shared_cpu_list")
        )
        found.append(f"L{level} {kind.lower()} {size} (cores {shared})")
    return ", ".join(found) or _UNKNOWN
