"""The gate as a library: from directories to a verdict on disk."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterable

import apache_beam as beam
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.deciding.decide import decide
from tfx_explain.gate.reading.evidence import Sources
from tfx_explain.gate.reading.gather import gather
from tfx_explain.gate.saying.verdict import JSON_FILE, REPORT_FILE, TEXT_FILE, Verdict
from tfx_explain.proto import explanation_pb2
from tfx_explain.storage.paths import is_within, names_in, resolved

_VALIDATIONS_FILE = f"{tfma.VALIDATIONS_KEY}.tfrecord"
_METRICS = (tfma.METRICS_KEY, tfma.ATTRIBUTIONS_KEY, tfma.VALIDATIONS_KEY)
_UNFINISHED = ".incomplete"
_LINES = 1000


def validate(
    eval_config: config_pb2.EvalConfig,
    policy: explanation_pb2.GatePolicy,
    sources: Sources,
    make_pipeline: Callable[[], beam.Pipeline],
    output_path: str,
    now: datetime.datetime | None = None,
) -> Verdict:
    """Decides whether a model is blessed, and writes the verdict.

    Args:
      eval_config: Metrics, slices and thresholds; checked by `config.verify_config`.
      policy: What to do where the config is silent.
      sources: Where the evidence lies; what it tells of a baseline model counts too.
      make_pipeline: Makes the Beam pipeline that computes metrics over the records.
      output_path: A directory apart from the sources. It gets TFMA's validation result, `verdict.json`, `verdict.txt`,
        and, if there are attributions, the metrics over them, in the place of an earlier verdict's.
      now: The moment of the decision; the present by default.

    Returns:
      The verdict.

    Raises:
      ValueError: The config names what the records lack, two sources hold the same metric, or the output would be where
        an input is.
    """
    _verify_apart(output_path, sources.folders)
    tf.io.gfile.makedirs(output_path)
    # What was there before stays until everything was read, and a verdict was reached.
    folder = os.path.join(output_path, _UNFINISHED)
    _remove(folder)
    tf.io.gfile.makedirs(folder)
    try:
        verdict = decide(gather(eval_config, policy, sources, make_pipeline, folder), policy, now)
        with tf.io.TFRecordWriter(os.path.join(folder, _VALIDATIONS_FILE)) as writer:
            writer.write(verdict.validation.SerializeToString())
        for name, lines in ((JSON_FILE, verdict.json_lines()), (TEXT_FILE, verdict.text_lines())):
            _write(os.path.join(folder, name), lines)
        _clear(output_path)
        for name in names_in(folder):
            tf.io.gfile.rename(os.path.join(folder, name), os.path.join(output_path, name), overwrite=True)
    finally:
        _remove(folder)
    return verdict


def _verify_apart(output_path: str, inputs: Iterable[str]) -> None:
    """Raises a ValueError where a verdict would be written over, into or around an input, or over something else."""
    output = resolved(output_path)
    for path in inputs:
        given = resolved(path)
        if is_within(given, output) or is_within(output, given):
            raise ValueError(
                f"The verdict would be written to {output_path}, but that is the input {path}, or one of them is in "
                "the other; name a folder of its own."
            )
    names = names_in(output_path)
    foreign = [name for name in names if name.startswith(_METRICS) and JSON_FILE not in names]
    if foreign:
        raise ValueError(
            f"The verdict would be written to {output_path}, which holds {foreign[0]} and no earlier verdict; name a "
            "folder of its own."
        )


def _write(path: str, lines: Iterable[str]) -> None:
    with tf.io.gfile.GFile(path, "w") as file:
        many = []
        for line in lines:
            many.append(line)
            if len(many) == _LINES:
                file.write("".join(many))
                many.clear()
        file.write("".join(many))


def _clear(path: str) -> None:
    """Removes what an earlier verdict left and the new one may not write over, which would be read with it."""
    for name in names_in(path):
        if name == REPORT_FILE or (name.startswith(_METRICS) and name.endswith(".tfrecord")):
            tf.io.gfile.remove(os.path.join(path, name))


def _remove(folder: str) -> None:
    if tf.io.gfile.exists(folder):
        tf.io.gfile.rmtree(folder)
