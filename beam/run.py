"""Explaining whole splits: the pipeline, and what its counts mean for the run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from tfx_explain.beam.job import ExplanationJob
from tfx_explain.beam.summary import Summary
from tfx_explain.beam.transforms import Explain, ReadRecords, WriteExplanations

DEAD_LETTERS_DIR = "dead_letters"
SUMMARY_FILE = "summary.json"
# More than this fraction of failed rows fails the run: what is left would not speak for the split.
MAX_FAILED_FRACTION = 0.01

_CAUSES_NAMED = 3


def explain_splits(
    make_pipeline: Callable[[], beam.Pipeline],
    split_patterns: Mapping[str, Sequence[str]],
    job: ExplanationJob,
    output_dir: str,
) -> dict[str, Summary]:
    """Explains every record of some splits.

    Writes, under `output_dir`, `Split-<name>/attributions-*.gz` (TFRecords, see `tfx_explain.metrics.columns`),
    `dead_letters/Split-<name>/*.gz` (the rows set aside: `record`, `error`), and `summary.json` (a `Summary` a split).

    Args:
      make_pipeline: Returns the Beam pipeline to build on.
      split_patterns: By split name, globs of TFRecord files of tf.Examples.
      job: What to explain and how.
      output_dir: An existing folder.

    Returns:
      The summary of each split.

    Raises:
      ValueError: The model can't be explained as asked, a split is empty, an explained feature is in no record of a
        split, or more than `MAX_FAILED_FRACTION` of a split's records failed. The message says what to do.
    """
    explain = Explain(job)
    # Here, before any worker starts, an error is one sentence; and on a runner in this process the models are shared.
    loaded = explain.load()
    pipeline = make_pipeline()
    for split, patterns in split_patterns.items():
        _explain_split(pipeline, split, patterns, explain, output_dir)
    pipeline.run().wait_until_finish()
    del loaded
    summaries = {split: _take_summary(output_dir, split) for split in split_patterns}
    for split, summary in summaries.items():
        check_summary(split, summary)
    with FileSystems.create(os.path.join(output_dir, SUMMARY_FILE), mime_type="application/json") as file:
        file.write(json.dumps({split: summary.to_dict() for split, summary in summaries.items()}, indent=2).encode())
    return summaries


def check_summary(split: str, summary: Summary) -> None:
    """Fails when a split's counts say that its attributions would not speak for it.

    Raises:
      ValueError: See `explain_splits`.
    """
    if not summary.rows_read:
        raise ValueError(f"Split {split!r} of the examples has no records; there is nothing to explain.")
    readable = summary.rows_read - summary.rows_unreadable
    absent = [feature for feature, count in summary.feature_counts.items() if not count]
    if absent and readable:
        raise ValueError(
            f"Split {split!r} of the examples lacks {_named(absent)}, which the model reads: none of its {readable} "
            "readable records has a value. Feed the examples that the model was trained on, or correct the names in "
            "the explanation metadata."
        )
    if summary.rows_failed > MAX_FAILED_FRACTION * summary.rows_read:
        causes = list(summary.causes.items())[:_CAUSES_NAMED]
        raise ValueError(
            f"{summary.rows_failed} of the {summary.rows_read} records of split {split!r} could not be explained, more "
            f"than {MAX_FAILED_FRACTION:.0%}. The commonest causes: "
            + " ".join(f"({count} times) {cause}" for cause, count in causes)
        )


def _explain_split(
    pipeline: beam.Pipeline, split: str, patterns: Sequence[str], explain: Explain, output_dir: str
) -> None:
    write = WriteExplanations(
        os.path.join(output_dir, f"Split-{split}"),
        os.path.join(output_dir, DEAD_LETTERS_DIR, f"Split-{split}"),
        _summary_path(output_dir, split),
    )
    rows = pipeline | f"Read[{split}]" >> ReadRecords(patterns)
    rows | f"Explain[{split}]" >> explain | f"Write[{split}]" >> write


def _summary_path(output_dir: str, split: str) -> str:
    return os.path.join(output_dir, f"{split}.{SUMMARY_FILE}")


def _take_summary(output_dir: str, split: str) -> Summary:
    path = _summary_path(output_dir, split)
    with FileSystems.open(path) as file:
        summary = Summary.from_json(file.read().decode())
    FileSystems.delete([path])
    return summary


def _named(features: Sequence[str]) -> str:
    return ("feature " if len(features) == 1 else "features ") + ", ".join(repr(feature) for feature in features)
