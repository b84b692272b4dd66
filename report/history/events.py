"""Runs for TensorBoard: a step is a pipeline's run, and what TensorBoard calls a run is a slice.

Files of ours end in the last step in them and, where runs are added one by one, in a key of the run:
`events.out.tfevents.(...).3.5f0c2a9e.tfx-explain`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import apache_beam as beam
import numpy as np
import pandas as pd
import tensorflow as tf

from tfx_explain.proto.printable import printable
from tfx_explain.report.heat import WHOLE, shares_in
from tfx_explain.report.history.left import Left
from tfx_explain.report.history.run import Reading, Run, drifts, read_run
from tfx_explain.report.records import ATTRIBUTION
from tfx_explain.report.slicing import slices_of
from tfx_explain.storage import columns
from tfx_explain.storage.directory import scratch_beside
from tfx_explain.storage.event_files import folder_name, share_tag, summary_writer
from tfx_explain.storage.paths import absolute, names_in

_OURS = re.compile(r"\.(\d+)(?:\.([0-9a-f]{8}))?\.tfx-explain$")
_HISTOGRAMS, _SLICES, _REASONS = 10, 30, 50


def write_events(log_dir: str, runs: Iterable[Run], last: int) -> None:
    """Writes runs in the place of all that was written into the folder before; files of others stay.

    Args:
      log_dir: TensorBoard's `--logdir`.
      runs: In their order, with samples; a run's number is its step.
      last: The last one's number.

    Raises:
      ValueError: TensorBoard is not installed.
    """
    log_dir = absolute(log_dir)
    with scratch_beside(log_dir) as scratch:
        _write(log_dir, scratch, runs, f".{last}.tfx-explain", [one.path for one in _ours(log_dir)])


def add_events(log_dir: str, left: Left, make_pipeline: Callable[[], beam.Pipeline] = beam.Pipeline) -> None:
    """Writes one more run, as the next step; a second attempt of the same run takes the place of the first.

    Args:
      log_dir: TensorBoard's `--logdir`, of one pipeline.
      left: What the run left; a run that is told from others by its title.
      make_pipeline: Makes the Beam pipeline that reads its attributions.

    Raises:
      ValueError: TensorBoard is not installed.
    """
    log_dir = absolute(log_dir)
    ours, key = _ours(log_dir), hashlib.sha256(left.title.encode()).hexdigest()[:8]
    earlier = [one for one in ours if one.key == key]
    step = earlier[0].step if earlier else 1 + max((one.step for one in ours), default=0)
    with scratch_beside(log_dir) as scratch:
        run = read_run(step, left, Reading(scratch, make_pipeline, with_sample=True))
        run = dataclasses.replace(run, drift=drifts(run, ()))
        _write(log_dir, scratch, [run], f".{step}.{key}.tfx-explain", [one.path for one in earlier])


class _File(NamedTuple):
    """An event file of ours."""

    path: str
    step: int
    key: str | None


def _ours(log_dir: str) -> list[_File]:
    found = []
    for folder in names_in(log_dir):
        for name in names_in(os.path.join(log_dir, folder)):
            if match := _OURS.search(name):
                found.append(_File(os.path.join(log_dir, folder, name), int(match[1]), match[2]))
    return found


def _write(log_dir: str, scratch: str, runs: Iterable[Run], suffix: str, replaced: Iterable[str]) -> None:
    """Writes runs, a file a slice, into a scratch folder, and moves the files from there when all are whole."""
    with contextlib.ExitStack() as stack:
        writers: dict[str, tf.summary.SummaryWriter] = {}
        for run in runs:
            for title, shares in _slices(run):
                name = folder_name(title)
                if name not in writers:
                    writers[name] = summary_writer(os.path.join(scratch, name), suffix)
                    stack.callback(writers[name].close)
                with writers[name].as_default(step=run.number):
                    _write_shares(shares)
                    if title == WHOLE:
                        _write_whole(run)
    for path in replaced:
        tf.io.gfile.remove(path)
    for folder in writers:
        tf.io.gfile.makedirs(os.path.join(log_dir, folder))
        for name in names_in(os.path.join(scratch, folder)):
            tf.io.gfile.rename(os.path.join(scratch, folder, name), os.path.join(log_dir, folder, name))


def _slices(run: Run) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Yields the shares of the features in the whole, and in the slices that thresholds are about, by title.

    Those of slices are of the sample.
    """
    whole = run.shares()
    yield WHOLE, whole
    if run.sample is None or run.decision is None or not whole:
        return
    thresholds = (*run.decision.failed, *run.decision.passed, *run.decision.not_asked)
    asked = {one.slice for one in thresholds}
    found = [one for one in slices_of(run.sample) if one.title in asked][:_SLICES]
    if found:
        features = list(whole)
        masks = np.stack([one.rows for one in found]).astype(np.float32)
        shares = shares_in(pd.DataFrame(run.sample[columns.CANDIDATE][ATTRIBUTION]), masks, features)
        for one, row in zip(found, shares.tolist(), strict=True):
            yield one.title, dict(zip(features, row, strict=True))


def _write_shares(shares: Mapping[str, float]) -> None:
    for feature, share in shares.items():
        tf.summary.scalar(share_tag(feature), share)


def _write_whole(run: Run) -> None:
    for against, drift in run.drift.items():
        tf.summary.scalar(f"drift/{against}/importance_ndcg", drift.ndcg)
        tf.summary.scalar(f"drift/{against}/largest_share_change", drift.change)
    if run.decision:
        tf.summary.scalar("verdict/blessed", float(run.decision.blessed))
        tf.summary.scalar("verdict/failed_thresholds", float(len(run.decision.failed)))
    # TensorBoard takes it for Markdown, in which what is indented stands as it is.
    tf.summary.text("verdict", "".join(f"    {printable(line)}\n" for line in _sentences(run)))
    for one in run.overlays:
        tf.summary.image(printable(one.tag), tf.io.decode_png(one.png)[tf.newaxis], description=printable(one.note))
    if run.sample is not None:
        for feature in list(run.shares())[:_HISTOGRAMS]:
            values = run.sample[columns.CANDIDATE, ATTRIBUTION, feature].to_numpy(np.float64)
            tf.summary.histogram(f"attributions/{printable(feature)}", values[np.isfinite(values)])


def _sentences(run: Run) -> Iterator[str]:
    yield run.decision.headline if run.decision else "No verdict"
    yield f"Run {run.number}: {run.left.title}"
    if run.time:
        yield f"Time: {run.time}"
    for role, model in run.models.items():
        yield f"{role.capitalize()} model: {model['uri']} ({model['fingerprint']})"
    if run.decision:
        yield from run.decision.capitals
        yield from run.decision.remarks
    yield from (f"- {problem}" for problem in run.problems)
    yield from (f"- {reason}" for reason in run.reasons[:_REASONS])
    if len(run.reasons) > _REASONS:
        yield f"... and {len(run.reasons) - _REASONS} more"
