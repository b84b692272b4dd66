"""Explaining whole splits: the pipeline, and what its counts mean for the run."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence

import apache_beam as beam
import tensorflow as tf

from tfx_explain.beam.errors import worker_errors
from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.explaining.parameters import check_parameters, max_failed_fraction
from tfx_explain.beam.progress import Heartbeat
from tfx_explain.beam.provenance import job_provenance, split_provenance
from tfx_explain.beam.reading.read import Format, ReadBatches, first_records, list_files
from tfx_explain.beam.split import WriteSplit
from tfx_explain.beam.transforms import ExplainBatches
from tfx_explain.savedmodel import metadata_to_json, read_once
from tfx_explain.savedmodel.metadata.metadata import FILE_NAME
from tfx_explain.storage.influence import uninfluenced
from tfx_explain.storage.paths import DEAD_LETTERS_DIR
from tfx_explain.storage.sink import write_text
from tfx_explain.storage.summary import SUMMARY_FILE, Summary

_CAUSES_NAMED = 3
# Rows that a baseline model's metadata is tried on.
_TRIED_ROWS = 64


def explain_splits(
    make_pipeline: Callable[[], beam.Pipeline],
    split_patterns: Mapping[str, Sequence[str]],
    job: ExplanationJob,
    output_dir: str,
    form: Format | None = None,
    heartbeat: Heartbeat | None = None,
) -> dict[str, Summary]:
    """Explains the records of some splits, or a sample of them.

    Writes, under `output_dir`, `Split-<name>/attributions-*.gz` (TFRecords, see `tfx_explain.storage.columns`),
    `dead_letters/Split-<name>/*.gz` (the rows set aside: `record`, `error`, `shard`), `summary.json` (a `Summary` a
    split), and `explanation_metadata.json`, the candidate's, of which are the baselines.

    Args:
      make_pipeline: Returns the Beam pipeline to build on.
      split_patterns: By split name, globs of files.
      job: What to explain and how.
      output_dir: An existing folder.
      form: What the files hold; None: TFRecords of tf.Examples.
      heartbeat: Where workers say how far they are; None: nowhere.

    Returns:
      The summary of each split.

    Raises:
      ValueError: The model can't be explained as asked, a file is damaged, a split is empty, an explained feature is in
        no record of a split, or more than `max_failed_fraction` of a split's records failed. The message says what to
        do.
      OSError: The output can't be written.
    """
    form = form or Format()
    check_parameters(job.parameters)
    files = {split: list_files(patterns) for split, patterns in split_patterns.items()}
    tried = first_records(next(iter(files.values())), form, _TRIED_ROWS) if job.baseline_model_dir else []
    shared = job_provenance(job)
    # Here, before any worker starts, an error is one sentence; and on a runner in this process the models are shared.
    with read_once():
        explain = ExplainBatches(job.completed(tried), heartbeat)
        loaded = explain.load()
    with worker_errors():
        pipeline = make_pipeline()
        for split in files:
            rows = pipeline | f"Read[{split}]" >> ReadBatches(files[split], form, job.parameters.sample)
            _ = rows | f"Explain[{split}]" >> explain | f"Write[{split}]" >> _write(split, output_dir)
        pipeline.run().wait_until_finish()
    del loaded
    summaries = {
        split: dataclasses.replace(
            _take_summary(output_dir, split), provenance=shared | split_provenance(split, files[split])
        )
        for split in files
    }
    for split, summary in summaries.items():
        check_summary(split, summary, max_failed_fraction(job.parameters))
        for sentence in uninfluenced(summary.rows_by_class, summary.rows_without_influence_by_class):
            logging.warning("Split %r: %s", split, sentence)
    text = json.dumps({split: summary.to_dict() for split, summary in summaries.items()}, indent=2)
    write_text(metadata_to_json(job.metadata), os.path.join(output_dir, FILE_NAME))
    write_text(text, os.path.join(output_dir, SUMMARY_FILE))
    return summaries


def check_summary(split: str, summary: Summary, allowed: float) -> None:
    """Fails when a split's counts say that its attributions would not speak for it.

    Raises:
      ValueError: See `explain_splits`.
    """
    if not summary.rows_read:
        sampled = f" in the sample ({summary.rows_not_sampled} are not)" if summary.rows_not_sampled else ""
        raise ValueError(f"Split {split!r} of the examples has no records{sampled}; there is nothing to explain.")
    readable = summary.rows_read - summary.rows_unreadable
    absent = [feature for feature, count in summary.feature_counts.items() if not count]
    if absent and readable:
        raise ValueError(
            f"Split {split!r} of the examples lacks {_named(absent)}, which the model reads: none of its {readable} "
            "readable records has a value. Feed the examples that the model was trained on, or correct the names in "
            "the explanation metadata."
        )
    if summary.rows_failed > allowed * summary.rows_read:
        causes = list(summary.causes.items())[:_CAUSES_NAMED]
        raise ValueError(
            f"{summary.rows_failed} of the {summary.rows_read} records of split {split!r} could not be explained, more "
            f"than {allowed:.3g} of them (max_failed_fraction). The commonest causes: "
            + " ".join(f"({count} times) {cause}" for cause, count in causes)
        )
    if not summary.rows_explained:
        raise ValueError(f"None of the {summary.rows_read} records of split {split!r} could be explained.")


def _write(split: str, output_dir: str) -> WriteSplit:
    folder = f"Split-{split}"
    records = os.path.join(output_dir, folder, "attributions")
    dead_letters = os.path.join(output_dir, DEAD_LETTERS_DIR, folder, "dead_letters")
    return WriteSplit(records, dead_letters, _summary_path(output_dir, split))


def _summary_path(output_dir: str, split: str) -> str:
    return os.path.join(output_dir, f"{split}.{SUMMARY_FILE}")


def _take_summary(output_dir: str, split: str) -> Summary:
    path = _summary_path(output_dir, split)
    with tf.io.gfile.GFile(path, "rb") as file:
        summary = Summary.from_json(file.read())
    tf.io.gfile.remove(path)
    return summary


def _named(features: Sequence[str]) -> str:
    return ("feature " if len(features) == 1 else "features ") + ", ".join(repr(feature) for feature in features)
