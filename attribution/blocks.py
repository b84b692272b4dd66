"""Work on rows in blocks, two at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from tfx_explain.attribution.problem import near_equal_slices

_Result = TypeVar("_Result")


def each_block(function: Callable[[np.ndarray], _Result], rows: np.ndarray, size: int) -> list[_Result]:
    """Calls `function` on the rows in blocks of at most `size`; returns the results in order.

    Two calls run at once, so that one prepares its next batch while the model evaluates the other's.
    """
    blocks = [rows[part] for part in near_equal_slices(len(rows), max(1, size))]
    with ThreadPoolExecutor(min(2, len(blocks))) as pool:
        return list(pool.map(function, blocks))
