"""Work on rows in blocks, and sizes of calls that leave no trace in the results.

How a matrix product or an activation rounds can depend on how many rows it gets, but not on their order. Therefore a
model is called with whole vectors of rows (and each operation in one thread, see `steady`), and products of our own are
made in blocks of one size: a row's bits do not depend on the rows it is explained with.
"""

from __future__ import annotations

import functools
import itertools
import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

_Result = TypeVar("_Result")

# TensorFlow's kernels take other instructions for the last rows of a number that fills no vector registers, and other
# products for a single row. Registers have 16 numbers (AVX-512) or 8 (AVX2), and there products take three registers'
# rows at a time: where 24 doesn't divide the rows, the last ones add up in another order.
_VECTOR = 48
# A call takes one processor, and memory. There is one more than processors, as threads wait for each other where NumPy
# or Python has to be alone. Were there more, each would have fewer rows, and a call takes tenths of a millisecond
# however few it has.
_CALLS_AT_ONCE = min(16, len(os.sched_getaffinity(0))) + 1
# Blocks are made smaller, for as many calls, down to these rows.
_FEWEST_IN_BLOCK = 64
# Rows of one matrix product.
_PRODUCT_ROWS = 32
# OpenBLAS begins threads, which then spin beside the model's, for products of more than 2^18 multiplications, and of
# matrices with vectors from 9,216 numbers on.
_UNTHREADED = 2**13


def near_equal_slices(total: int, at_most: int, points: int = 1) -> Iterator[slice]:
    """Yields slices that cover `total` items in as few parts of near equal size as `at_most` allows.

    Where `at_most` allows, all but the last have whole vectors of rows, so that their calls need not be extended; an
    item has `points` rows.
    """
    unit = _VECTOR // math.gcd(_VECTOR, points)
    unit = unit if at_most >= unit else 1
    units = -(-total // unit)
    parts = -(-units // (at_most // unit))
    edges = [units * part // max(1, parts) * unit for part in range(parts + 1)]
    yield from (slice(a, min(total, b)) for a, b in itertools.pairwise(edges))


def each_block(function: Callable[[np.ndarray], _Result], rows: np.ndarray, size: int) -> list[_Result]:
    """Calls `function` on the rows in blocks of at most `size`; returns the results in order.

    A few calls run at once, so that some prepare their next batches while the model evaluates others'. `function` must
    not call this one.
    """
    size = max(1, size)
    # As many for each thread, or some would wait for the last ones.
    count = max(1, -(-len(rows) // (size * _CALLS_AT_ONCE))) * _CALLS_AT_ONCE
    size = min(size, max(_FEWEST_IN_BLOCK, filled(-(-len(rows) // count))))

    def quietly(some: np.ndarray) -> _Result:
        # Numbers that are not finite are reported by row; what threads ignore is their own.
        with np.errstate(all="ignore"):
            return function(some)

    blocks = [rows[part] for part in near_equal_slices(len(rows), size)] or [rows]
    if len(blocks) == 1:
        return [quietly(blocks[0])]
    return list(_threads().map(quietly, blocks))


@functools.cache
def _threads() -> ThreadPoolExecutor:
    """Returns the threads that all calls share: TensorFlow and the memory allocator take a while with every new one."""
    return ThreadPoolExecutor(_CALLS_AT_ONCE, thread_name_prefix="attribution")


# A forked process has none of them.
os.register_at_fork(after_in_child=_threads.cache_clear)


def filled(rows: int) -> int:
    """Returns the rows of as few whole vectors as `rows` rows take."""
    return -(-rows // _VECTOR) * _VECTOR


def call_size(rows: int, batch_size: int) -> int:
    """Returns with how many rows, `rows` of which matter, to call a model that gets at most `batch_size`."""
    return min(batch_size, filled(rows))


def whole_vectors(batch_size: int) -> int:
    """Returns the largest size of calls that `batch_size` allows, but at least one vector."""
    return max(1, batch_size // _VECTOR) * _VECTOR


def extended(values: np.ndarray, size: int) -> np.ndarray:
    """Repeats the last of `values` `[rows, ...]` until there are `size` rows."""
    missing = size - len(values)
    return values if not missing else np.concatenate([values, np.repeat(values[-1:], missing, axis=0)])


def row_products(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Multiplies float64 `[rows, n]` by `[n, m]`; each row of the product depends on that row alone, bit for bit."""
    padded = np.zeros((-(-len(rows) // _PRODUCT_ROWS), _PRODUCT_ROWS, rows.shape[1]))
    padded.reshape(-1, rows.shape[1])[: len(rows)] = rows
    return product(padded, matrix).reshape(-1, matrix.shape[1])[: len(rows)]


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Multiplies `[..., at most 32, n]` by `[..., n, m]` in parts that stay in the thread that calls."""
    # NumPy adds up in another order where numbers of a row are not beside each other; of a single row, they always are.
    left, right = np.ascontiguousarray(left), np.ascontiguousarray(right)
    columns = max(1, _UNTHREADED // max(1, right.shape[-2]))
    # Whole vectors, for columns that are rows of a problem.
    columns = columns // _VECTOR * _VECTOR or columns
    if right.shape[-1] <= columns:
        return np.matmul(left, right)
    parts = [np.matmul(left, right[..., first : first + columns]) for first in range(0, right.shape[-1], columns)]
    return np.concatenate(parts, axis=-1)
