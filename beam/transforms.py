"""Read records, explain them, write what came out: the Explainer's pipeline, a transform a step."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import apache_beam as beam
from apache_beam.utils import shared
from tfx_bsl.public import tfxio

from tfx_explain.beam.explain import RowExplainer
from tfx_explain.beam.job import ExplanationJob
from tfx_explain.beam.summary import Summary

RECORDS = "records"
DEAD_LETTERS = "dead_letters"
SUMMARY = "summary"

# Large enough for a model call to cost more than the call's overhead, small enough for a worker's memory.
_ROWS_PER_BATCH = 1024


@beam.ptransform_fn
@beam.typehints.with_input_types(beam.Pipeline)
@beam.typehints.with_output_types(bytes)
def ReadRecords(pipeline: beam.Pipeline, file_patterns: Sequence[str]) -> beam.PCollection[bytes]:  # noqa: N802
    """Reads serialized tf.Examples from TFRecord files, compressed or not, through TFXIO.

    Args:
      pipeline: The pipeline.
      file_patterns: Globs.
    """
    source = tfxio.TFExampleRecord(list(file_patterns), telemetry_descriptors=["tfx_explain"])
    return pipeline | source.RawRecordBeamSource()


class Explain(beam.PTransform):
    """Attributes the prediction on each record to its features.

    Takes serialized tf.Examples; returns a dictionary of three PCollections: `records` (serialized tf.Examples with the
    columns of `tfx_explain.metrics.columns`), `dead_letters` (serialized tf.Examples with `record` and `error`), and
    `summary` (one `Summary`).
    """

    def __init__(self, job: ExplanationJob) -> None:
        """Keeps the job; models are loaded on the workers, once a process.

        Args:
          job: What to explain and how.
        """
        super().__init__()
        self._job = job
        # One copy of the models in a process, whatever the number of its threads and of the splits explained.
        self._shared = shared.Shared()

    def load(self) -> RowExplainer:
        """Loads the models in this process; workers in it use them for as long as the result is kept.

        Raises:
          ValueError: A model can't be explained as asked.
        """
        return _acquire(self._shared, self._job)

    def expand(self, rows: beam.PCollection[bytes]) -> dict[str, beam.PCollection]:
        """Builds the transform."""
        batches = rows | "Batch" >> beam.BatchElements(min_batch_size=_ROWS_PER_BATCH, max_batch_size=_ROWS_PER_BATCH)
        explained = batches | "Attribute" >> beam.ParDo(_ExplainDoFn(self._job, self._shared)).with_outputs(
            DEAD_LETTERS, SUMMARY, main=RECORDS
        )
        summary = explained[SUMMARY] | "Count" >> beam.CombineGlobally(Summary.merge)
        return {RECORDS: explained[RECORDS], DEAD_LETTERS: explained[DEAD_LETTERS], SUMMARY: summary}


class WriteExplanations(beam.PTransform):
    """Writes what `Explain` returns: gzipped TFRecords of records and of dead letters, and the summary as JSON."""

    def __init__(self, records_dir: str, dead_letters_dir: str, summary_path: str) -> None:
        """Keeps the destinations.

        Args:
          records_dir: Folder of the attribution records' shards.
          dead_letters_dir: Folder of the dead letters' shards.
          summary_path: The summary's file.
        """
        super().__init__()
        self._records_prefix = os.path.join(records_dir, "attributions")
        self._dead_letters_prefix = os.path.join(dead_letters_dir, "dead_letters")
        self._summary_path = summary_path

    def expand(self, explained: dict[str, beam.PCollection]) -> list[beam.PCollection]:
        """Builds the transform."""
        return [
            explained[RECORDS] | "WriteRecords" >> _write(self._records_prefix),
            explained[DEAD_LETTERS] | "WriteDeadLetters" >> _write(self._dead_letters_prefix),
            explained[SUMMARY]
            | "ToJson" >> beam.Map(Summary.to_json)
            | "WriteSummary" >> beam.io.WriteToText(self._summary_path, shard_name_template=""),
        ]


class _ExplainDoFn(beam.DoFn):
    def __init__(self, job: ExplanationJob, handle: shared.Shared) -> None:
        self._job = job
        self._shared = handle
        self._explainer: RowExplainer | None = None

    def setup(self) -> None:
        self._explainer = _acquire(self._shared, self._job)

    def process(self, rows: Sequence[bytes]) -> Iterator[object]:
        assert self._explainer is not None
        batch = self._explainer.explain(rows)
        yield from batch.records
        for letter in batch.dead_letters:
            yield beam.pvalue.TaggedOutput(DEAD_LETTERS, letter)
        yield beam.pvalue.TaggedOutput(SUMMARY, batch.summary)


def _acquire(handle: shared.Shared, job: ExplanationJob) -> RowExplainer:
    return handle.acquire(lambda: RowExplainer(job))


def _write(prefix: str) -> beam.io.WriteToTFRecord:
    return beam.io.WriteToTFRecord(
        prefix, file_name_suffix=".gz", compression_type=beam.io.filesystem.CompressionTypes.GZIP
    )
