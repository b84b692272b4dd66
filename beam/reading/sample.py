"""Which rows are explained where not all are: those with the smallest hashes, so that every run takes the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import apache_beam as beam
import numpy as np
import tensorflow as tf

_HASHES = 2**63 - 1


def row_hashes(records: np.ndarray) -> np.ndarray:
    """Returns uint64 `[rows]`, below 2^63 - 1: a hash of each record's bytes, the same on every machine."""
    return tf.strings.to_hash_bucket_fast(tf.constant(records, tf.string), _HASHES).numpy().astype(np.uint64)


@dataclasses.dataclass(frozen=True)
class Limit:
    """The rows that are taken.

    Attributes:
      below: Hashes below this are taken.
      of_shard: By file, how many rows are taken whose hash is just `below`: of rows that are the same, some may be too
        many.
    """

    below: int
    of_shard: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @classmethod
    def of_fraction(cls, fraction: float) -> Limit:
        """Takes each row with that probability."""
        return cls(int(fraction * _HASHES))

    def taken(self, hashes: np.ndarray, shard: str, ties_before: int) -> tuple[np.ndarray, int]:
        """Chooses among a file's next rows.

        Args:
          hashes: uint64 `[rows]`.
          shard: Their file.
          ties_before: Rows of the file so far whose hash is just `below`.

        Returns:
          bool `[rows]`, and `ties_before` for the rows after these.
        """
        ties = hashes == np.uint64(self.below)
        numbers = ties_before + np.cumsum(ties)
        return (hashes < np.uint64(self.below)) | (ties & (numbers <= self.of_shard.get(shard, 0))), int(numbers[-1])


class FindLimit(beam.CombineFn):
    """From (file, hashes of its rows) to the `Limit` that takes the rows with the smallest hashes."""

    def __init__(self, rows: int) -> None:
        """Asks for a number of rows; the accumulator holds as many hashes."""
        self._rows = rows

    def create_accumulator(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns no hashes, uint64 `[0]`, of no files, object `[0]`."""
        return np.empty(0, np.uint64), np.empty(0, object)

    def add_input(
        self, accumulator: tuple[np.ndarray, np.ndarray], element: tuple[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Adds a file's hashes."""
        shard, hashes = element
        return self.merge_accumulators([accumulator, (hashes, np.full(len(hashes), shard, object))])

    def merge_accumulators(
        self, accumulators: Iterable[tuple[np.ndarray, np.ndarray]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Keeps the smallest hashes; of equal ones those of the first files by name."""
        hashes, shards = (np.concatenate(parts) for parts in zip(*accumulators, strict=True))
        order = np.lexsort((shards.astype(str), hashes))[: self._rows]
        return hashes[order], shards[order]

    def extract_output(self, accumulator: tuple[np.ndarray, np.ndarray]) -> Limit:
        """Returns the limit; if there are no more rows than asked for, one that takes all."""
        hashes, shards = accumulator
        if len(hashes) < self._rows:
            return Limit(_HASHES)
        names, counts = np.unique(shards[hashes == hashes[-1]].astype(str), return_counts=True)
        return Limit(int(hashes[-1]), dict(zip(names.tolist(), counts.tolist(), strict=True)))
