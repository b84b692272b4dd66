"""What a report reads of attributions: every record once, for sums and for a sample that all else is of."""

from __future__ import annotations

import functools
import itertools
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import apache_beam as beam
import numpy as np
import pandas as pd
import tensorflow as tf

from tfx_explain.beam.errors import worker_errors
from tfx_explain.report.masses import Masses
from tfx_explain.report.records import BATCH_SIZE, SmallestHashes, decode, files_of, to_frame
from tfx_explain.report.token_tables import TokenTable, TokenTotals
from tfx_explain.report.totals import Totals
from tfx_explain.storage import columns
from tfx_explain.storage.integrity import read_whole
from tfx_explain.storage.sink import write_records, write_text

# Of the sample: what makes differences between slices of a few percent of the rows plain, in memory that is small.
_MOST_ROWS = 20_000
_MOST_BYTES = 2**28
_SUMS, _SAMPLE = "sums.json", "sample.tfrecord"
# Of so many bytes in files, some thousands of records, reading takes less time than Beam takes to begin.
_FEW_BYTES = 2**20


@dataclass(frozen=True)
class Evidence:
    """What attribution records say.

    Attributes:
      totals: By `columns.CANDIDATE`, and `columns.BASELINE` where there is a baseline model.
      masses: Where in pictures attributions lie.
      tokens: By feature, what each token carries.
      sample: Rows as `read_attributions` gives them, in the order of their hashes.
      rows: How many records there are.
      records: Those of the sample, object `[sampled]`.
    """

    totals: Mapping[str, Totals]
    masses: Masses
    tokens: Mapping[str, TokenTable]
    sample: pd.DataFrame
    rows: int
    records: np.ndarray

    @property
    def has_baseline(self) -> bool:
        """Whether the records explain a baseline model, too."""
        return columns.BASELINE in self.totals


def read_evidence(
    folders: Sequence[str], class_name: str, make_pipeline: Callable[[], beam.Pipeline], scratch: str
) -> Evidence:
    """Reads attribution records, in one pass and bounded memory; the same however they are split among workers.

    On Beam, unless they are few.

    Args:
      folders: Of splits; all of them count together.
      class_name: Of which class, by name or index; empty: the first one of each record.
      make_pipeline: Makes the Beam pipeline that reads them.
      scratch: An empty folder that the workers can write to.

    Raises:
      ValueError: There are none, or they can't be read.
    """
    files = [path for folder in folders for path in files_of(folder)]
    add_up, pipeline = _AddUp(class_name), make_pipeline()  # which tells of options that Beam refuses, in any case
    if _are_few(files):
        batches = (records for path in files for records in read_whole(path, BATCH_SIZE))
        _write(functools.reduce(add_up.add_input, batches, add_up.create_accumulator()), scratch)
    else:
        _add_up_on_beam(files, add_up, pipeline, scratch)
    rows, totals, masses, tokens, records = _read(scratch)
    if not totals:
        raise ValueError(f"There are no attributions in {', '.join(folders)}.")
    if class_name and not totals[columns.CANDIDATE].rows:
        raise ValueError(
            f"No record explains a class {class_name!r}; without a name, each record's first one is shown."
        )
    return Evidence(totals, masses, tokens, to_frame(decode(records), class_name), rows, records)


def _are_few(files: Sequence[str]) -> bool:
    sizes = itertools.accumulate(tf.io.gfile.stat(path).length for path in files)
    return all(size <= _FEW_BYTES for size in sizes)


def _add_up_on_beam(files: Sequence[str], add_up: _AddUp, pipeline: beam.Pipeline, scratch: str) -> None:
    with worker_errors():
        _ = (
            pipeline
            | "Files" >> beam.Create(files)
            | "ReadAttributions" >> beam.FlatMap(read_whole, BATCH_SIZE)
            | "AddUp" >> beam.CombineGlobally(add_up)
            | "Write" >> beam.Map(_write, scratch)
        )
        pipeline.run().wait_until_finish()


@dataclass
class _Found:
    """What some records hold; of no records, no models."""

    rows: int = 0
    totals: dict[str, Totals] = field(default_factory=dict)
    masses: Masses = field(default_factory=Masses)
    tokens: TokenTotals = field(default_factory=TokenTotals)
    sample: SmallestHashes = field(default_factory=lambda: SmallestHashes(_MOST_ROWS, _MOST_BYTES))


class _AddUp(beam.CombineFn):
    """From serialized records, object `[some]`, to what all of them hold."""

    def __init__(self, class_name: str) -> None:
        self._class_name = class_name

    def create_accumulator(self) -> _Found:
        return _Found()

    def add_input(self, found: _Found, records: np.ndarray) -> _Found:
        batch = decode(records)
        names = {model: columns.attributed_features(batch.schema.names, model) for model in columns.MODELS}
        part = {model: Totals(features) for model, features in names.items() if features}
        for model, one in part.items():
            one.add(batch, model, self._class_name)
        _join(found, len(records), part)
        found.masses.add(batch, self._class_name)
        found.tokens.add(batch, self._class_name)
        found.sample.add(records)
        return found

    def merge_accumulators(self, accumulators: Iterable[_Found]) -> _Found:
        result = _Found()
        for found in accumulators:
            if found.rows:
                _join(result, found.rows, found.totals)
                result.masses.merge(found.masses)
                result.tokens.merge(found.tokens)
                result.sample.merge(found.sample)
        return result

    def compact(self, found: _Found) -> _Found:
        found.sample.shrink()
        return found

    def extract_output(self, found: _Found) -> _Found:
        return found


def _join(found: _Found, rows: int, totals: Mapping[str, Totals]) -> None:
    """Adds the totals of more rows.

    Raises:
      ValueError: They are of other features.
    """
    if not found.rows:
        found.totals = {model: Totals(one.features) for model, one in totals.items()}
    known, new = (
        {(model, name) for model, one in part.items() for name in one.features} for part in (found.totals, totals)
    )
    if found.totals.keys() != totals.keys():
        raise ValueError("Some attribution records explain a baseline model, others none; give those of one Explainer.")
    if known != new:
        odd = sorted({name for _, name in known ^ new})
        raise ValueError(
            f"Attribution records disagree about their features: {', '.join(odd[:5])} are in some records only. "
            "Records of different models or Explainers can't be reported together."
        )
    found.rows += rows
    for model, one in totals.items():
        found.totals[model].merge(one)


def _write(found: _Found, folder: str) -> None:
    totals = {model: one.to_dict() for model, one in found.totals.items()}
    write_records(found.sample.records(), os.path.join(folder, _SAMPLE))
    tokens = {name: table.to_dict() for name, table in found.tokens.tables().items()}
    said = {"rows": found.rows, "totals": totals, "masses": found.masses.to_list(), "tokens": tokens}
    write_text(json.dumps(said), os.path.join(folder, _SUMS))


def _read(folder: str) -> tuple[int, dict[str, Totals], Masses, dict[str, TokenTable], np.ndarray]:
    """Returns what was written: how many records there are, the sums, and the sample, object `[rows]`."""
    with tf.io.gfile.GFile(os.path.join(folder, _SUMS)) as file:
        said = json.loads(file.read())
    totals = {model: Totals.from_dict(one) for model, one in said["totals"].items()}
    records = list(tf.data.TFRecordDataset(os.path.join(folder, _SAMPLE)).as_numpy_iterator())
    tokens = {name: TokenTable.from_dict(one) for name, one in said["tokens"].items()}
    return said["rows"], totals, Masses.from_list(said["masses"]), tokens, np.array(records, object)
