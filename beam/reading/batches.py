"""What goes through the pipeline: batches of rows, formed for the model and not for the reader."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

# Enough rows for a model call to cost more than the call's overhead, and few enough bytes for a worker's memory: a
# batch is done when it has either. The attribution methods cut a batch again where a row's tensors are large.
MAX_ROWS = 4096
MAX_BYTES = 2**24


@dataclasses.dataclass(frozen=True)
class RowBatch:
    """Some rows of one file.

    Attributes:
      records: Serialized tf.Examples, object `[rows]`.
      shard: The file; empty where rows come from elsewhere.
      not_sampled: How many of the file's other rows were passed over before these.
    """

    records: np.ndarray
    shard: str = ""
    not_sampled: int = 0


def batched(chunks: Iterable[np.ndarray], max_rows: int = MAX_ROWS, max_bytes: int = MAX_BYTES) -> Iterator[np.ndarray]:
    """Puts a reader's chunks together into batches.

    Where a batch ends depends on the rows alone, so that a file gives the same batches in every run.

    Args:
      chunks: Records, object `[any]`.
      max_rows: The most rows of a batch.
      max_bytes: A batch with more bytes than this has one row.

    Yields:
      Object `[rows]`, at least one row.
    """
    waiting = np.empty(0, object)
    for chunk in chunks:
        waiting = np.concatenate([waiting, chunk])
        while (end := _full(waiting, max_rows, max_bytes)) is not None:
            yield waiting[:end]
            waiting = waiting[end:]
    if len(waiting):
        yield waiting


def _full(records: np.ndarray, max_rows: int, max_bytes: int) -> int | None:
    """How many of the records fill a batch; None if they don't."""
    total = np.cumsum(np.fromiter(map(len, records), np.int64, len(records)))
    fitting = min(int(np.searchsorted(total, max_bytes, side="right")), max_rows)
    return max(1, fitting) if len(records) > fitting or fitting == max_rows else None
