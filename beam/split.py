"""A split's files: records, dead letters and counts, written on workers and finished in one step."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam
from apache_beam.io import filebasedsink
from apache_beam.transforms import window
from apache_beam.utils.windowed_value import WindowedValue

from tfx_explain.beam.explain import ExplainedBatch
from tfx_explain.beam.transforms import DEAD_LETTERS, RECORDS, SUMMARY
from tfx_explain.beam.writing.write import Shards
from tfx_explain.storage.sink import write_text
from tfx_explain.storage.summary import Summary


class WriteSplit(beam.PTransform):
    """Writes `ExplainedBatch`es: their records and dead letters as shards, and the sum of their summaries.

    In three steps, where Beam takes eleven for files of one kind and five for a sum: neither paths nor sums of bundles
    need a grouping, for a side input is whole before it is read. On few rows, steps are what takes time.
    """

    def __init__(self, records: str, dead_letters: str, summary: str) -> None:
        """Keeps the destinations.

        Args:
          records: What the paths of the records' shards begin with.
          dead_letters: The same of the dead letters.
          summary: The path of the sum, as JSON; that of no batches is written, too.
        """
        super().__init__()
        self._prefixes, self._summary = {RECORDS: records, DEAD_LETTERS: dead_letters}, summary

    def expand(self, explained: beam.PCollection[ExplainedBatch]) -> beam.PCollection[None]:
        """Builds the transform."""
        shards = {name: Shards(prefix) for name, prefix in self._prefixes.items()}
        written = explained | "WriteShards" >> beam.ParDo(_WriteDoFn(shards))
        start = explained.pipeline | "Start" >> beam.Impulse()
        return start | "Finish" >> beam.Map(_finish, shards, self._summary, beam.pvalue.AsIter(written))


class _WriteDoFn(beam.DoFn):
    """Writes the batches of a bundle; yields, by name, the unfinished paths and the sum."""

    def __init__(self, shards: Mapping[str, Shards]) -> None:
        self._shards = shards
        self._writers: dict[str, filebasedsink.FileBasedSinkWriter] = {}
        self._summary = Summary()

    def start_bundle(self) -> None:
        self._writers, self._summary = {}, Summary()

    def process(self, explained: ExplainedBatch) -> Iterator[tuple[str, Any]]:
        self._summary = Summary.merge([self._summary, explained.summary])
        for name, records in {RECORDS: explained.records, DEAD_LETTERS: explained.dead_letters}.items():
            if len(records):
                if name not in self._writers:
                    self._writers[name] = self._shards[name].writer()
                self._writers[name].write(records)
                if self._writers[name].at_capacity():
                    yield name, self._writers.pop(name).close()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        everywhere = window.GlobalWindow()
        paths = [(name, writer.close()) for name, writer in self._writers.items()]
        for found in (*paths, (SUMMARY, self._summary)):
            yield WindowedValue(found, everywhere.max_timestamp(), (everywhere,))


def _finish(_: bytes, shards: Mapping[str, Shards], summary: str, written: Iterable[tuple[str, Any]]) -> None:
    found = collections.defaultdict(list)
    for name, one in written:
        found[name].append(one)
    for name, kind in shards.items():
        kind.name(found[name])
    write_text(Summary.merge(found[SUMMARY]).to_json(), summary)
