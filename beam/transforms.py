"""Explaining rows on Beam: as batches that were read from files, or as records of anybody's pipeline."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator, Sequence

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.utils import shared

from tfx_explain.beam.explain import ExplainedBatch, RowExplainer
from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.progress import Heartbeat
from tfx_explain.beam.reading import batches
from tfx_explain.beam.reading.batches import RowBatch
from tfx_explain.storage.summary import COUNTS, SECONDS, Summary
from tfx_explain.storage.tfrecords import as_records

RECORDS = "records"
DEAD_LETTERS = "dead_letters"
SUMMARY = "summary"

METRICS_NAMESPACE = "tfx_explain"


class Explain(beam.PTransform):
    """Attributes the prediction on each record to its features.

    Takes serialized tf.Examples; returns a dictionary of three PCollections: `records` (serialized tf.Examples with the
    columns of `tfx_explain.storage.columns`), `dead_letters` (serialized tf.Examples with `record`, `error` and an
    empty `shard`), and `summary` (one `Summary`).

    ```python
    job = ExplanationJob(model_dir, generate_metadata(model_dir), ExplanationParameters())
    with beam.Pipeline() as pipeline:
        explained = pipeline | beam.io.ReadFromTFRecord("examples-*.gz") | Explain(job)
        explained["records"] | beam.io.WriteToTFRecord("attributions", file_name_suffix=".gz")
    ```
    """

    def __init__(self, job: ExplanationJob) -> None:
        """Finds what the job lacks; models are loaded on the workers, once a process.

        Args:
          job: What to explain and how; its sample is the caller's to take.

        Raises:
          ValueError: The baseline model can't be explained.
        """
        super().__init__()
        self._explain = ExplainBatches(job)

    def expand(self, rows: beam.PCollection[bytes]) -> dict[str, beam.PCollection]:
        """Builds the transform."""
        formed = rows | "Batch" >> beam.BatchElements(
            # In bytes: within the bounds, Beam finds the size at which a call's overhead no longer counts.
            min_batch_size=batches.MAX_BYTES // 64,
            max_batch_size=batches.MAX_BYTES,
            # A row counts for at least its share of the most rows.
            element_size_fn=_weight,
        )
        explained = formed | "ToRowBatch" >> beam.Map(_row_batch) | self._explain
        summaries = explained | "Summary" >> beam.Map(lambda batch: batch.summary)
        return {
            RECORDS: explained | "Records" >> beam.FlatMap(lambda batch: batch.records).with_output_types(bytes),
            DEAD_LETTERS: explained
            | "DeadLetters" >> beam.FlatMap(lambda batch: batch.dead_letters).with_output_types(bytes),
            SUMMARY: summaries | "Count" >> beam.CombineGlobally(Summary.merge),
        }


class ExplainBatches(beam.PTransform):
    """From `RowBatch`es to `ExplainedBatch`es, with as many rows or fewer; as `Explain` otherwise."""

    def __init__(self, job: ExplanationJob, heartbeat: Heartbeat | None = None) -> None:
        """Finds what the job lacks.

        Args:
          job: What to explain and how.
          heartbeat: Where workers say how far they are.
        """
        super().__init__()
        self._job, self._heartbeat = job.completed(), heartbeat
        # One copy of the models in a process, whatever the number of its threads and of the splits explained.
        self._shared = shared.Shared()

    def load(self) -> RowExplainer:
        """Loads the models in this process; workers in it use them for as long as the result is kept.

        Raises:
          ValueError: A model can't be explained as asked.
        """
        return _acquire(self._shared, self._job)

    def expand(self, rows: beam.PCollection[RowBatch]) -> beam.PCollection[ExplainedBatch]:
        """Builds the transform."""
        return rows | "Attribute" >> beam.ParDo(_ExplainDoFn(self._job, self._shared, self._heartbeat))


class _ExplainDoFn(beam.DoFn):
    def __init__(self, job: ExplanationJob, handle: shared.Shared, heartbeat: Heartbeat | None) -> None:
        self._job, self._shared, self._heartbeat = job, handle, heartbeat
        self._explainer: RowExplainer | None = None
        self._counters = {name: Metrics.counter(METRICS_NAMESPACE, name) for name in COUNTS}
        # Counters hold whole numbers.
        self._times = {
            name: Metrics.counter(METRICS_NAMESPACE, name.replace("_seconds", "_milliseconds")) for name in SECONDS
        }

    def setup(self) -> None:
        self._explainer = _acquire(self._shared, self._job)

    def process(self, batch: RowBatch) -> Iterator[ExplainedBatch]:
        assert self._explainer is not None
        for part in self._explainer.parts(batch):
            explained = self._explainer.explain(part)
            self._count(explained.summary)
            if self._heartbeat is not None:
                self._heartbeat.beat(len(part.records) + part.not_sampled)
            yield explained

    def _count(self, summary: Summary) -> None:
        for name, counter in self._counters.items():
            counter.inc(getattr(summary, name))
        for name, counter in self._times.items():
            counter.inc(round(1000 * getattr(summary, name)))


def _acquire(handle: shared.Shared, job: ExplanationJob) -> RowExplainer:
    return handle.acquire(lambda: RowExplainer(job))


def _row_batch(rows: Sequence[bytes]) -> RowBatch:
    return RowBatch(as_records(rows))


def _weight(row: bytes) -> int:
    return max(len(row), batches.MAX_BYTES // batches.MAX_ROWS)


@atexit.register
def _let_go() -> None:
    """Frees the last models, which Beam keeps; once modules are taken down, TensorFlow complains of what is left."""
    shared.Shared().acquire(set)
    gc.collect()
