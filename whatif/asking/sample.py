"""Rows to choose from: a sample of all, and any of them by its name."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfx_explain.beam.reading.names import row_names
from tfx_explain.beam.reading.read import Format
from tfx_explain.report.records import SmallestHashes


@dataclass(frozen=True)
class Rows:
    """The rows of some files.

    Attributes:
      files: Where they are.
      form: How these are read.
      sample: Of all rows those with the smallest hashes, serialized tf.Examples, object `[sampled]`.
      total: How many there are.
    """

    files: Sequence[str]
    form: Format
    sample: np.ndarray
    total: int

    def find(self, name: str) -> bytes:
        """Returns the row of a name, `row_names`; one that isn't in the sample is looked for in the files.

        Raises:
          ValueError: There is none.
        """
        wanted = name.strip().lower()
        chunks = itertools.chain([self.sample], (chunk for path in self.files for chunk in self.form.chunks(path)))
        for chunk in chunks:
            names = row_names(chunk)
            if wanted and wanted in names:
                return chunk[names.index(wanted)]
        raise ValueError(
            f"None of the {self.total:,} rows is called {wanted[:40]!r}; a report shows names, of the examples that "
            "were explained with all of their features."
        )


def read_rows(files: Sequence[str], form: Format, most: int) -> Rows:
    """Reads all rows once and keeps a sample, in memory for twice as many.

    Args:
      files: Paths.
      form: How they are read.
      most: The size of the sample.

    Raises:
      ValueError: There is none, or a file is damaged.
    """
    chosen, total = SmallestHashes(most), 0
    for path in files:
        for chunk in form.chunks(path):
            chosen.add(chunk)
            total += len(chunk)
    if not total:
        raise ValueError(f"There are no rows in {', '.join(files)}.")
    return Rows(files, form, chosen.records(), total)
