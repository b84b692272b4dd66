"""What a report reads of attributions: every record once, for sums, and a sample of them, for all else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from tfx_explain.report.records import SmallestHashes, decode, read_records, to_frame
from tfx_explain.report.totals import Totals
from tfx_explain.storage import columns

# Of the sample: what makes differences between slices of a few percent of the rows plain, and a frame of 160 MB.
_MOST_ROWS = 20_000
_MOST_CELLS = 20_000_000


@dataclass(frozen=True)
class Evidence:
    """What attribution records say.

    Attributes:
      totals: By `columns.CANDIDATE`, and `columns.BASELINE` where there is a baseline model.
      sample: Rows as `read_attributions` gives them, in the order of their hashes.
      rows: How many records there are.
    """

    totals: Mapping[str, Totals]
    sample: pd.DataFrame
    rows: int

    @property
    def has_baseline(self) -> bool:
        """Whether the records explain a baseline model, too."""
        return columns.BASELINE in self.totals


def read_evidence(folders: Sequence[str], class_name: str = "") -> Evidence:
    """Reads attribution records, in one pass and bounded memory.

    Args:
      folders: Of splits; all of them count together.
      class_name: Of which class, by name or index; empty: the first one of each record.

    Raises:
      ValueError: There are none, or they can't be read.
    """
    totals: dict[str, Totals] = {}
    chosen, rows = SmallestHashes(_MOST_ROWS), 0
    for records in read_records(folders):
        batch = decode(records)
        if not totals:
            totals = _empty(batch)
            chosen = SmallestHashes(max(1, min(_MOST_ROWS, _MOST_CELLS // batch.num_columns)))
        for model, total in totals.items():
            total.add(batch, model, class_name)
        chosen.add(records)
        rows += len(records)
    if not totals:
        raise ValueError(f"There are no attributions in {', '.join(folders)}.")
    return Evidence(totals, to_frame(decode(chosen.records()), class_name), rows)


def _empty(batch: pa.RecordBatch) -> dict[str, Totals]:
    features = {model: columns.attributed_features(batch.schema.names, model) for model in columns.MODELS}
    return {model: Totals(names) for model, names in features.items() if names}
